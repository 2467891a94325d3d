"""Classifier-free guidance of a map-conditioned network (Ho and Salimans, 2022)."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from semlink.receiver.diffusion.samplers import Denoise
from semlink.receiver.diffusion.spade import Modulation, stack_modulations
from semlink.receiver.diffusion.unet import SpadeUNet


def guided(
    net: SpadeUNet,
    class_map: Float[Tensor, "batch map height width"],
    *,
    scale: float = 2.0,
    low_res: Float[Tensor, "batch coarse low_height low_width"] | None = None,
) -> Denoise:
    """A denoiser whose answer is pushed away from what the network says without a map.

    The answer is `blind + scale * (informed - blind)`, where the blind pass sees an all-zero map
    and the same coarse picture. Both passes are one batch; the modulations are computed here,
    once. At scale 1 the blind pass is left out.

    Args:
        net: the network; a learned variance is taken from the informed pass.
        class_map: as the network expects it, one per picture.
        scale: strength of the guidance; GESCO 2, SPIC 1.5.
        low_res: coarse picture, where the network takes one.
    """
    informed = net.modulations(class_map)
    if scale == 1.0:
        return lambda x, t: net(x, t, informed, low_res)
    blind = _expand(net.modulations(torch.zeros_like(class_map[:1])), len(class_map))
    both = stack_modulations([informed, blind])
    twice_low_res = None if low_res is None else torch.cat([low_res, low_res])

    def denoise(x: Tensor, t: Tensor) -> Tensor:
        answer = net(torch.cat([x, x]), torch.cat([t, t]), both, twice_low_res)
        informed_answer, blind_answer = answer.chunk(2)
        return push(informed_answer, blind_answer, scale, x.shape[1])

    return denoise


def push(informed: Tensor, blind: Tensor, scale: float, channels: int) -> Tensor:
    """Guide the first `channels` channels; keep the variance of the informed answer."""
    guided_part = torch.lerp(blind[:, :channels], informed[:, :channels], scale)
    return torch.cat([guided_part, informed[:, channels:]], dim=1)


def _expand(modulations: list[Modulation], batch: int) -> list[Modulation]:
    return [
        (gamma.expand(batch, -1, -1, -1), beta.expand(batch, -1, -1, -1))
        for gamma, beta in modulations
    ]
