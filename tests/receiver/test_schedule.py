from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from diffusers import DDPMScheduler

from semlink.receiver.diffusion.schedule import (
    SCHEDULES,
    NoiseSchedule,
    Prediction,
    clean_from,
    cosine_schedule,
    linear_schedule,
    noise_from,
    shifted_cosine_schedule,
)


@pytest.mark.parametrize("name", SCHEDULES)
def test_signal_falls_from_almost_all_to_almost_none(name: str) -> None:
    alpha_bar = SCHEDULES[name]().alpha_bar
    assert alpha_bar.dtype == torch.float64
    assert alpha_bar[0] > 0.99
    assert alpha_bar[-1] < 1e-3
    assert (alpha_bar.diff() <= 0).all()


@pytest.mark.parametrize(
    ("ours", "theirs"), [(linear_schedule, "linear"), (cosine_schedule, "squaredcos_cap_v2")]
)
def test_levels_are_those_of_diffusers(ours: Callable[[], NoiseSchedule], theirs: str) -> None:
    scheduler: Any = DDPMScheduler(beta_schedule=theirs)  # type: ignore[no-untyped-call]
    found = ours().alpha_bar.float()
    torch.testing.assert_close(found, scheduler.alphas_cumprod, rtol=1e-3, atol=1e-6)


def test_shift_moves_the_log_snr() -> None:
    plain, shifted = (
        torch.logit(shifted_cosine_schedule(log_snr_shift=shift).alpha_bar[300:700])
        for shift in (0.0, -2.0)
    )
    torch.testing.assert_close(shifted, plain - 2.0)


def test_spic_starts_at_the_published_noise() -> None:
    signal, sigma = linear_schedule().at(torch.tensor([192]), torch.zeros(1))
    assert math.isclose(signal.item(), 0.823, abs_tol=1e-3)
    assert math.isclose(sigma.item(), 0.568, abs_tol=1e-3)


def test_noise_keeps_unit_power() -> None:
    generator = torch.Generator().manual_seed(0)
    clean, noise = torch.randn(2, 4, 3, 64, 64, generator=generator)
    noisy = linear_schedule().add_noise(clean, noise, torch.tensor([0, 300, 600, 999]))
    assert noisy.square().mean((1, 2, 3)).sub(1).abs().max() < 0.05


@pytest.mark.parametrize("kind", ["noise", "v", "clean"])
def test_every_prediction_gives_the_picture_back(kind: Prediction) -> None:
    generator = torch.Generator().manual_seed(0)
    clean, noise = torch.randn(2, 2, 3, 8, 8, generator=generator, dtype=torch.float64)
    schedule: NoiseSchedule = linear_schedule()
    t = torch.tensor([10, 900])
    x = schedule.add_noise(clean, noise, t)
    signal, sigma = schedule.at(t, x)
    answer = {"noise": noise, "v": signal * noise - sigma * clean, "clean": clean}[kind]
    torch.testing.assert_close(clean_from(answer, x, signal, sigma, kind), clean)


def test_noise_is_what_the_picture_leaves() -> None:
    clean, noise = torch.ones(1, 1, 2, 2), torch.full((1, 1, 2, 2), -0.5)
    torch.testing.assert_close(noise_from(clean, 0.6 * clean + 0.8 * noise, 0.6, 0.8), noise)
