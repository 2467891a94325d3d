"""Samplers: from a noisy picture to a clean one in a few calls of the network.

Each sampler is a generator. It yields after every step, so the receiver shows progress and
previews, and stops the work between two steps by closing the generator.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Generator, Tensor

from semlink.core.choices import Sampler
from semlink.core.errors import InvalidInput
from semlink.receiver.diffusion.schedule import (
    NoiseSchedule,
    Prediction,
    clean_from,
    noise_from,
)

Denoise = Callable[[Tensor, Tensor], Tensor]
"""`(x, t) -> prediction`: noisy pictures and a timestep for each give the network's answer."""


@dataclass(frozen=True, eq=False)
class Step:
    """Where a sampler stands after one step.

    Attributes:
        index: steps done, 1 .. total.
        total: steps in all.
        x: the picture at its new noise level; after the last step, the answer.
        clean: the current estimate of the clean picture, for previews.
    """

    index: int
    total: int
    x: Float[Tensor, "batch channel height width"]
    clean: Float[Tensor, "batch channel height width"]


@dataclass(frozen=True, eq=False, kw_only=True)
class Process:
    """What a sampler must know of how the network was trained.

    Attributes:
        schedule: noise level of every timestep.
        prediction: what the network answers.
        clip: whether estimates of the clean picture are kept in -1..1.
    """

    schedule: NoiseSchedule
    prediction: Prediction
    clip: bool = True

    def estimate(self, denoise: Denoise, x: Tensor, t: int) -> tuple[Tensor, Tensor | None]:
        """The clean estimate at timestep `t`, and the variance channels where there are any."""
        steps = torch.full((len(x),), t, dtype=torch.int64, device=x.device)
        answer = denoise(x, steps.to(torch.float32))
        signal, sigma = self.schedule.at(steps, x)
        channels = x.shape[1]
        clean = clean_from(answer[:, :channels], x, signal, sigma, self.prediction)
        variance = answer[:, channels:] if answer.shape[1] > channels else None
        return (clean.clamp(-1, 1) if self.clip else clean), variance

    def alpha_bar(self, t: int | None) -> float:
        """Share of signal power at `t`; 1 for None, the clean picture."""
        return 1.0 if t is None else float(self.schedule.alpha_bar[t])


def spaced_timesteps(start: int, steps: int) -> list[int]:
    """`steps` evenly spaced timesteps, falling from `start - 1`.

    Diffusers calls this spacing "trailing": the first step is at the noisiest level.

    Args:
        start: timesteps to go through, 1 .. T; T is pure noise, less starts from a picture.
        steps: 1 .. `start`.
    """
    if not 1 <= steps <= start:
        raise InvalidInput(
            "outside what the schedule allows.",
            field="steps",
            value=steps,
            cure=f"Choose 1 to {start}.",
        )
    return [round(start - i * start / steps) - 1 for i in range(steps)]


def ddpm(
    denoise: Denoise,
    x: Float[Tensor, "batch channel height width"],
    timesteps: Sequence[int],
    process: Process,
    generator: Generator | None = None,
) -> Iterator[Step]:
    """Ancestral sampling (Ho et al., 2020), also over a subset of the timesteps.

    The variance is the posterior's, or what the network learned between that and beta (Nichol
    and Dhariwal, 2021).

    Args:
        denoise: the network.
        x: pictures at the noise level of `timesteps[0]`.
        timesteps: falling; after the last one the picture is clean.
        process: schedule and parameterisation.
        generator: source of the fresh noise.
    """
    for i, (t, after) in enumerate(_pairs(timesteps)):
        clean, learned = process.estimate(denoise, x, t)
        now, then = process.alpha_bar(t), process.alpha_bar(after)
        beta = 1 - now / then
        mean = (
            then**0.5 * beta / (1 - now) * clean + (now / then) ** 0.5 * (1 - then) / (1 - now) * x
        )
        x = mean
        if after is not None:
            deviation = _deviation(beta, (1 - then) / (1 - now) * beta, learned)
            x = mean + deviation * _noise_like(mean, generator)
        yield Step(i + 1, len(timesteps), x, clean)


