"""Pictures from class maps while a network is being trained."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from semlink.core.pictures import Rgb
from semlink.lab.training.maps import one_hot
from semlink.lab.training.pictures import PackedPictures
from semlink.lab.training.sheets import colourise, join_rows, to_uint8
from semlink.receiver.denoising.fds import fds
from semlink.receiver.diffusion.guidance import guided
from semlink.receiver.diffusion.samplers import Process, ddim, run, spaced_timesteps
from semlink.receiver.diffusion.unet import SpadeUNet

SHEET_SIGMA = 0.36  # of the noise on the maps of the last row


@torch.no_grad()
def paint(
    net: SpadeUNet,
    process: Process,
    class_map: Float[Tensor, "batch classes height width"],
    *,
    low_res: Float[Tensor, "batch 3 low_height low_width"] | None = None,
    start: int | None = None,
    steps: int = 12,
    scale: float = 1.5,
    seed: int = 1,
) -> Float[Tensor, "batch 3 height width"]:
    """Pictures in -1..1 for some maps; the same on every device, up to rounding.

    Args:
        net: the network.
        process: how it was trained.
        class_map: what it is told.
        low_res: coarse pictures, where it takes them.
        start: timesteps to go through, from the noised coarse pictures; all, from noise, if None.
        steps: how many of them are visited.
        scale: of the guidance.
        seed: of the noise.
    """
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(len(class_map), 3, *class_map.shape[-2:], generator=generator)
    x = x.to(class_map.device)
    timesteps = spaced_timesteps(start or len(process.schedule), steps)
    if low_res is not None and start is not None:
        coarse = functional.interpolate(low_res, x.shape[-2:], mode="bilinear")
        x = process.schedule.add_noise(coarse, x, torch.full((len(x),), timesteps[0]))
    denoise = guided(net, class_map, scale=scale, low_res=low_res)
    return run(ddim(denoise, x, timesteps, process))


def sample_sheet(net: SpadeUNet, process: Process, held_out: PackedPictures, taxonomy: str) -> Rgb:
    """Maps, pictures from clean maps at guidance 1 and 2, and from noisy maps."""
    labels = held_out.labels.long()
    clean = one_hot(labels, net.config.map_channels)
    generator = torch.Generator().manual_seed(7)
    noisy = clean + SHEET_SIGMA * torch.randn(clean.shape, generator=generator)
    noisy = fds(noisy) * clean.amax((2, 3), keepdim=True)
    device = next(net.parameters()).device
    pictures = [
        paint(net, process, class_map.to(device), scale=scale)
        for class_map, scale in ((clean, 1.0), (clean, 2.0), (noisy, 2.0))
    ]
    return join_rows([colourise(labels, taxonomy), *(to_uint8(row).cpu() for row in pictures)])
