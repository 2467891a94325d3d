"""A network that has read the maps of its pictures: what a sampler calls at every step.

Scale and shift of all SPADE layers depend on the map only, and are a third of the published
network's work. They are computed once and kept, as far as memory was granted.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from semlink.receiver.diffusion.spade import MapStem, Modulation, SpadeGroupNorm
from semlink.receiver.diffusion.unet import SpadeUNet, enlarged

KEPT_BYTES = 4 << 30
"""Granted by default: one picture of the published networks (256x512) in bf16 and both guidance
branches, or a hundred of the shipped ones (192x256) in float32."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Reader:
    """A layer that reads the map, its map, and what it read if that is kept."""

    layer: MapStem | SpadeGroupNorm
    class_map: Float[Tensor, "batch map height width"]
    kept: Modulation | None = None

    def modulation(self) -> Modulation:
        """What was kept, or the same bits computed anew."""
        return self.layer.modulation(self.class_map) if self.kept is None else self.kept


@dataclass(frozen=True, eq=False)
class Prepared:
    """Answers for fixed maps; made by `prepare`.

    Attributes:
        net: the network.
        readers: its layers that read the map, in the order of their use.
        branches: maps of each picture.
        low_res: coarse pictures at full size, where the network takes them.
    """

    net: SpadeUNet
    readers: tuple[Reader, ...]
    branches: int
    low_res: Float[Tensor, "batch coarse height width"] | None

    @property
    def kept_bytes(self) -> int:
        """Memory of all that is kept from step to step."""
        return sum(_bytes(reader.kept) for reader in self.readers if reader.kept is not None)

    def __call__(
        self, x: Float[Tensor, "batch channel height width"], t: Float[Tensor, " batch"]
    ) -> Float[Tensor, "branched out height width"]:
        """The network's answers: for all pictures with their first maps, then the next."""
        modulations: Iterable[Modulation] = (reader.modulation() for reader in self.readers)
        if all(reader.kept for reader in self.readers):
            modulations = list(modulations)  # torch.compile makes one graph of a list
        answers: Tensor = self.net(x, t, modulations, self.low_res, self.branches)
        return answers


def prepare(
    net: SpadeUNet,
    *class_maps: Float[Tensor, "batch map height width"],
    low_res: Float[Tensor, "batch coarse low_height low_width"] | None = None,
    keep_bytes: int = KEPT_BYTES,
) -> Prepared:
    """Read the maps once for all steps.

    Args:
        net: the network.
        class_maps: of the same pictures; the maps of the second branch after those of the first.
        low_res: coarse pictures, where the network takes them.
        keep_bytes: what may be kept from step to step. Layers beyond it, the last ones and
            those of most pixels, read the map at every step: slower, the same bits.
    """
    maps = net.resized_maps(torch.cat(class_maps))
    size = class_maps[0].shape[-2:]
    readers = tuple(_readers(net, maps, keep_bytes))
    coarse = None if low_res is None else enlarged(low_res, size)
    return Prepared(net, readers, len(class_maps), coarse)


def _readers(net: SpadeUNet, maps: dict[int, Tensor], free_bytes: int) -> Iterator[Reader]:
    for layer, divisor in net.map_readers():
        read = layer.modulation(maps[divisor])
        fits = _bytes(read) <= free_bytes
        free_bytes -= _bytes(read) if fits else 0
        yield Reader(layer=layer, class_map=maps[divisor], kept=read if fits else None)


def _bytes(modulation: Modulation) -> int:
    return sum(part.untyped_storage().nbytes() for part in modulation)
