"""Classifier-free guidance of a map-conditioned network (Ho and Salimans, 2022)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from semlink.receiver.diffusion.prepared import KEPT_BYTES, Prepared, prepare
from semlink.receiver.diffusion.unet import SpadeUNet


@dataclass(frozen=True, eq=False)
class Guided:
    """A denoiser whose answer is pushed away from what the network says without a map.

    The answer is `blind + scale * (informed - blind)`, where the blind pass sees an all-zero map
    and the same coarse picture. Both passes are one batch.

    Attributes:
        prepared: the network, informed and blind; without the blind branch at scale 1.
        scale: strength of the guidance.
    """

    prepared: Prepared
    scale: float

    def __call__(
        self, x: Float[Tensor, "batch channel height width"], t: Float[Tensor, " batch"]
    ) -> Float[Tensor, "batch out height width"]:
        """The guided answer; a learned variance is that of the informed pass."""
        answers = self.prepared(x, t)
        if self.prepared.branches == 1:
            return answers
        informed, blind = answers.chunk(2)
        return push(informed, blind, self.scale, x.shape[1])


def guided(
    net: SpadeUNet,
    class_map: Float[Tensor, "batch map height width"],
    *,
    scale: float = 2.0,
    low_res: Float[Tensor, "batch coarse low_height low_width"] | None = None,
    keep_bytes: int = KEPT_BYTES,
) -> Guided:
    """A guided denoiser for these maps, which are read here, once.

    Args:
        net: the network.
        class_map: as the network expects it, one per picture.
        scale: strength of the guidance; GESCO 2, SPIC 1.5. At 1 the blind pass is left out.
        low_res: coarse picture, where the network takes one.
        keep_bytes: what may be kept from step to step, see `prepare`.
    """
    maps = (class_map,) if scale == 1.0 else (class_map, torch.zeros_like(class_map))
    return Guided(prepare(net, *maps, low_res=low_res, keep_bytes=keep_bytes), scale)


def push(informed: Tensor, blind: Tensor, scale: float, channels: int) -> Tensor:
    """Guide the first `channels` channels; keep the variance of the informed answer."""
    guided_part = torch.lerp(blind[:, :channels], informed[:, :channels], scale)
    return torch.cat([guided_part, informed[:, channels:]], dim=1)
