"""Diffusion networks ready for work."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, runtime_checkable
from weakref import WeakSet

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from semlink.core.errors import CorruptData, InvalidInput
from semlink.core.taxonomy import TAXONOMIES
from semlink.receiver.device import pick_dtype
from semlink.receiver.diffusion.guidance import guided
from semlink.receiver.diffusion.prepared import KEPT_BYTES, Prepared
from semlink.receiver.diffusion.samplers import Denoise, Process
from semlink.receiver.diffusion.unet import SpadeUNet
from semlink.receiver.diffusion.weights import load_diffusion

REHEARSAL_PX = 64


@runtime_checkable
class PaintsMaps(Protocol):
    """What networks that paint label maps have in common."""

    @property
    def taxonomy(self) -> str:
        """Whose classes the maps have."""

    @property
    def classes(self) -> int:
        """Classes of the maps, void included."""

    @property
    def multiple(self) -> int:
        """What the sides of a picture must be multiples of."""


@dataclass(frozen=True, eq=False)
class DiffusionNetwork:
    """A network on its device, and what a sampler must know of its training.

    Attributes:
        net: computes in the number format of its weights.
        process: schedule and parameterisation.
        taxonomy: whose classes its maps have.
    """

    net: SpadeUNet
    process: Process
    taxonomy: str
    _in_flight: WeakSet[Prepared] = field(default_factory=WeakSet, init=False)

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return next(self.net.parameters()).device

    @property
    def classes(self) -> int:
        """Classes of the maps that it paints, void included."""
        return len(TAXONOMIES[self.taxonomy].classes)

    @property
    def multiple(self) -> int:
        """What the sides of a picture must be multiples of."""
        return self.net.config.multiple

    def warm(self) -> None:
        """Paint something small, so that no picture pays for the first run."""
        side = -(-REHEARSAL_PX // self.multiple) * self.multiple
        config = self.net.config
        class_map = torch.zeros(1, self.classes, side, side)
        noise = torch.zeros(1, config.image_channels, side, side)
        coarse = config.low_res_channels
        low_res = torch.zeros(1, coarse, side, side) if coarse else None
        denoise = self.denoiser(class_map, 2.0, low_res)
        denoise(noise.to(self.device), torch.zeros(1).to(self.device))

    def denoiser(
        self,
        class_map: Float[Tensor, "batch class height width"],
        guidance: float,
        low_res: Float[Tensor, "batch 3 low_height low_width"] | None = None,
    ) -> Denoise:
        """What a sampler calls: float32 in and out, whatever the network computes in.

        All denoisers that are in use keep `KEPT_BYTES` together; more of them are slower and
        give the same bits. One thread makes them.

        Args:
            class_map: one channel per class.
            guidance: scale of the guidance.
            low_res: coarse picture in -1..1, for networks that take one.

        Raises:
            InvalidInput: the network takes a coarse picture and there is none, or the reverse.
        """
        self._check_low_res(low_res)
        like = next(self.net.parameters())
        answer = guided(
            self.net,
            fitted(class_map, self.net.config.map_channels).to(like),
            scale=guidance,
            low_res=None if low_res is None else low_res.to(like),
            keep_bytes=KEPT_BYTES - sum(prepared.kept_bytes for prepared in self._in_flight),
        )
        self._in_flight.add(answer.prepared)
        return lambda x, t: answer(x.to(like), t).float()

    def _check_low_res(self, low_res: Tensor | None) -> None:
        if (low_res is not None) != bool(self.net.config.low_res_channels):
            says = "no coarse picture" if low_res is not None else "a coarse picture as well"
            raise InvalidInput(
                f"it paints from a map and {says}, unlike this scheme.",
                field="network",
                cure="Choose a network that was made for the scheme.",
            )


def load_diffusion_network(name: str, folder: Path, device: torch.device) -> DiffusionNetwork:
    """A SPADE U-Net from its folder.

    Args:
        name: for errors.
        folder: with config.json and model.safetensors.
        device: where it will work.

    Raises:
        CorruptData: its files are damaged or do not fit each other.
    """
    net, config = load_diffusion(folder, device, pick_dtype(device))
    check_classes(name, config.taxonomy, net.config.map_channels)
    return DiffusionNetwork(net, config.process(), config.taxonomy)


def fitted(
    class_map: Float[Tensor, "batch class height width"], channels: int
) -> Float[Tensor, "batch {channels} height width"]:
    """A map as published networks want it.

    Those of 19 Cityscapes classes know no void, the last class: such pixels are all zero. Those
    with a channel more than classes were trained with the edges of instances, which do not
    travel: all zero.
    """
    missing = max(0, channels - class_map.shape[1])
    return functional.pad(class_map[:, :channels], (0, 0, 0, 0, 0, missing))


def check_classes(name: str, taxonomy: str, channels: int) -> None:
    """Whether `fitted` can fit maps of the taxonomy to a network's channels.

    Raises:
        CorruptData: it cannot.
    """
    known = TAXONOMIES.get(taxonomy)
    if known is None:
        raise CorruptData(
            f"the taxonomy {taxonomy!r} in its config.json is not known.",
            field="network",
            value=name,
            cure=f"Write one of {', '.join(TAXONOMIES)}.",
        )
    classes = len(known.classes)
    without_void = classes - (known.void == classes - 1)
    if channels not in (without_void, classes, classes + 1):
        raise CorruptData(
            f"its maps have {channels} channels; {taxonomy} has {classes} classes.",
            field="network",
            value=name,
            cure="Write the taxonomy that it was trained with into its config.json.",
        )
