"""Diffusion networks ready for work."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from semlink.receiver.device import pick_dtype
from semlink.receiver.diffusion.guidance import guided
from semlink.receiver.diffusion.samplers import Denoise, Process
from semlink.receiver.diffusion.unet import SpadeUNet
from semlink.receiver.diffusion.weights import load_diffusion
from semlink.zoo import find, names, verify


@dataclass(frozen=True, eq=False)
class DiffusionNetwork:
    """A network on its device, and what a sampler must know of its training.

    Attributes:
        net: computes in the number format of its weights.
        process: schedule and parameterisation.
        taxonomy: whose classes the channels of its map are.
    """

    net: SpadeUNet
    process: Process
    taxonomy: str

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return next(self.net.parameters()).device

    @property
    def classes(self) -> int:
        """Channels of the map that it expects."""
        return self.net.config.map_channels

    @property
    def multiple(self) -> int:
        """What the sides of a picture must be multiples of."""
        return self.net.config.multiple

    def denoiser(
        self, class_map: Float[Tensor, "batch class height width"], guidance: float
    ) -> Denoise:
        """What a sampler calls: float32 in and out, whatever the network computes in."""
        dtype = next(self.net.parameters()).dtype
        answer = guided(self.net, class_map.to(self.device, dtype), scale=guidance)
        return lambda x, t: answer(x.to(dtype), t).float()


def load_network(name: str, device: torch.device) -> DiffusionNetwork:
    """A network of the zoo, whose checksums must be right, or of a folder.

    Raises:
        NotFound: no such network.
        CorruptData: its files are damaged or do not fit each other.
    """
    folder = find(name)
    if name in names():
        verify(name)
    net, config = load_diffusion(folder, device, pick_dtype(device))
    return DiffusionNetwork(net, config.process(), config.taxonomy)
