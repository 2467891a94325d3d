"""GESCO's decoder (arXiv:2306.04321): denoise the map, then paint it by diffusion."""

from __future__ import annotations

from collections.abc import Generator
from time import perf_counter

import torch
from jaxtyping import Float
from torch import Tensor

from semlink.core.errors import CorruptData, InvalidInput
from semlink.core.events import Denoised, Event
from semlink.core.headers import MapHeader
from semlink.core.pictures import LabelMap
from semlink.core.received import Received
from semlink.core.settings import ReceiverSettings
from semlink.core.transmission import Transmission
from semlink.receiver.denoising import DENOISERS
from semlink.receiver.networks import DiffusionNetwork
from semlink.receiver.painting import paint

PAYLOAD = "map"

PresentMaps = Float[Tensor, "present height width"]


def decode(
    received: Received,
    settings: ReceiverSettings,
    transmission: Transmission,
    network: DiffusionNetwork,
) -> Generator[Event, None, None]:
    """The picture behind the received map, event by event.

    Raises:
        CorruptData: header and payload do not fit each other.
        InvalidInput: the network does not know these classes, or cannot paint at this size.
    """
    started = perf_counter()
    header = MapHeader.from_bytes(received.header)
    maps = _present_maps(received, header)
    _check_network(header, network, settings.network)
    denoised = DENOISERS[settings.denoiser](maps)
    yield Denoised(
        received_map=_labels(maps, header),
        denoised_map=_labels(denoised, header),
        lost=(),
        denoise_s=perf_counter() - started,
    )
    seed = transmission.seed_for("diffusion")
    yield from paint(network, _all_classes(denoised, header)[None], settings, seed, header.photo)


def _present_maps(received: Received, header: MapHeader) -> PresentMaps:
    samples = received.samples(PAYLOAD).samples
    expected = (len(header.present), *header.working)
    if samples.shape != expected:
        raise CorruptData(
            f"the header announces maps of shape {expected}.",
            field="payload",
            value=samples.shape,
            cure="Use the same version on both ends of the link.",
        )
    return torch.from_numpy(samples.copy())


def _check_network(header: MapHeader, network: DiffusionNetwork, name: str) -> None:
    if header.classes != network.classes:
        raise InvalidInput(
            f"the network paints {network.classes} classes ({network.taxonomy}); "
            f"the map has {header.classes} ({header.taxonomy}).",
            field="network",
            value=name,
            cure="Choose a segmenter and a network of the same classes.",
        )
    if any(side % network.multiple for side in header.working):
        raise InvalidInput(
            f"the network paints pictures whose sides are multiples of {network.multiple}.",
            field="size",
            value=header.working,
            cure="Choose another size or network.",
        )


def _labels(maps: PresentMaps, header: MapHeader) -> LabelMap:
    """The most likely present class of every pixel."""
    present = torch.tensor(header.present, dtype=torch.uint8)
    labels: LabelMap = present[maps.argmax(0)].numpy()
    return labels


def _all_classes(maps: PresentMaps, header: MapHeader) -> Float[Tensor, "class height width"]:
    """Maps of all classes; those of absent classes are exactly zero."""
    scattered = maps.new_zeros(header.classes, *header.working)
    scattered[list(header.present)] = maps
    return scattered
