"""Noise schedules and what a network predicts under them.

A noisy picture is `x_t = sqrt(alpha_bar_t) x_0 + sqrt(1 - alpha_bar_t) noise`, t = 0 .. T - 1.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Float, Float64, Int64
from torch import Tensor

Prediction = Literal["noise", "v", "clean"]
"""What the network answers: the noise (published), v (Salimans and Ho, 2022), or the picture."""


@dataclass(frozen=True, eq=False)
class NoiseSchedule:
    """The share of signal power left at every timestep.

    Attributes:
        alpha_bar: falls from almost 1 to almost 0; in float64, because differences of its
            neighbours matter.
    """

    alpha_bar: Float64[Tensor, " timestep"]

    def __len__(self) -> int:
        return len(self.alpha_bar)

    def to(self, device: torch.device) -> NoiseSchedule:
        """The same schedule on a device, where `at` then waits for no copy."""
        return NoiseSchedule(self.alpha_bar.to(device))

    def at(
        self, t: Int64[Tensor, " batch"], like: Tensor
    ) -> tuple[Float[Tensor, "batch 1 1 1"], Float[Tensor, "batch 1 1 1"]]:
        """Scales of picture and noise at `t`, in the type and on the device of `like`."""
        alpha_bar = self.alpha_bar[t.to(self.alpha_bar.device)][:, None, None, None]
        return alpha_bar.sqrt().to(like), (1 - alpha_bar).sqrt().to(like)

    def add_noise(
        self,
        clean: Float[Tensor, "batch channel height width"],
        noise: Float[Tensor, "batch channel height width"],
        t: Int64[Tensor, " batch"],
    ) -> Float[Tensor, "batch channel height width"]:
        """The picture as it is at timestep `t` of each sample."""
        signal, sigma = self.at(t, clean)
        return signal * clean + sigma * noise


def linear_schedule(
    timesteps: int = 1000, first_beta: float = 1e-4, last_beta: float = 0.02
) -> NoiseSchedule:
    """Linear betas (Ho et al., 2020): the published schedule of GESCO and SPIC."""
    betas = torch.linspace(first_beta, last_beta, timesteps, dtype=torch.float64)
    return NoiseSchedule(torch.cumprod(1 - betas, 0))


def cosine_schedule(timesteps: int = 1000, offset: float = 0.008) -> NoiseSchedule:
    """Cosine alpha_bar with betas of at most 0.999 (Nichol and Dhariwal, 2021)."""
    grid = torch.arange(timesteps + 1, dtype=torch.float64) / timesteps
    level = torch.cos((grid + offset) / (1 + offset) * math.pi / 2) ** 2
    betas = (1 - level[1:] / level[:-1]).clamp(max=0.999)
    return NoiseSchedule(torch.cumprod(1 - betas, 0))


def shifted_cosine_schedule(timesteps: int = 1000, log_snr_shift: float = -2.0) -> NoiseSchedule:
    """Cosine schedule with its log SNR moved (Hoogeboom et al., "simple diffusion", 2023).

    Bigger pictures need more noise before their layout is gone; the shift that keeps a 64x64
    schedule for side d is `2 ln(64 / d)`. alpha_bar stays in 1e-4..0.9999.
    """
    grid = (torch.arange(timesteps, dtype=torch.float64) + 0.5) / timesteps
    log_snr = -2 * torch.log(torch.tan(math.pi / 2 * grid)) + log_snr_shift
    return NoiseSchedule(torch.sigmoid(log_snr).clamp(1e-4, 1 - 1e-4))


SCHEDULES: dict[str, Callable[[], NoiseSchedule]] = {
    "linear": linear_schedule,
    "cosine": cosine_schedule,
    "shifted-cosine": shifted_cosine_schedule,
}


def clean_from(
    prediction: Tensor, x: Tensor, signal: Tensor, sigma: Tensor, kind: Prediction
) -> Tensor:
    """The clean picture that a prediction stands for.

    Args:
        prediction: the network's answer.
        x: what it was asked about.
        signal: sqrt(alpha_bar), broadcast to `x`.
        sigma: sqrt(1 - alpha_bar), broadcast to `x`.
        kind: what the network predicts.
    """
    if kind == "noise":
        return (x - sigma * prediction) / signal
    if kind == "v":
        return signal * x - sigma * prediction
    return prediction


def noise_from(clean: Tensor, x: Tensor, signal: float, sigma: float) -> Tensor:
    """The noise that is left of `x` once the clean picture is taken out."""
    return (x - signal * clean) / sigma
