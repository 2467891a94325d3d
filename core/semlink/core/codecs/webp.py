"""WebP, lossy: a bare VP8 key frame (RFC 6386); the reader writes the RIFF file around it."""

from __future__ import annotations

import io
import struct
from functools import partial

import numpy as np
from PIL import Image

from semlink.core.codecs.codec import (
    PictureCodec,
    checked,
    corrupt,
    reading,
)
from semlink.core.pictures import Rgb, Size

NAME = "WebP"
SLOWEST = 6
RIFF_BYTES = 20  # "RIFF", size, "WEBP", "VP8 ", size
START_CODE = b"\x9d\x01\x2a"


def encode(picture: Rgb, quality: float) -> bytes:
    """A key frame at a quality of 0 .. 100, chroma 4:2:0 as always in VP8."""
    return _encoded(picture, quality, SLOWEST)


def _encoded(picture: Rgb, quality: float, method: int) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, "WEBP", quality=quality, method=method)
    riff = buffer.getvalue()
    frame_bytes = int.from_bytes(riff[RIFF_BYTES - 4 : RIFF_BYTES], "little")
    return riff[RIFF_BYTES : RIFF_BYTES + frame_bytes]  # without the byte that makes it even


def decode(data: bytes, size: Size) -> Rgb:
    """Inverse of `encode`."""
    with reading(NAME):
        _check_size(data, size)
        padded = data + bytes(len(data) % 2)
        riff = struct.pack("<4sI8sI", b"RIFF", 12 + len(padded), b"WEBPVP8 ", len(data)) + padded
        with Image.open(io.BytesIO(riff), formats=["WEBP"]) as image:
            return checked(np.array(image), size, NAME)


def _check_size(data: bytes, size: Size) -> None:
    """RFC 6386, 9.1: frame tag, start code, width and height of 14 bits each, scaling."""
    width, height = struct.unpack("<HH", data[6:10])
    if data[3:6] != START_CODE or (height, width) != size:
        raise corrupt(NAME, "it is not a key frame of that size")


CODEC = PictureCodec(
    NAME,
    (0.0, 100.0),
    encode,
    decode,
    others=tuple(partial(_encoded, method=method) for method in (5, 4)),
)
