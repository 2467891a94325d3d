"""Pictures from class maps while a GESCO network is being trained."""

from __future__ import annotations

from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor

from semlink.lab.training.maps import one_hot
from semlink.lab.training.pictures import PackedPictures
from semlink.lab.training.sheets import colourise, save_sheet, to_uint8
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
    steps: int = 12,
    scale: float = 1.5,
    seed: int = 1,
) -> Float[Tensor, "batch 3 height width"]:
    """Pictures in -1..1 for some maps; the same on every device, up to rounding."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(len(class_map), 3, *class_map.shape[-2:], generator=generator)
    denoise = guided(net, class_map, scale=scale)
    timesteps = spaced_timesteps(len(process.schedule), steps)
    return run(ddim(denoise, x.to(class_map.device), timesteps, process))


def sample_sheet(net: SpadeUNet, process: Process, held_out: PackedPictures, path: Path) -> None:
    """Write maps, pictures from clean maps at guidance 1 and 2, and from noisy maps."""
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
    save_sheet(path, [colourise(labels), *(to_uint8(row).cpu() for row in pictures)])
