"""Random crops and colours for pairs of photo and label map."""

from __future__ import annotations

import math

import torch
from jaxtyping import Float, Int64, UInt8
from torch import Generator, Tensor
from torch.nn import functional


def _uniform(low: float, high: float, generator: Generator) -> float:
    return low + (high - low) * float(torch.rand((), generator=generator))


def random_crop(
    photo: UInt8[Tensor, "3 height width"],
    labels: UInt8[Tensor, "height width"],
    size: tuple[int, int],
    generator: Generator,
    *,
    largest_scale: float = 1.4,
) -> tuple[Float[Tensor, "3 rows columns"], Int64[Tensor, "rows columns"]]:
    """Cut a random window, bring it to `size` (rows, columns) and flip it every other time.

    The scale is log-uniform between the one that shows the whole photo and `largest_scale`, the
    sides' ratio is off by up to 15 %. The photo comes back in 0..1. The generator is the
    processor's, wherever photo and labels are.
    """
    height, width = labels.shape
    smallest = math.log(max(size[0] / height, size[1] / width))
    scale = math.exp(_uniform(smallest, math.log(largest_scale), generator))
    stretch = math.exp(_uniform(-0.15, 0.15, generator) / 2)
    rows = min(height, round(size[0] / scale * stretch))
    columns = min(width, round(size[1] / scale / stretch))
    top = int(_uniform(0.0, float(height - rows + 1), generator))
    left = int(_uniform(0.0, float(width - columns + 1), generator))
    window = (slice(top, top + rows), slice(left, left + columns))
    flip = [-1] if _uniform(0.0, 1.0, generator) < 0.5 else []
    crop = photo[:, *window][None].float() / 255
    crop = functional.interpolate(crop, size, mode="bilinear", antialias=True)[0]
    target = functional.interpolate(labels[window][None, None], size, mode="nearest-exact")[0, 0]
    return crop.flip(flip), target.flip(flip).long()


def jitter_colours(
    photos: Float[Tensor, "batch 3 height width"], generator: Generator
) -> Float[Tensor, "batch 3 height width"]:
    """Change exposure, contrast, saturation, white balance and gamma of every photo by itself.

    Strong on purpose: one camera and a few afternoons made the whole of CamVid. `photos` and
    `generator` are on one device.
    """

    def factor(strength: float, channels: int = 1) -> Tensor:
        shape = (len(photos), channels, 1, 1)
        noise = torch.rand(shape, generator=generator, device=photos.device)
        return torch.exp(strength * (2 * noise - 1))

    photos = photos * factor(0.4) * factor(0.15, 3)
    grey = photos.mean(1, keepdim=True)
    photos = grey + (photos - grey) * factor(0.6)
    mean = photos.mean((1, 2, 3), keepdim=True)
    photos = mean + (photos - mean) * factor(0.4)
    return photos.clamp(1e-4, 1) ** factor(0.4)
