"""Class maps as the receiver gets them: one-hot, noisy, denoised."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import torch
from jaxtyping import Float, Int64
from torch import Generator, Tensor

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
    channels = torch.arange(classes, device=labels.device)[:, None, None]
    return (labels[:, None] == channels).float()


def received_maps(
    clean: Float[Tensor, "batch classes height width"], noise: MapNoise, generator: Generator
) -> Float[Tensor, "batch classes height width"]:
    """Maps after channel and published denoiser; classes not in the picture are exactly zero.

    `clean` and `generator` are on one device.
    """
    batch, device = len(clean), clean.device
    table = _table(noise.sigmas, device)
    sigma = table[torch.randint(len(table), (batch,), generator=generator, device=device)]
    field = torch.randn(clean.shape, generator=generator, device=device)
    present = clean.amax((2, 3), keepdim=True)
    noisy = fds(clean + field * sigma[:, None, None, None]) * present
    fate = torch.rand(batch, 1, 1, 1, generator=generator, device=device)
    maps = torch.where(fate < noise.blind_share + noise.clean_share, clean, noisy)
    return torch.where(fate < noise.blind_share, 0.0, maps)


@cache
def _table(sigmas: tuple[float, ...], device: torch.device) -> Float[Tensor, " sigma"]:
    """Copied once: a copy in every step would wait for the device."""
    return torch.tensor(sigmas, device=device)
