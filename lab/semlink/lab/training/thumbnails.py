"""Coarse pictures for training: shrunk, and spoilt by the codecs that will send them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Generator, Tensor
from torch.nn import functional

from semlink.core.codecs.table import CODECS
from semlink.core.pictures import Rgb, Size
from semlink.core.schemes import Scheme


@dataclass(frozen=True, kw_only=True)
class ThumbnailDamage:
    """How coarse pictures are spoilt.

    Attributes:
        factors: by how much their sides are smaller; one of them for each batch.
        codecs: each with the share of its range of qualities to draw from; one per sample.
        clean_share: of samples that no codec touches.
    """

    factors: tuple[int, ...] = (4, 4, 4, 4, 2, 3, 6, 8)
    codecs: tuple[tuple[Scheme, float, float], ...] = (
        (Scheme.AVIF, 0.06, 0.65),
        (Scheme.WEBP, 0.0, 0.6),
    )
    clean_share: float = 0.1


def thumbnails(
    pictures: Float[Tensor, "batch 3 height width"],
    damage: ThumbnailDamage,
    generator: Generator,
) -> Float[Tensor, "batch 3 low_height low_width"]:
    """Coarse pictures in -1..1, by area, each through a codec at some quality."""
    low = shrunk(pictures, damage.factors[_draw(len(damage.factors), generator)])
    rows = [_damaged(one, damage, generator) for one in to_bytes(low)]
    return to_picture(torch.from_numpy(np.stack(rows))).to(pictures.device)


def shrunk(
    pictures: Float[Tensor, "batch 3 height width"], factor: int
) -> Float[Tensor, "batch 3 low_height low_width"]:
    """Means of areas; sides are rounded up."""
    size = [-(-side // factor) for side in pictures.shape[-2:]]
    return functional.interpolate(pictures, size, mode="area")


def to_bytes(pictures: Float[Tensor, "batch 3 height width"]) -> list[Rgb]:
    """Pictures in -1..1 as a codec takes them."""
    levels = ((pictures.clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8)
    return list(levels.permute(0, 2, 3, 1).contiguous().cpu().numpy())


def to_picture(levels: Tensor) -> Float[Tensor, "batch 3 height width"]:
    """Bytes, channels last, as pictures in -1..1."""
    return levels.permute(0, 3, 1, 2).float() / 127.5 - 1


def through_codec(picture: Rgb, scheme: Scheme, share: float) -> Rgb:
    """What is left of a picture; `share` is how far up the codec's qualities, 0 .. 1."""
    codec = CODECS[scheme]
    worst, best = codec.qualities
    data = codec.encode(picture, worst + share * (best - worst))
    return codec.decode(data, Size(*picture.shape[:2]))


def _damaged(picture: Rgb, damage: ThumbnailDamage, generator: Generator) -> Rgb:
    scheme, worst, best = damage.codecs[_draw(len(damage.codecs), generator)]
    fate, share = torch.rand(2, generator=generator, device=generator.device).tolist()
    if fate < damage.clean_share:
        return picture
    return through_codec(picture, scheme, worst + share * (best - worst))


def _draw(count: int, generator: Generator) -> int:
    return int(torch.randint(count, (), generator=generator, device=generator.device))
