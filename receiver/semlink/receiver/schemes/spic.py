"""SPIC's decoder (arXiv:2310.15737): paint the map by diffusion, from the coarse picture on."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import replace
from time import perf_counter

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from semlink.core.codecs.thumbnail import decode_thumbnail, thumbnail_size
from semlink.core.errors import CorruptData
from semlink.core.events import Denoised, Event, Lost, Outcome, Reconstructed
from semlink.core.headers import CoarseMapHeader
from semlink.core.pictures import LabelMap, Rgb
from semlink.core.received import ReceivedBits
from semlink.receiver.networks import DiffusionNetwork
from semlink.receiver.painting import paint
from semlink.receiver.schemes.gesco import check_network, received_map
from semlink.receiver.schemes.job import Job

MAP, COARSE = "map", "coarse"

CoarsePicture = Float[Tensor, "1 3 low_height low_width"]


def decode(job: Job) -> Generator[Event, None, None]:
    """The picture of the received map and coarse picture, event by event.

    Without the map there is no picture. Without the coarse picture, the map alone is painted,
    from noise through all timesteps: what it shows is where, in colours of the network's choice.

    Raises:
        CorruptData: the header cannot be read, or a payload is missing.
        InvalidInput: the network does not know these classes, cannot paint at this size, or was
            made for another scheme; or there are more steps than timesteps.
    """
    started = perf_counter()
    header = CoarseMapHeader.from_bytes(job.header)
    network = job.network(DiffusionNetwork)
    check_network(header.map, network, job.settings.network)
    labels = received_map(job.received.bits(MAP), header.map)
    coarse = _received_coarse(job.received.bits(COARSE), header)
    lost = (COARSE,) if coarse is None else ()
    if labels is None:
        yield Lost(Outcome.LOST, (MAP, *lost))
        return
    yield Denoised(received_map=labels, denoised_map=labels, denoise_s=perf_counter() - started)
    events = paint(
        network,
        _one_hot(labels, header.map.classes),
        job.settings,
        job.transmission.seed_for("diffusion"),
        header.map.photo,
        low_res=torch.zeros(1, 3, 1, 1) if coarse is None else coarse,
        start=coarse,
    )
    for event in events:
        yield replace(event, lost=lost) if isinstance(event, Reconstructed) else event


def to_picture(rgb: Rgb) -> CoarsePicture:
    """0 .. 255 becomes -1 .. 1."""
    return torch.from_numpy(rgb.copy()).permute(2, 0, 1)[None].float() / 127.5 - 1


def _received_coarse(bits: ReceivedBits, header: CoarseMapHeader) -> CoarsePicture | None:
    if not bits.intact:
        return None
    try:
        size = thumbnail_size(header.map.working, header.factor)
        return to_picture(decode_thumbnail(bits.data, size))
    except CorruptData:
        return None


def _one_hot(labels: LabelMap, classes: int) -> Float[Tensor, "1 class height width"]:
    every = functional.one_hot(torch.from_numpy(labels.copy()).long(), classes)
    return every.permute(2, 0, 1)[None].float()
