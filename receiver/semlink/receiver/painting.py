"""The reverse process of one picture, as events."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from time import perf_counter
from typing import Generic, ParamSpec, TypeVar

import torch
from jaxtyping import Float
from torch import Tensor

from semlink.core.events import Progress, Reconstructed
from semlink.core.pictures import Rgb, Size, resize
from semlink.core.settings import ReceiverSettings
from semlink.receiver.diffusion.samplers import SAMPLERS, Denoise, Step, spaced_timesteps
from semlink.receiver.networks import DiffusionNetwork

P = ParamSpec("P")
R = TypeVar("R")


class Timed(Generic[P, R]):
    """A function that adds up the seconds of its calls, work on the device included.

    Attributes:
        seconds: so far; what else the thread does between the calls does not count.
    """

    def __init__(self, function: Callable[P, R], device: torch.device):
        self._function = function
        self._device = device
        self.seconds = 0.0

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """The function's answer, once the device is done with it."""
        started = perf_counter()
        answer = self._function(*args, **kwargs)
        if self._device.type == "cuda":
            torch.cuda.synchronize(self._device)
        self.seconds += perf_counter() - started
        return answer


def paint(
    network: DiffusionNetwork,
    class_map: Float[Tensor, "1 class height width"],
    settings: ReceiverSettings,
    seed: int,
    photo: Size,
) -> Generator[Progress | Reconstructed, None, None]:
    """Paints one map: `Progress` after every step, then `Reconstructed`.

    Args:
        network: the diffusion network.
        class_map: what it is conditioned on.
        settings: of the receiver.
        seed: of all noise, which is drawn on the CPU: the same on every device.
        photo: size of the final picture.
    """
    prepare = Timed(network.denoiser, network.device)
    denoise = Timed(prepare(class_map, settings.guidance), network.device)
    advance = Timed(_next_step, network.device)
    steps = _steps(network, denoise, settings, seed, Size(*class_map.shape[-2:]))
    step = last = advance(steps)
    while step is not None:
        yield Progress(step.index, step.total, _preview(step, settings.preview_steps))
        step, last = advance(steps), step
    assert last is not None, "a sampler makes at least one step"
    started = perf_counter()
    working_picture = to_rgb(last.x)
    picture = resize(working_picture, photo)
    yield Reconstructed(
        picture=picture,
        working_picture=working_picture,
        network_s=prepare.seconds + denoise.seconds,
        sample_s=prepare.seconds + advance.seconds,
        finish_s=perf_counter() - started,
    )


def to_rgb(picture: Float[Tensor, "1 3 height width"]) -> Rgb:
    """Eight-bit picture of values in -1..1; what is beyond is clipped."""
    levels = ((picture[0].float() + 1) * 127.5).round().clamp(0, 255)
    rgb: Rgb = levels.to(torch.uint8).permute(1, 2, 0).contiguous().cpu().numpy()
    return rgb


def _steps(
    network: DiffusionNetwork,
    denoise: Denoise,
    settings: ReceiverSettings,
    seed: int,
    size: Size,
) -> Iterator[Step]:
    process, channels = network.process, network.net.config.image_channels
    generator = torch.Generator().manual_seed(seed)
    noise = torch.randn(1, channels, *size, generator=generator).to(network.device)
    timesteps = spaced_timesteps(len(process.schedule), settings.steps)
    return SAMPLERS[settings.sampler](denoise, noise, timesteps, process, generator)


def _next_step(steps: Iterator[Step]) -> Step | None:
    return next(steps, None)


def _preview(step: Step, every: int) -> Rgb | None:
    return to_rgb(step.clean) if every and step.index % every == 0 else None
