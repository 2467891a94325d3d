"""The classical baseline's decoder: the image codec that the scheme names."""

from __future__ import annotations

from collections.abc import Generator
from time import perf_counter

from semlink.core.codecs.table import CODECS
from semlink.core.errors import CorruptData
from semlink.core.events import Event, Lost, Outcome, Reconstructed
from semlink.core.headers import PictureHeader
from semlink.core.pictures import Rgb, resize
from semlink.core.received import ReceivedBits
from semlink.core.schemes import Scheme
from semlink.receiver.schemes.job import Job

PAYLOAD = "picture"


def decode(job: Job) -> Generator[Event, None, None]:
    """The picture; a coarser one of what arrived, where the codec can; or none.

    Raises:
        CorruptData: the header cannot be read, or there is no such payload.
    """
    started = perf_counter()
    header = PictureHeader.from_bytes(job.header)
    payload = job.received.bits(PAYLOAD)
    decoded = _decoded(job.received.scheme, payload, header)
    if decoded is None:
        yield Lost(Outcome.LOST, (PAYLOAD,))
        return
    lost = () if payload.intact else (PAYLOAD,)
    yield finished(decoded, header, perf_counter() - started, lost)


def finished(
    picture: Rgb, header: PictureHeader, decode_s: float, lost: tuple[str, ...]
) -> Reconstructed:
    """The last event of a picture that travelled as such."""
    started = perf_counter()
    working = resize(picture, header.working)
    photo = resize(working, header.photo)
    return Reconstructed(
        picture=photo,
        working_picture=working,
        network_s=0.0,
        sample_s=decode_s,
        finish_s=perf_counter() - started,
        lost=lost,
    )


def _decoded(scheme: Scheme, payload: ReceivedBits, header: PictureHeader) -> Rgb | None:
    codec = CODECS[scheme]
    if not payload.intact:
        return codec.partial(payload.prefix, header.sent)
    try:
        return codec.decode(payload.data, header.sent)
    except CorruptData:  # an error that the CRCs missed
        return None
