from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest
import torch
from diffusers import DDIMScheduler, DDPMScheduler, DPMSolverMultistepScheduler
from torch import Generator, Tensor

from semlink.core.choices import Sampler
from semlink.core.errors import InvalidInput
from semlink.receiver.diffusion.samplers import (
    SAMPLERS,
    Process,
    Step,
    ddim,
    ddpm,
    dpm_solver,
    run,
    spaced_timesteps,
)
from semlink.receiver.diffusion.schedule import NoiseSchedule, Prediction, linear_schedule

NAMES: dict[Prediction, str] = {"noise": "epsilon", "v": "v_prediction", "clean": "sample"}
STEPS = 8


def network(channels: int = 3) -> Callable[[Tensor, Tensor], Tensor]:
    """A smooth answer that depends on everything a network sees."""

    def answer(x: Tensor, t: Tensor) -> Tensor:
        mixed = torch.sin(2 * x + t[:, None, None, None] / 300) + 0.3 * x.roll(1, dims=-1)
        return torch.cat([mixed, torch.tanh(mixed)], dim=1)[:, :channels]

    return answer


def seeded() -> Generator:
    return torch.Generator().manual_seed(5)


def start() -> Tensor:
    return torch.randn(2, 3, 8, 8, generator=torch.Generator().manual_seed(3))


def process(prediction: Prediction = "noise", *, clip: bool = False) -> Process:
    return Process(schedule=linear_schedule(), prediction=prediction, clip=clip)


def by_diffusers(
    scheduler: Any, channels: int = 3, **step_options: object
) -> tuple[Tensor, list[int]]:
    """The picture of diffusers' loop for the same network and noise, and its timesteps."""
    scheduler.set_timesteps(STEPS)
    x, answer = start(), network(channels)
    for t in scheduler.timesteps:
        prediction = answer(x, t.expand(len(x)).float())
        x = scheduler.step(prediction, t, x, **step_options).prev_sample
    return x, scheduler.timesteps.tolist()


def assert_same(ours: Tensor, expected: Tensor) -> None:
    """Equal to 1e-4 of the largest value: diffusers keeps alpha_bar in float32."""
    assert (ours - expected).abs().max() < 1e-4 * expected.abs().max()


@pytest.mark.parametrize("prediction", NAMES)
@pytest.mark.parametrize("clip", [False, True])
def test_ddpm_agrees_with_diffusers(prediction: Prediction, clip: bool) -> None:
    scheduler = DDPMScheduler(  # type: ignore[no-untyped-call]
        prediction_type=NAMES[prediction], clip_sample=clip, timestep_spacing="trailing"
    )
    expected, timesteps = by_diffusers(scheduler, generator=seeded())
    ours = run(ddpm(network(), start(), timesteps, process(prediction, clip=clip), seeded()))
    assert_same(ours, expected)


def test_ddpm_with_learned_variance_agrees_with_diffusers() -> None:
    scheduler = DDPMScheduler(  # type: ignore[no-untyped-call]
        variance_type="learned_range", clip_sample=True, timestep_spacing="leading"
    )
    expected, timesteps = by_diffusers(scheduler, channels=6, generator=seeded())
    ours = run(ddpm(network(6), start(), timesteps, process(clip=True), seeded()))
    assert_same(ours, expected)


@pytest.mark.parametrize("prediction", NAMES)
@pytest.mark.parametrize("eta", [0.0, 0.7])
def test_ddim_agrees_with_diffusers(prediction: Prediction, eta: float) -> None:
    scheduler = DDIMScheduler(  # type: ignore[no-untyped-call]
        prediction_type=NAMES[prediction], clip_sample=False, timestep_spacing="trailing"
    )
    expected, timesteps = by_diffusers(scheduler, eta=eta, generator=seeded())
    ours = run(ddim(network(), start(), timesteps, process(prediction), seeded(), eta=eta))
    assert_same(ours, expected)


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
@pytest.mark.parametrize("prediction", NAMES)
def test_dpm_solver_agrees_with_diffusers(prediction: Prediction) -> None:
    scheduler = DPMSolverMultistepScheduler(  # type: ignore[no-untyped-call]
        prediction_type=NAMES[prediction], timestep_spacing="trailing"
    )
    expected, timesteps = by_diffusers(scheduler)
    ours = run(dpm_solver(network(), start(), timesteps, process(prediction)))
    assert_same(ours, expected)


def perfect(schedule: NoiseSchedule) -> Callable[[Tensor, Tensor], Tensor]:
    """The best answer where every pixel is normal with mean 0.4 and deviation 0.2."""

    def answer(x: Tensor, t: Tensor) -> Tensor:
        alpha_bar = schedule.alpha_bar[t.long()][:, None, None, None].float()
        gain = alpha_bar.sqrt() * 0.04 / (alpha_bar * 0.04 + 1 - alpha_bar)
        return 0.4 + gain * (x - alpha_bar.sqrt() * 0.4)

    return answer


@pytest.mark.parametrize("name", Sampler)
def test_a_perfect_network_gives_the_true_distribution(name: Sampler) -> None:
    x = torch.randn(1, 1, 64, 64, generator=torch.Generator().manual_seed(3))
    schedule = linear_schedule()
    x = run(SAMPLERS[name](perfect(schedule), x, range(999, -1, -1), process("clean"), seeded()))
    assert abs(x.mean().item() - 0.4) < 0.01
    assert abs(x.std().item() - 0.2) < 0.01


@pytest.mark.parametrize("name", Sampler)
def test_same_generator_same_picture(name: Sampler) -> None:
    def paint() -> Tensor:
        return run(SAMPLERS[name](network(), start(), [900, 500, 100], process(), seeded()))

    assert torch.equal(paint(), paint())


@pytest.mark.parametrize("name", Sampler)
def test_closing_stops_the_work(name: Sampler) -> None:
    calls = []

    def counted(x: Tensor, t: Tensor) -> Tensor:
        calls.append(t)
        return x

    steps = SAMPLERS[name](counted, start(), [900, 500, 100], process(), seeded())
    next(steps)
    steps.close()  # type: ignore[attr-defined]
    assert len(calls) == 1
    assert list(steps) == []


def progress(steps: Iterator[Step]) -> Sequence[tuple[int, int]]:
    return [(step.index, step.total) for step in steps]


@pytest.mark.parametrize("name", Sampler)
def test_progress_counts_up_to_the_total(name: Sampler) -> None:
    steps = SAMPLERS[name](network(), start(), [900, 500, 100], process(), seeded())
    assert progress(steps) == [(1, 3), (2, 3), (3, 3)]


@pytest.mark.parametrize("name", [Sampler.DDIM, Sampler.DPM_SOLVER])
def test_the_last_step_gives_the_last_estimate(name: Sampler) -> None:
    last = list(SAMPLERS[name](network(), start(), [900, 100], process(), None))[-1]
    torch.testing.assert_close(last.x, last.clean)


def test_timesteps_fall_from_the_noisiest() -> None:
    assert spaced_timesteps(1000, 4) == [999, 749, 499, 249]
    assert spaced_timesteps(3, 3) == [2, 1, 0]


@pytest.mark.parametrize("steps", [0, 201])
def test_too_few_or_too_many_steps_are_named(steps: int) -> None:
    with pytest.raises(InvalidInput, match="steps"):
        spaced_timesteps(200, steps)
