"""Sample sheets: one picture in which to see how far a training has come."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, Int64, UInt8
from PIL import Image
from torch import Tensor

from semlink.core.taxonomy import CAMVID


def to_uint8(
    pictures: Float[Tensor, "batch 3 height width"],
) -> UInt8[Tensor, "batch 3 height width"]:
    """Pictures in -1..1 as bytes."""
    return ((pictures.clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8)


def colourise(
    labels: Int64[Tensor, "batch height width"],
) -> UInt8[Tensor, "batch 3 height width"]:
    """Label maps in the classes' colours."""
    palette = torch.tensor(CAMVID.palette)
    return palette[labels].permute(0, 3, 1, 2)


def save_sheet(path: Path, rows: Sequence[UInt8[Tensor, "batch 3 height width"]]) -> None:
    """Write rows of equally many pictures as one file; the suffix decides the format."""
    joined = np.concatenate(
        [np.concatenate(list(row.permute(0, 2, 3, 1).numpy()), axis=1) for row in rows], axis=0
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(joined).save(path, quality=85)