def ddim(
    denoise: Denoise,
    x: Float[Tensor, "batch channel height width"],
    timesteps: Sequence[int],
    process: Process,
    generator: Generator | None = None,
    *,
    eta: float = 0.0,
) -> Iterator[Step]:
    """DDIM (Song et al., 2021): deterministic at `eta` 0, as noisy as DDPM at 1.

    Arguments as in `ddpm`; `eta` is the share of fresh noise, 0..1.
    """
    for i, (t, after) in enumerate(_pairs(timesteps)):
        clean, _ = process.estimate(denoise, x, t)
        now, then = process.alpha_bar(t), process.alpha_bar(after)
        noise = noise_from(clean, x, now**0.5, (1 - now) ** 0.5)
        fresh = eta * ((1 - then) / (1 - now) * (1 - now / then)) ** 0.5
        x = then**0.5 * clean + (1 - then - fresh**2) ** 0.5 * noise
        if fresh > 0:
            x = x + fresh * _noise_like(x, generator)
        yield Step(i + 1, len(timesteps), x, clean)


def dpm_solver(
    denoise: Denoise,
    x: Float[Tensor, "batch channel height width"],
    timesteps: Sequence[int],
    process: Process,
    generator: Generator | None = None,
) -> Iterator[Step]:
    """DPM-Solver++ 2M (Lu et al., 2022): second order, one call a step, deterministic.

    Arguments as in `ddpm`; nothing is drawn from `generator`. The first and the last step are of
    first order.
    """
    before: tuple[float, Tensor] | None = None  # step in log SNR / 2 and clean estimate
    for i, (t, after) in enumerate(_pairs(timesteps)):
        clean, _ = process.estimate(denoise, x, t)
        now, then = process.alpha_bar(t), process.alpha_bar(after)
        if after is None:
            x = clean
        else:
            h = _half_log_snr(then) - _half_log_snr(now)
            target = clean
            if before is not None:
                target = clean + 0.5 * h / before[0] * (clean - before[1])
            x = ((1 - then) / (1 - now)) ** 0.5 * x - then**0.5 * math.expm1(-h) * target
            if h > 0:  # a clamped schedule stands still at its ends
                before = h, clean
        yield Step(i + 1, len(timesteps), x, clean)


Solver = Callable[[Denoise, Tensor, Sequence[int], Process, Generator | None], Iterator[Step]]

SAMPLERS: dict[Sampler, Solver] = {
    Sampler.DDPM: ddpm,
    Sampler.DDIM: ddim,
    Sampler.DPM_SOLVER: dpm_solver,
}


def run(steps: Iterator[Step]) -> Tensor:
    """Go through all steps and return the picture."""
    x: Tensor | None = None
    for step in steps:
        x = step.x
    assert x is not None, "a sampler makes at least one step"
    return x


def _pairs(timesteps: Sequence[int]) -> list[tuple[int, int | None]]:
    """Every timestep with the one after it; None stands for the clean picture."""
    return list(zip(timesteps, [*timesteps[1:], None], strict=True))


def _half_log_snr(alpha_bar: float) -> float:
    return 0.5 * math.log(alpha_bar / (1 - alpha_bar))


def _deviation(beta: float, posterior: float, learned: Tensor | None) -> Tensor | float:
    """Standard deviation of a DDPM step; `learned` interpolates the logarithms, -1..1."""
    if learned is None:
        return math.sqrt(posterior)
    share = (learned + 1) / 2
    log_variance = share * math.log(beta) + (1 - share) * math.log(posterior)
    deviation: Tensor = torch.exp(0.5 * log_variance)
    return deviation


def _noise_like(x: Tensor, generator: Generator | None) -> Tensor:
    device = x.device if generator is None else generator.device
    noise = torch.randn(x.shape, generator=generator, device=device, dtype=torch.float32)
    return noise.to(x)
