"""Sample sheets: one picture in which to see how far a training has come."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Float, Int64, UInt8
from torch import Tensor

from semlink.core.pictures import Rgb
from semlink.core.taxonomy import TAXONOMIES


def to_uint8(
    pictures: Float[Tensor, "batch 3 height width"],
) -> UInt8[Tensor, "batch 3 height width"]:
    """Pictures in -1..1 as bytes."""
    return ((pictures.clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8)


def colourise(
    labels: Int64[Tensor, "batch height width"], taxonomy: str
) -> UInt8[Tensor, "batch 3 height width"]:
    """Label maps in the classes' colours."""
    palette = torch.tensor(TAXONOMIES[taxonomy].palette)
    return palette[labels].permute(0, 3, 1, 2)


def join_rows(rows: Sequence[UInt8[Tensor, "batch 3 height width"]]) -> Rgb:
    """Rows of equally many pictures as one picture."""
    return np.concatenate(
        [np.concatenate(list(row.permute(0, 2, 3, 1).numpy()), axis=1) for row in rows], axis=0
    )
