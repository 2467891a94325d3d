"""Captures: one transmission as it was on the air, in a file that replays.

4 bytes  magic  "SLNK"
1 byte   version
rest     msgpack map: "transmission", "settings" and "frame", each a wire message; for every
         stream an item of "draws" and "gains", wire messages as well, and of "symbols" and
         "values" (of the gains), little-endian float32, real and imaginary part in turn
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgpack
from google.protobuf.message import DecodeError

from semlink.core.errors import CorruptData, NotFound, TooLarge
from semlink.core.frame import Propagation
from semlink.core.frame_heads import MAX_STREAMS
from semlink.core.frame_serde import (
    PropagationAssembler,
    complex_bytes,
    draw_to_proto,
    frame_head_to_proto,
    gains_head_to_proto,
)
from semlink.core.serde import (
    settings_from_proto,
    settings_to_proto,
    transmission_from_proto,
    transmission_to_proto,
)
from semlink.core.settings import TransmissionSettings
from semlink.core.transmission import Transmission
from semlink.protos.v1 import types_pb2 as pb

MAGIC = b"SLNK"
VERSION = 2
MAX_BYTES = 300 << 20
FIELDS = {"transmission", "settings", "frame", "draws", "gains", "symbols", "values"}


@dataclass(frozen=True)
class Capture:
    """What was sent and what arrived.

    Attributes:
        transmission: identity and seed.
        settings: as the user gave them.
        propagation: the frame behind the channel, with the draws.
    """

    transmission: Transmission
    settings: TransmissionSettings
    propagation: Propagation


def capture_to_bytes(capture: Capture) -> bytes:
    """The file's content."""
    propagation = capture.propagation
    frame, gains = propagation.frame, propagation.gains
    fields = {
        "transmission": transmission_to_proto(capture.transmission).SerializeToString(),
        "settings": settings_to_proto(capture.settings).SerializeToString(),
        "frame": frame_head_to_proto(frame).SerializeToString(),
        "draws": [draw_to_proto(draw).SerializeToString() for draw in propagation.draws],
        "gains": [gains_head_to_proto(gain).SerializeToString() for gain in gains],
        "symbols": [complex_bytes(stream.symbols) for stream in frame.streams],
        "values": [complex_bytes(gain.values) for gain in gains],
    }
    return MAGIC + bytes([VERSION]) + bytes(msgpack.packb(fields))


def capture_from_bytes(data: bytes) -> Capture:
    """Inverse of `capture_to_bytes`.

    Raises:
        CorruptData: not a capture, of another version, or damaged.
        InvalidInput: a setting is out of range.
        TooLarge: more than MAX_BYTES, or a frame beyond the bounds of `frame_heads`.
    """
    if len(data) > MAX_BYTES:
        raise TooLarge("the capture exceeds its bound.", field="capture", value=str(len(data)))
    if data[:4] != MAGIC or data[4:5] != bytes([VERSION]):
        raise _corrupt("it does not start as a capture of this version does")
    try:
        return _parse(_fields(data))
    except (ValueError, TypeError, KeyError, msgpack.UnpackException, DecodeError) as error:
        raise _corrupt(str(error) or type(error).__name__) from error


def write_capture(path: Path, capture: Capture) -> None:
    """Writes the file whole or not at all."""
    partial = path.with_name(path.name + ".part")
    partial.write_bytes(capture_to_bytes(capture))
    os.replace(partial, path)


def read_capture(path: Path) -> Capture:
    """Reads a file written by `write_capture`.

    Raises:
        NotFound: there is no such file, or it cannot be read.
        CorruptData, InvalidInput, TooLarge: as `capture_from_bytes`.
    """
    if not path.is_file():
        raise NotFound("there is no such file.", field="capture", value=str(path))
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise NotFound(
            f"the file cannot be read ({error.strerror}).", field="capture", value=str(path)
        ) from error
    return capture_from_bytes(data)


def _fields(data: bytes) -> dict[str, Any]:
    """The map. No nesting, else a small file could become a large tree of objects."""
    fields: dict[str, Any] = msgpack.unpackb(
        memoryview(data)[5:],
        list_hook=_only_bytes,
        object_hook=_no_maps,
        max_array_len=MAX_STREAMS,
        max_map_len=len(FIELDS),
        max_ext_len=0,
    )
    if not isinstance(fields, dict) or set(fields) != FIELDS:
        raise ValueError(f"it does not hold {', '.join(sorted(FIELDS))}")
    return fields


def _only_bytes(items: list[Any]) -> list[bytes]:
    if not all(isinstance(item, bytes) for item in items):
        raise ValueError("a list holds something else than bytes")
    return items


def _no_maps(fields: dict[str, Any]) -> dict[str, Any]:
    if any(isinstance(value, dict) for value in fields.values()):
        raise ValueError("a map holds another")
    return fields


def _parse(fields: dict[str, Any]) -> Capture:
    return Capture(
        transmission_from_proto(pb.Transmission.FromString(fields["transmission"])),
        settings_from_proto(pb.TransmissionSettings.FromString(fields["settings"])),
        _propagation(fields),
    )


def _propagation(fields: dict[str, Any]) -> Propagation:
    assembler = PropagationAssembler(
        pb.FrameHead.FromString(fields["frame"]),
        [pb.StreamDraw.FromString(draw) for draw in fields["draws"]],
        [pb.GainsHead.FromString(gain) for gain in fields["gains"]],
    )
    for index, data in enumerate(fields["symbols"]):
        assembler.add_symbols(pb.SymbolChunk(stream=index, symbols=data))
    for index, data in enumerate(fields["values"]):
        assembler.add_gains(pb.GainChunk(stream=index, gains=data))
    return assembler.propagation()


def _corrupt(reason: str) -> CorruptData:
    return CorruptData(
        f"the capture cannot be read: {reason}.",
        field="capture",
        cure="Make it again with this version.",
    )
