"""Diffusers' scheduler configs as what our samplers must know."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from jaxtyping import Float64
from torch import Tensor

from semlink.receiver.diffusion.samplers import Process
from semlink.receiver.diffusion.schedule import (
    NoiseSchedule,
    Prediction,
    cosine_schedule,
    linear_schedule,
)

PREDICTIONS: dict[str, Prediction] = {
    "epsilon": "noise",
    "v_prediction": "v",
    "sample": "clean",
}


def process_of(config: Mapping[str, Any]) -> Process:
    """Schedule and parameterisation of a scheduler_config.json, whichever sampler it names.

    Args:
        config: as diffusers writes it; what is missing takes diffusers' defaults.

    Raises:
        ValueError: a schedule or prediction that we do not have.
    """
    betas = config.get("beta_schedule", "linear")
    prediction = config.get("prediction_type", "epsilon")
    if config.get("trained_betas") is not None:
        schedule = _of_betas(torch.tensor(config["trained_betas"], dtype=torch.float64))
    elif betas in _SCHEDULES:
        schedule = _SCHEDULES[betas](
            config.get("num_train_timesteps", 1000),
            config.get("beta_start", 0.0001),
            config.get("beta_end", 0.02),
        )
    else:
        raise ValueError(f"unknown beta_schedule {betas!r}")
    if prediction not in PREDICTIONS or config.get("rescale_betas_zero_snr"):
        raise ValueError(f"unknown prediction_type {prediction!r}, or betas of zero SNR")
    clip = bool(config.get("clip_sample", True))
    return Process(schedule=schedule, prediction=PREDICTIONS[prediction], clip=clip)


def _scaled_linear(timesteps: int, first_beta: float, last_beta: float) -> NoiseSchedule:
    """Betas whose square roots are linear: the published schedule of latent diffusion."""
    roots = torch.linspace(first_beta**0.5, last_beta**0.5, timesteps, dtype=torch.float64)
    return _of_betas(roots**2)


def _of_betas(betas: Float64[Tensor, " timestep"]) -> NoiseSchedule:
    return NoiseSchedule(torch.cumprod(1 - betas, 0))


_SCHEDULES: dict[str, Callable[[int, float, float], NoiseSchedule]] = {
    "linear": linear_schedule,
    "scaled_linear": _scaled_linear,
    "squaredcos_cap_v2": lambda timesteps, *_: cosine_schedule(timesteps),
}
