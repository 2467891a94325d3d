"""SGC's decoder (Bordin and Maugey, MMSP 2023): paint the map, from the noised colours on."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import replace
from time import perf_counter

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from semlink.core.codecs.colour_map import decode_colours
from semlink.core.errors import CorruptData
from semlink.core.events import Denoised, Event, Lost, Outcome, Reconstructed
from semlink.core.headers import ColouredMapHeader
from semlink.core.pictures import LabelMap, Size
from semlink.core.received import ReceivedBits
from semlink.receiver.diffusion.unet import enlarged
from semlink.receiver.latent.network import LatentNetwork
from semlink.receiver.latent.painting import paint_latent
from semlink.receiver.schemes.gesco import check_network, received_map
from semlink.receiver.schemes.job import Job
from semlink.receiver.schemes.spic import to_picture

MAP, COLOURS = "map", "colours"


def decode(job: Job) -> Generator[Event, None, None]:
    """The picture of the received map and colours, event by event.

    Without the map there is no picture. Without the colours, the map alone is painted, from
    noise through all timesteps: what it shows is where, in colours of the network's choice.

    Raises:
        CorruptData: the header cannot be read, or a payload is missing.
        InvalidInput: the network does not know these classes, cannot paint at this size, or was
            made for another scheme; or there are more steps than timesteps.
    """
    started = perf_counter()
    header = ColouredMapHeader.from_bytes(job.header)
    network = job.network(LatentNetwork)
    check_network(header.map, network, job.settings.network)
    small = received_map(job.received.bits(MAP), header.sent_map)
    colours = _received_colours(job.received.bits(COLOURS), header)
    lost = (COLOURS,) if colours is None else ()
    if small is None:
        yield Lost(Outcome.LOST, (MAP, *lost))
        return
    labels = enlarged_map(small, header.map.working)
    yield Denoised(received_map=labels, denoised_map=labels, denoise_s=perf_counter() - started)
    events = paint_latent(
        network,
        _one_hot(labels, header.map.classes),
        job.settings,
        job.transmission.seed_for("diffusion"),
        header.map.photo,
        start=colours,
    )
    for event in events:
        yield replace(event, lost=lost) if isinstance(event, Reconstructed) else event


def enlarged_map(labels: LabelMap, size: Size) -> LabelMap:
    """A map whose cells are those that the encoder took the most frequent labels of."""
    rows = np.arange(size.height) * labels.shape[0] // size.height
    columns = np.arange(size.width) * labels.shape[1] // size.width
    large: LabelMap = labels[rows[:, None], columns]
    return large


def _received_colours(
    bits: ReceivedBits, header: ColouredMapHeader
) -> Float[Tensor, "1 3 height width"] | None:
    """The colour map at the working size, in -1..1."""
    if not bits.intact:
        return None
    try:
        colours = decode_colours(bits.data, header.colour_size)
    except CorruptData:  # an error that the CRCs missed
        return None
    return enlarged(to_picture(colours), header.map.working)


def _one_hot(labels: LabelMap, classes: int) -> Float[Tensor, "1 class height width"]:
    every = functional.one_hot(torch.from_numpy(labels.copy()).long(), classes)
    return every.permute(2, 0, 1)[None].float()
