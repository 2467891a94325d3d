"""The reverse process of one picture in latent space, as events."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from time import perf_counter

import torch
from jaxtyping import Float
from torch import Tensor

from semlink.core.events import Progress, Reconstructed
from semlink.core.pictures import Size, resize
from semlink.core.settings import ReceiverSettings
from semlink.receiver.diffusion.samplers import SAMPLERS, Step, spaced_timesteps
from semlink.receiver.latent.network import LatentNetwork
from semlink.receiver.painting import Timed, to_rgb


def paint_latent(
    network: LatentNetwork,
    class_map: Float[Tensor, "1 class height width"],
    settings: ReceiverSettings,
    seed: int,
    photo: Size,
    *,
    start: Float[Tensor, "1 3 height width"] | None = None,
) -> Generator[Progress | Reconstructed, None, None]:
    """Paints one map: `Progress` after every step, then `Reconstructed`.

    Args:
        network: the diffusion network.
        class_map: what it is conditioned on.
        settings: of the receiver.
        seed: of all noise, which is drawn on the CPU: the same on every device.
        photo: size of the final picture.
        start: picture in -1..1 whose noised latent is where the process sets in, at
            `settings.start_timestep` (SDEdit, Meng et al., 2022); None starts from noise alone.

    Raises:
        InvalidInput: more steps than timesteps.
    """
    prepare = Timed(network.denoiser, network.device)
    encode, decode = Timed(network.encode, network.device), Timed(network.decode, network.device)
    denoise = Timed(prepare(class_map, settings.guidance), network.device)
    generator = torch.Generator().manual_seed(seed)
    latent = None if start is None else encode(start)
    size = network.latent_size(Size(*class_map.shape[-2:]))
    x, timesteps = _beginning(network, settings, generator, size, latent)
    sampler = SAMPLERS[settings.sampler]
    steps = sampler(denoise, x.to(network.device), timesteps, network.process, generator)
    advance = Timed(_next_step, network.device)
    step = last = advance(steps)
    while step is not None:
        wanted = settings.preview_steps and step.index % settings.preview_steps == 0
        preview = to_rgb(decode(step.clean)) if wanted else None
        yield Progress(step.index, step.total, preview)
        step, last = advance(steps), step
    assert last is not None, "a sampler makes at least one step"
    started = perf_counter()
    working_picture = to_rgb(decode(last.x))
    yield Reconstructed(
        picture=resize(working_picture, photo),
        working_picture=working_picture,
        network_s=prepare.seconds + encode.seconds + denoise.seconds,
        sample_s=prepare.seconds + encode.seconds + advance.seconds,
        finish_s=perf_counter() - started,
    )


def _beginning(
    network: LatentNetwork,
    settings: ReceiverSettings,
    generator: torch.Generator,
    size: Size,
    latent: Float[Tensor, "1 channel low_height low_width"] | None,
) -> tuple[Float[Tensor, "1 channel low_height low_width"], list[int]]:
    """What sampling starts from, and the timesteps that it visits."""
    noise = torch.randn(1, network.models.latent_channels, *size, generator=generator)
    schedule = network.process.schedule
    if latent is None or settings.start_timestep >= len(schedule):
        return noise, spaced_timesteps(len(schedule), settings.steps)
    timesteps = spaced_timesteps(settings.start_timestep, settings.steps)
    return schedule.add_noise(latent, noise, torch.tensor(timesteps[:1])), timesteps


def _next_step(steps: Iterator[Step]) -> Step | None:
    return next(steps, None)
