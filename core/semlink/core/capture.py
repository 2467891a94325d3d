"""Captures: one transmission as it was on the air, in a file that replays.

4 bytes  magic  "SLNK"
1 byte   version
rest     msgpack map: transmission, settings, frame and draws as wire messages, symbols as bytes
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgpack
import numpy as np
from google.protobuf.message import DecodeError

from semlink.core.errors import CorruptData, NotFound, TooLarge
from semlink.core.frame import Frame, Propagation
from semlink.core.serde import (
    FrameAssembler,
    draw_from_proto,
    draw_to_proto,
    frame_head_to_proto,
    settings_from_proto,
    settings_to_proto,
    transmission_from_proto,
    transmission_to_proto,
)
from semlink.core.settings import TransmissionSettings
from semlink.core.transmission import Transmission
from semlink.protos.v1 import types_pb2 as pb

MAGIC = b"SLNK"
VERSION = 1
MAX_BYTES = 160 << 20


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
    frame = capture.propagation.frame
    symbols = [np.ascontiguousarray(s.symbols, dtype="<c8").tobytes() for s in frame.streams]
    fields = {
        "transmission": transmission_to_proto(capture.transmission).SerializeToString(),
        "settings": settings_to_proto(capture.settings).SerializeToString(),
        "frame": frame_head_to_proto(frame).SerializeToString(),
        "symbols": symbols,
        "draws": [draw_to_proto(draw).SerializeToString() for draw in capture.propagation.draws],
    }
    return MAGIC + bytes([VERSION]) + bytes(msgpack.packb(fields))


def capture_from_bytes(data: bytes) -> Capture:
    """Inverse of `capture_to_bytes`.

    Raises:
        CorruptData: not a capture, of another version, or damaged.
        InvalidInput: a setting is out of range.
        TooLarge: more than MAX_BYTES, or a frame beyond the bounds of `serde`.
    """
    if len(data) > MAX_BYTES:
        raise TooLarge("the capture exceeds its bound.", field="capture", value=str(len(data)))
    if data[:4] != MAGIC or data[4:5] != bytes([VERSION]):
        raise _corrupt("it does not start as a capture of this version does")
    try:
        return _parse(msgpack.unpackb(data[5:]))
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
        NotFound: there is no such file.
        CorruptData, InvalidInput, TooLarge: as `capture_from_bytes`.
    """
    if not path.is_file():
        raise NotFound("there is no such file.", field="capture", value=str(path))
    with path.open("rb") as file:
        return capture_from_bytes(file.read(MAX_BYTES + 1))


def _parse(fields: dict[str, Any]) -> Capture:
    head = pb.FrameHead.FromString(fields["frame"])
    draws = tuple(draw_from_proto(pb.StreamDraw.FromString(draw)) for draw in fields["draws"])
    if len(draws) != len(head.streams):
        raise ValueError("streams and draws differ in number")
    return Capture(
        transmission_from_proto(pb.Transmission.FromString(fields["transmission"])),
        settings_from_proto(pb.TransmissionSettings.FromString(fields["settings"])),
        Propagation(_frame(head, fields["symbols"]), draws),
    )


def _frame(head: pb.FrameHead, symbols: list[bytes]) -> Frame:
    assembler = FrameAssembler(head)
    for index, data in enumerate(symbols):
        assembler.add(pb.SymbolChunk(stream=index, symbols=data))
    return assembler.frame()


def _corrupt(reason: str) -> CorruptData:
    return CorruptData(
        f"the capture cannot be read: {reason}.",
        field="capture",
        cure="Make it again with this version.",
    )
