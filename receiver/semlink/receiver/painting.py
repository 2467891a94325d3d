"""The reverse process of one picture, as events."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from time import perf_counter
from typing import Generic, ParamSpec, TypeVar

import torch
from jaxtyping import Float
from torch import Tensor

from semlink.core.choices import Start
from semlink.core.events import Progress, Reconstructed
from semlink.core.pictures import Rgb, Size, resize
from semlink.core.settings import ReceiverSettings
from semlink.receiver.diffusion.samplers import SAMPLERS, Step, spaced_timesteps
from semlink.receiver.diffusion.unet import enlarged
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
    *,
    low_res: Float[Tensor, "1 3 low_height low_width"] | None = None,
    start: Float[Tensor, "1 3 low_height low_width"] | None = None,
) -> Generator[Progress | Reconstructed, None, None]:
    """Paints one map: `Progress` after every step, then `Reconstructed`.

    Args:
        network: the diffusion network.
        class_map: what it is conditioned on.
        settings: of the receiver.
        seed: of all noise, which is drawn on the CPU: the same on every device.
        photo: size of the final picture.
        low_res: coarse picture in -1..1 that the network is told as well, if it takes one.
        start: coarse picture from which to start; None starts from noise alone.

    Raises:
        InvalidInput: more steps than timesteps, or a network that was made for another scheme.
    """
    prepare = Timed(network.denoiser, network.device)
    denoise = Timed(prepare(class_map, settings.guidance, low_res), network.device)
    advance = Timed(_next_step, network.device)
    generator = torch.Generator().manual_seed(seed)
    size = Size(*class_map.shape[-2:])
    x, timesteps = _beginning(network, settings, generator, size, start)
    sampler = SAMPLERS[settings.sampler]
    steps = sampler(denoise, x.to(network.device), timesteps, network.process, generator)
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


def published_timesteps(total: int, start: int, steps: int) -> list[int]:
    """Timesteps of SPIC's published code, falling to 0: 192, 182, .. 10, 0 for 1000, 200, 20.

    All timesteps, the first and the last included, are evenly thinned out until about `steps` of
    them are left below `start`.

    Args:
        total: timesteps T of the schedule, at least 2.
        start: 1 .. T.
        steps: 1 .. `start`.

    Raises:
        InvalidInput: more steps than timesteps.
    """
    count = len(spaced_timesteps(start, steps))
    stride = (total - 1) / max(1, round(count * total / start) - 1)
    return [round(index * stride) for index in reversed(range(count))]


def to_rgb(picture: Float[Tensor, "1 3 height width"]) -> Rgb:
    """Eight-bit picture of values in -1..1; what is beyond is clipped."""
    levels = ((picture[0].float() + 1) * 127.5).round().clamp(0, 255)
    rgb: Rgb = levels.to(torch.uint8).permute(1, 2, 0).contiguous().cpu().numpy()
    return rgb


def _beginning(
    network: DiffusionNetwork,
    settings: ReceiverSettings,
    generator: torch.Generator,
    size: Size,
    start: Float[Tensor, "1 3 low_height low_width"] | None,
) -> tuple[Float[Tensor, "1 channel height width"], list[int]]:
    """What sampling starts from, and the timesteps that it visits."""
    noise = torch.randn(1, network.net.config.image_channels, *size, generator=generator)
    schedule = network.process.schedule
    if start is None or settings.start_timestep >= len(schedule):
        return noise, spaced_timesteps(len(schedule), settings.steps)
    picture = enlarged(start, size)
    if settings.start is Start.CLEAN:
        start_t, steps = settings.start_timestep, settings.steps
        return picture, published_timesteps(len(schedule), start_t, steps)
    timesteps = spaced_timesteps(settings.start_timestep, settings.steps)
    return schedule.add_noise(picture, noise, torch.tensor(timesteps[:1])), timesteps


def _next_step(steps: Iterator[Step]) -> Step | None:
    return next(steps, None)


def _preview(step: Step, every: int) -> Rgb | None:
    return to_rgb(step.clean) if every and step.index % every == 0 else None
