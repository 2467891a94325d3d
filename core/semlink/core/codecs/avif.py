"""AVIF: a bare AV1 key frame, sequence header included; the reader writes the file around it."""

from __future__ import annotations

import io
from functools import partial

import numpy as np
from PIL import Image

from semlink.core.codecs.bits import BitReader, read_varint
from semlink.core.codecs.codec import (
    PictureCodec,
    checked,
    corrupt,
    reading,
)
from semlink.core.codecs.heif import box, boxes, still_picture
from semlink.core.pictures import Rgb, Size

NAME = "AVIF"
SPEED = 5  # 6 takes a quarter of the time and costs 0.4 dB
COARSEST = 63  # quantizers 0 .. 63, of which 0 is for lossless pictures
STRENGTHS = (4, 40)  # per cent; of the variance boost between one quantizer and the next
# What changes the bytes by one to three per cent, at nearly the same PSNR per byte.
OTHERS = (
    {"enable-qm": "1", "qm-min": "10", "qm-max": "12"},
    {"sharpness": "1"},
    {"quant-b-adapt": "1"},
)

# AV1 bitstream specification, 5.3 and 6.2.
SEQUENCE_HEADER, TEMPORAL_DELIMITER, FRAME = 1, 2, 6
HAS_SIZE = 0x02
# nclx: BT.709 primaries, sRGB, BT.601 matrix, full range.
COLOUR = box(b"colr", b"nclx", bytes((0, 1, 0, 13, 0, 6, 0x80)))


def encode(picture: Rgb, quality: float) -> bytes:
    """Sequence header and frame at a quality of 0 .. 62: the coarsest quantizer less so much.

    Chroma is not subsampled and the encoder tuned for PSNR. Fractions are a little variance
    boost, which spends some bits more than the quantizer alone.
    """
    return _encoded(picture, quality, {})


def _encoded(picture: Rgb, quality: float, options: dict[str, str]) -> bytes:
    step = int(quality)
    boost = _boost(quality - step)
    buffer = io.BytesIO()
    Image.fromarray(picture).save(
        buffer,
        "AVIF",
        quality=round(100 - (COARSEST - step) * 100 / COARSEST),
        speed=SPEED,
        subsampling="4:4:4",
        max_threads=1,
        autotiling=False,
        advanced={"tune": "psnr"} | boost | options,
    )
    units = _units(boxes(buffer.getvalue())[b"mdat"])
    return b"".join(unit for kind, unit, _ in units if kind != TEMPORAL_DELIMITER)


def _boost(fraction: float) -> dict[str, str]:
    if not fraction:
        return {}
    least, most = STRENGTHS
    strength = round(least + fraction * (most - least))
    return {"deltaq-mode": "6", "deltaq-strength": str(strength)}


def decode(data: bytes, size: Size) -> Rgb:
    """Inverse of `encode`."""
    with reading(NAME):
        units = _units(data)
        if [kind for kind, _, _ in units] != [SEQUENCE_HEADER, FRAME]:
            raise corrupt(NAME, "it is not a sequence header and a frame")
        sequence = units[0][2]
        if sequence_size(sequence) != size:
            raise corrupt(NAME, "it is of another size")
        configuration = box(b"av1C", bytes((0x81, sequence[0] & 0xE0, 0, 0)))
        file = still_picture(b"avif", b"av01", size, configuration, COLOUR, data)
        with Image.open(io.BytesIO(file), formats=["AVIF"]) as image:
            return checked(np.array(image), size, NAME)


def sequence_size(payload: bytes) -> Size:
    """Size in a sequence header of a still picture (5.5.1).

    Raises:
        ValueError: it is of something else.
    """
    header = BitReader(payload[:16])
    header.read(3)
    still, reduced = header.read(1), header.read(1)
    if not (still and reduced):
        raise ValueError("it is no still picture")
    header.read(5)
    width_bits, height_bits = header.read(4) + 1, header.read(4) + 1
    width = header.read(width_bits) + 1
    return Size(header.read(height_bits) + 1, width)


def _units(data: bytes) -> list[tuple[int, bytes, bytes]]:
    """Open bitstream units: type, all of it, payload.

    Raises:
        ValueError: there are none, or not to the last byte.
    """
    units, position = [], 0
    while position < len(data):
        head = data[position]
        length, start = read_varint(data, position + 1)
        if head & ~0x78 != HAS_SIZE or start + length > len(data):
            raise ValueError("a unit is cut short")
        end = start + length
        units.append((head >> 3 & 0xF, data[position:end], data[start:end]))
        position = end
    return units


CODEC = PictureCodec(
    NAME,
    (0.0, float(COARSEST - 1)),
    encode,
    decode,
    others=tuple(partial(_encoded, options=options) for options in OTHERS),
)
