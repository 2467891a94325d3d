"""Class maps as the receiver gets them: one-hot, noisy, denoised."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int64
from torch import Generator, Tensor
from torch.nn import functional

from semlink.core.noise import GESCO_TABLE
from semlink.receiver.denoising.fds import fds

PUBLISHED_SIGMAS = tuple(sigma for sigma in GESCO_TABLE.values() if sigma)


@dataclass(frozen=True, kw_only=True)
class MapNoise:
    """How training maps are spoilt.

    Attributes:
        sigmas: standard deviations to draw from, one per sample.
        clean_share: share of samples whose map is left as it is.
        blind_share: share of samples whose map is all zero, for classifier-free guidance.
    """

    sigmas: tuple[float, ...] = PUBLISHED_SIGMAS
    clean_share: float = 0.33
    blind_share: float = 0.12


def one_hot(
    labels: Int64[Tensor, "batch height width"], classes: int
) -> Float[Tensor, "batch classes height width"]:
    """One channel a class, 1 where the class is."""
    return functional.one_hot(labels, classes).permute(0, 3, 1, 2).float()


def received_maps(
    clean: Float[Tensor, "batch classes height width"], noise: MapNoise, generator: Generator
) -> Float[Tensor, "batch classes height width"]:
    """Maps after channel and published denoiser; classes not in the picture are exactly zero."""
    batch = len(clean)
    table = torch.tensor(noise.sigmas)
    sigma = table[torch.randint(len(table), (batch,), generator=generator)]
    field = torch.randn(clean.shape, generator=generator) * sigma[:, None, None, None]
    present = clean.amax((2, 3), keepdim=True)
    noisy = fds(clean + field) * present
    fate = torch.rand(batch, 1, 1, 1, generator=generator)
    maps = torch.where(fate < noise.blind_share + noise.clean_share, clean, noisy)
    return torch.where(fate < noise.blind_share, 0.0, maps)
