"""Events to wire messages and back. Pictures travel as PNG in chunks ahead of their event."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict
from typing import Any

import numpy as np

from semlink.core.errors import CorruptData, InvalidInput, TooLarge
from semlink.core.events import (
    Demodulated,
    Denoised,
    Encoded,
    Event,
    Lost,
    Outcome,
    PayloadAccount,
    PayloadVerdict,
    Progress,
    Propagated,
    Reconstructed,
)
from semlink.core.frame_serde import draw_from_proto, draw_to_proto
from semlink.core.pictures import LabelMap, Rgb, decode_png, encode_png
from semlink.core.serde import byte_chunks, scalars, size_from_proto, size_to_proto
from semlink.protos.v1 import types_pb2 as pb

MAX_PICTURE_BYTES = 256 << 20  # of the PNGs of one event
MAX_PICTURES = 4


def event_to_proto(event: Event) -> Iterator[pb.Event]:
    """Wire messages of one event: its pictures in chunks, then the event itself."""
    for name, value in vars(event).items():
        if isinstance(value, np.ndarray):
            yield from _picture_chunks(name, value)
    yield _WRITERS[type(event)](event)


def _picture_chunks(name: str, picture: Rgb | LabelMap) -> Iterator[pb.Event]:
    for chunk in byte_chunks(encode_png(picture)):
        yield pb.Event(picture=pb.PictureChunk(name=name, png=chunk))


def _encoded(event: Encoded) -> pb.Event:
    message = pb.Encoded(
        photo=size_to_proto(event.photo),
        working=size_to_proto(event.working),
        taxonomy=event.taxonomy,
        header_bytes=event.header_bytes,
        payloads=[pb.PayloadAccount(**asdict(payload)) for payload in event.payloads],
        segment_s=event.segment_s,
        encode_s=event.encode_s,
    )
    return pb.Event(encoded=message)


def _propagated(event: Propagated) -> pb.Event:
    draws = [draw_to_proto(draw) for draw in event.draws]
    return pb.Event(propagated=pb.Propagated(draws=draws, propagate_s=event.propagate_s))


def _demodulated(event: Demodulated) -> pb.Event:
    payloads = [pb.PayloadVerdict(**asdict(payload)) for payload in event.payloads]
    message = pb.Demodulated(payloads=payloads, demodulate_s=event.demodulate_s)
    return pb.Event(demodulated=message)


def _denoised(event: Denoised) -> pb.Event:
    return pb.Event(denoised=pb.Denoised(denoise_s=event.denoise_s))


def _lost(event: Lost) -> pb.Event:
    return pb.Event(lost=pb.Lost(outcome=event.outcome, payloads=event.payloads))


def _progress(event: Progress) -> pb.Event:
    return pb.Event(progress=pb.Progress(step=event.step, steps=event.steps))


def _reconstructed(event: Reconstructed) -> pb.Event:
    message = pb.Reconstructed(
        network_s=event.network_s,
        sample_s=event.sample_s,
        finish_s=event.finish_s,
        lost=event.lost,
    )
    return pb.Event(reconstructed=message)


_WRITERS: dict[type[Event], Callable[[Any], pb.Event]] = {
    Encoded: _encoded,
    Propagated: _propagated,
    Demodulated: _demodulated,
    Denoised: _denoised,
    Progress: _progress,
    Reconstructed: _reconstructed,
    Lost: _lost,
}


class EventReader:
    """Turns the wire messages of one transmission into events."""

    def __init__(self) -> None:
        self._pngs: dict[str, bytearray] = {}
        self._bytes = 0

    def feed(self, message: pb.Event) -> Event | None:
        """The event that this message completes, or None while pictures arrive.

        Raises:
            CorruptData: an event lacks a picture, or is of no known kind.
            TooLarge: the pictures of one event exceed MAX_PICTURE_BYTES.
        """
        kind = message.WhichOneof("kind")
        if kind == "picture":
            self._collect(message.picture)
            return None
        if kind is None or kind not in _READERS:
            raise CorruptData("the event is of no known kind.", field="event", value=str(kind))
        event = _READERS[kind](getattr(message, kind), self)
        self._pngs, self._bytes = {}, 0
        return event

    def _collect(self, chunk: pb.PictureChunk) -> None:
        self._bytes += len(chunk.png)
        if self._bytes > MAX_PICTURE_BYTES:
            raise TooLarge("the pictures of one event exceed their bound.", field="event")
        self._pngs.setdefault(chunk.name, bytearray()).extend(chunk.png)
        if len(self._pngs) > MAX_PICTURES:
            raise TooLarge("an event has too many pictures.", field="event")

    def rgb(self, name: str) -> Rgb:
        """The colour picture of that name."""
        return self._picture(name, dimensions=3)

    def labels(self, name: str) -> LabelMap:
        """The label map of that name."""
        return self._picture(name, dimensions=2)

    def optional_labels(self, name: str) -> LabelMap | None:
        """The label map of that name, if it came."""
        return self.labels(name) if name in self._pngs else None

    def optional_rgb(self, name: str) -> Rgb | None:
        """The colour picture of that name, if it came."""
        return self.rgb(name) if name in self._pngs else None

    def _picture(self, name: str, dimensions: int) -> np.ndarray[Any, np.dtype[np.uint8]]:
        if name not in self._pngs:
            raise CorruptData("a picture of the event is missing.", field="event", value=name)
        try:
            picture = decode_png(bytes(self._pngs[name]))
        except InvalidInput as error:
            raise CorruptData("a picture is damaged.", field="event", value=name) from error
        if picture.ndim != dimensions:
            raise CorruptData("a picture is of the wrong kind.", field="event", value=name)
        return picture


def _read_encoded(message: pb.Encoded, pictures: EventReader) -> Encoded:
    photo, working = size_from_proto(message.photo), size_from_proto(message.working)
    if not photo.pixels or not working.pixels:
        raise CorruptData("a picture has no pixels.", field="event", value="encoded")
    return Encoded(
        photo=photo,
        working=working,
        taxonomy=message.taxonomy,
        header_bytes=message.header_bytes,
        payloads=tuple(PayloadAccount(**scalars(payload)) for payload in message.payloads),
        sent_map=pictures.optional_labels("sent_map"),
        segment_s=message.segment_s,
        encode_s=message.encode_s,
    )


def _read_propagated(message: pb.Propagated, _: EventReader) -> Propagated:
    return Propagated(tuple(draw_from_proto(draw) for draw in message.draws), message.propagate_s)


def _read_denoised(message: pb.Denoised, pictures: EventReader) -> Denoised:
    return Denoised(
        received_map=pictures.labels("received_map"),
        denoised_map=pictures.labels("denoised_map"),
        denoise_s=message.denoise_s,
    )


def _read_demodulated(message: pb.Demodulated, _: EventReader) -> Demodulated:
    payloads = tuple(PayloadVerdict(**scalars(payload)) for payload in message.payloads)
    return Demodulated(payloads, message.demodulate_s)


def _read_lost(message: pb.Lost, _: EventReader) -> Lost:
    if message.outcome not in (Outcome.LOST, Outcome.OUTAGE):
        raise CorruptData(
            "the outcome is of no known kind.", field="event", value=message.outcome[:40]
        )
    return Lost(Outcome(message.outcome), tuple(message.payloads))


def _read_progress(message: pb.Progress, pictures: EventReader) -> Progress:
    return Progress(message.step, message.steps, pictures.optional_rgb("preview"))


def _read_reconstructed(message: pb.Reconstructed, pictures: EventReader) -> Reconstructed:
    return Reconstructed(
        picture=pictures.rgb("picture"),
        working_picture=pictures.rgb("working_picture"),
        network_s=message.network_s,
        sample_s=message.sample_s,
        finish_s=message.finish_s,
        lost=tuple(message.lost),
    )


_READERS: dict[str, Callable[[Any, EventReader], Event]] = {
    "encoded": _read_encoded,
    "propagated": _read_propagated,
    "demodulated": _read_demodulated,
    "denoised": _read_denoised,
    "progress": _read_progress,
    "reconstructed": _read_reconstructed,
    "lost": _read_lost,
}
