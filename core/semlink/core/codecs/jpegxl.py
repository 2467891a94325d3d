"""JPEG XL (ISO/IEC 18181-1): a bare codestream, no container."""

from __future__ import annotations

from functools import partial

import numpy as np
from jaxtyping import UInt8

from semlink.core.codecs.bits import BitReader
from semlink.core.codecs.codec import (
    PictureCodec,
    checked,
    corrupt,
    reading,
)
from semlink.core.pictures import Rgb, Size

NAME = "JPEG XL"
SIGNATURE = b"\xff\x0a"
EFFORT = 7
RATIOS = ((1, 1), (1, 1), (12, 10), (4, 3), (3, 2), (16, 9), (5, 4), (2, 1))  # index 0 is unused


def encode(picture: Rgb, quality: float) -> bytes:
    """A codestream at a quality of 0 .. 99.9, from Butteraugli distance 25 down to about 0."""
    return _encoded(picture, quality, EFFORT)


def _encoded(picture: Rgb, quality: float, effort: int) -> bytes:
    return encode_pixels(picture, quality=quality, effort=effort)


def decode(data: bytes, size: Size) -> Rgb:
    """Inverse of `encode`."""
    return checked(decode_pixels(data, size, NAME), size, NAME)


def encode_pixels(
    pixels: UInt8[np.ndarray, "..."],
    *,
    quality: float = 100.0,
    effort: int,
    lossless: bool = False,
) -> bytes:
    """A codestream of colour or grey.

    Args:
        pixels: (height, width, 3), or (height, width) for grey.
        quality: 0 .. 99.9, ignored if lossless.
        effort: 1 .. 10, slower and smaller.
        lossless: whether every pixel comes back as it was.
    """
    from pillow_jxl import Encoder

    write = Encoder(
        mode="RGB" if pixels.ndim == 3 else "L",
        lossless=lossless,
        quality=quality,
        decoding_speed=0,
        effort=effort,
        use_container=False,
        use_original_profile=lossless,
        num_threads=0,
    )
    height, width = pixels.shape[:2]
    return bytes(
        write(
            pixels.tobytes(), width, height, False, exif=None, jumb=None, xmp=None, compress=False
        )
    )


def decode_pixels(data: bytes, size: Size, name: str) -> UInt8[np.ndarray, "height width channel"]:
    """Pixels of a codestream of that size.

    Args:
        data: the codestream.
        size: announced.
        name: what the error speaks of.

    Raises:
        CorruptData: it is damaged, or of another size.
    """
    from pillow_jxl import Decoder

    with reading(name):
        if codestream_size(data) != size:
            raise corrupt(name, "it is of another size")
        _, info, pixels, _, _ = Decoder(num_threads=0)(data)
        shape = (info.height, info.width, info.num_channels)
        return np.frombuffer(pixels, np.uint8).reshape(shape)


def codestream_size(data: bytes) -> Size:
    """What the SizeHeader says (ISO/IEC 18181-1, D.2): least significant bits first.

    Raises:
        ValueError: it is not there.
    """
    if not data.startswith(SIGNATURE):
        raise ValueError("the signature is missing")
    header = BitReader(data[2:14], lsb_first=True)
    small = header.read(1)
    height = _side(header, small)
    ratio = header.read(3)
    if ratio:
        numerator, denominator = RATIOS[ratio]
        return Size(height, height * numerator // denominator)
    return Size(height, _side(header, small))


def _side(header: BitReader, small: int) -> int:
    if small:
        return 8 * (header.read(5) + 1)
    return header.read((9, 13, 18, 30)[header.read(2)]) + 1


CODEC = PictureCodec(
    NAME,
    (0.0, 99.9),
    encode,
    decode,
    others=tuple(partial(_encoded, effort=effort) for effort in (6, 5)),
)
