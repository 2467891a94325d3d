"""GESCO's decoder (arXiv:2306.04321): denoise the map, then paint it by diffusion."""

from __future__ import annotations

from collections.abc import Generator
from time import perf_counter

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from semlink.core.codecs import label_coder
from semlink.core.conversions import targets
from semlink.core.errors import CorruptData, InvalidInput
from semlink.core.events import Denoised, Event, Lost, Outcome
from semlink.core.headers import MapHeader
from semlink.core.pictures import LabelMap
from semlink.core.received import ReceivedBits, ReceivedSamples
from semlink.receiver.denoising import DENOISERS
from semlink.receiver.networks import DiffusionNetwork, PaintsMaps
from semlink.receiver.painting import paint
from semlink.receiver.schemes.job import Job

PAYLOAD = "map"

PresentMaps = Float[Tensor, "present height width"]


def decode(job: Job) -> Generator[Event, None, None]:
    """The picture behind the received map, event by event.

    A map that travels as bits is whole or lost; it needs no denoising.

    Raises:
        CorruptData: header and payload do not fit each other.
        InvalidInput: the network does not know these classes, or cannot paint at this size.
    """
    started = perf_counter()
    header = MapHeader.from_bytes(job.header)
    network = job.network(DiffusionNetwork)
    check_network(header, network, job.settings.network)
    maps = _received_and_denoised(job, header)
    if maps is None:
        yield Lost(Outcome.LOST, (PAYLOAD,))
        return
    received, denoised = maps
    yield Denoised(
        received_map=_labels(received, header),
        denoised_map=_labels(denoised, header),
        denoise_s=perf_counter() - started,
    )
    seed = job.transmission.seed_for("diffusion")
    class_map = _all_classes(denoised, header)[None]
    yield from paint(network, class_map, job.settings, seed, header.photo)


def _received_and_denoised(job: Job, header: MapHeader) -> tuple[PresentMaps, PresentMaps] | None:
    """Maps of the present classes before and after denoising; None if nothing arrived."""
    if not job.received.has_samples(PAYLOAD):
        labels = received_map(job.received.bits(PAYLOAD), header)
        if labels is None:
            return None
        maps = _one_hot(labels, header)
        return maps, maps
    payload = job.received.samples(PAYLOAD)
    if payload.lost:
        return None
    _check_shape(payload, header)
    maps = torch.from_numpy(payload.samples.copy())
    variance = torch.from_numpy(payload.noise_variance.copy())
    return maps, DENOISERS[job.settings.denoiser](maps, variance)


def received_map(bits: ReceivedBits, header: MapHeader) -> LabelMap | None:
    """A map that travelled as bits; None if it did not arrive whole."""
    if not bits.intact:
        return None
    try:
        return label_coder.decode(bits.data, header.working, header.present)
    except CorruptData:  # an error that the CRCs missed
        return None


def _check_shape(payload: ReceivedSamples, header: MapHeader) -> None:
    expected = (len(header.present), *header.working)
    if payload.samples.shape != expected:
        raise CorruptData(
            f"the header announces maps of shape {expected}.",
            field="payload",
            value=payload.samples.shape,
            cure="Use the same version on both ends of the link.",
        )


def check_network(header: MapHeader, network: PaintsMaps, name: str) -> None:
    """Whether a network can paint a map.

    Raises:
        InvalidInput: it does not know the map's classes, or cannot paint at its size.
    """
    if header.classes != network.classes:
        raise InvalidInput(
            f"the network paints {network.classes} classes ({network.taxonomy}); "
            f"the map has {header.classes} ({header.taxonomy}).",
            field="network",
            value=name,
            cure=_cure(header.taxonomy, network.taxonomy),
        )
    if any(side % network.multiple for side in header.working):
        raise InvalidInput(
            f"the network paints pictures whose sides are multiples of {network.multiple}.",
            field="size",
            value=header.working,
            cure="Choose another size or network.",
        )


def _cure(sent: str, wanted: str) -> str:
    if wanted in targets(sent):
        return f"Send the map in those classes: taxonomy={wanted}."
    return "Choose a segmenter and a network of the same classes."


def _one_hot(labels: LabelMap, header: MapHeader) -> PresentMaps:
    classes = torch.from_numpy(labels.copy()).long()
    every = functional.one_hot(classes, header.classes).permute(2, 0, 1)
    return every[list(header.present)].float()


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
