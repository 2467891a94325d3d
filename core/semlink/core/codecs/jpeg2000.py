"""JPEG 2000 (ISO/IEC 15444-1): a codestream whose headers the reader writes.

All codestreams of one size have the same main header, so it is not sent. What is sent are the
packets of one tile, in quality layers (LRCP), behind the layers' lengths; a prefix that holds the
first layers is a coarser picture.
"""

from __future__ import annotations

import functools
import io
import math
import struct
from itertools import accumulate

import numpy as np
from PIL import Image

from semlink.core.codecs.bits import read_varint, varint
from semlink.core.codecs.codec import PictureCodec, checked, corrupt, reading
from semlink.core.errors import CorruptData, InternalError, InvalidInput
from semlink.core.pictures import Rgb, Size

NAME = "JPEG 2000"
RESOLUTIONS = 5
LEAST_SIDE = 1 << (RESOLUTIONS - 1)
USUAL_LAYERS = 4
MOST_LAYERS = 6
LAYER_BYTES = 1000  # shorter layers cost more than they help; about one transport block

SOC, SIZ, COD, QCD, COM, SOT, PLT, SOD, EOC = (
    *(0xFF4F, 0xFF51, 0xFF52, 0xFF5C, 0xFF64),
    *(0xFF90, 0xFF58, 0xFF93, 0xFFD9),
)
COMPONENTS = 3
PACKETS_PER_LAYER = RESOLUTIONS * COMPONENTS
# Step sizes of the 9/7 wavelet's 13 subbands, 8 bits per component: what OpenJPEG derives from
# the subbands' norms, whatever the rate.
QUANTISATION = bytes.fromhex("42 6f20 6f00 6f00 6ee0 6750 6750 6768 5005 5005 5047 57d3 57d3 5762")


def encode(picture: Rgb, quality: float) -> bytes:
    """Packets of about 2 ** quality bits per pixel.

    Raises:
        InvalidInput: a side is shorter than 16 pixels.
    """
    return _encoded(picture, quality, 0)


def _encoded(picture: Rgb, quality: float, more_layers: int) -> bytes:
    size = Size(*picture.shape[:2])
    if min(size) < LEAST_SIDE:
        raise InvalidInput(
            f"{NAME} needs sides of at least {LEAST_SIDE} pixels.", field="size", value=size
        )
    target_bytes = 2.0**quality * size.pixels / 8
    layers = min(USUAL_LAYERS, 1 + int(target_bytes / LAYER_BYTES)) + more_layers
    head, tile_header, body = _parts(_codestream(picture, target_bytes, layers))
    if head != _main_header(size, layers):
        raise InternalError("OpenJPEG writes another main header than this version knows.")
    packets = _packet_lengths(tile_header)
    lengths = [
        sum(packets[layer * PACKETS_PER_LAYER : (layer + 1) * PACKETS_PER_LAYER])
        for layer in range(layers)
    ]
    return bytes([layers]) + b"".join(varint(length) for length in lengths[:-1]) + body


def decode(data: bytes, size: Size) -> Rgb:
    """Inverse of `encode`."""
    with reading(NAME):
        layers, ends, body = _layers(data)
        if ends and ends[-1] > len(body):
            raise corrupt(NAME, "its last layers are missing")
        return _decoded(body, layers, size)


def partial(data: bytes, size: Size) -> Rgb | None:
    """The picture of the layers that are whole in a prefix of `encode`'s bytes."""
    try:
        with reading(NAME):
            _, ends, body = _layers(data)
            whole = [end for end in ends if end <= len(body)]
            return _decoded(body[: whole[-1]], len(whole), size) if whole else None
    except CorruptData:
        return None


def container_bytes(data: bytes) -> int:
    """The lengths of the layers."""
    return len(data) - len(_layers(data)[2])


def _codestream(picture: Rgb, target_bytes: float, layers: int) -> bytes:
    ratios = [picture.size * layers / (target_bytes * (k + 1)) for k in range(layers)]
    buffer = io.BytesIO()
    Image.fromarray(picture).save(
        buffer,
        "JPEG2000",
        no_jp2=True,
        irreversible=True,
        mct=1,
        num_resolutions=RESOLUTIONS,
        quality_layers=[max(1.0, ratio) for ratio in ratios],
        plt=True,
    )
    return buffer.getvalue()


def _parts(codestream: bytes) -> tuple[bytes, bytes, bytes]:
    """Main header without its comment, header of the tile, packets."""
    segments: dict[int, bytes] = {}
    position = 2
    while (marker := int.from_bytes(codestream[position : position + 2])) != SOD:
        end = position + 2 + int.from_bytes(codestream[position + 2 : position + 4])
        segments[marker] = segments.get(marker, b"") + codestream[position:end]
        position = end
    head = codestream[:2] + segments[SIZ] + segments[COD] + segments[QCD]
    return head, segments[PLT], codestream[position + 2 : -2]


def _packet_lengths(plt: bytes) -> list[int]:
    """What the PLT marker segments say (A.7.3): seven bits a byte, most significant first."""
    lengths, value, position = [], 0, 0
    while position < len(plt):
        end = position + 2 + int.from_bytes(plt[position + 2 : position + 4])
        for byte in plt[position + 5 : end]:
            value = value << 7 | byte & 0x7F
            if byte < 0x80:
                lengths.append(value)
                value = 0
        position = end
    return lengths


def _main_header(size: Size, layers: int) -> bytes:
    """Annex A.5 and A.6: one tile, RCT or ICT, code blocks of 64x64, 9/7 wavelet."""
    height, width = size
    area = (width, height, 0, 0)
    siz = struct.pack(">HHHIIIIIIIIH", SIZ, 38 + 3 * COMPONENTS, 0, *area, *area, COMPONENTS)
    cod = struct.pack(">HHBBHBBBBBB", COD, 12, 0, 0, layers, 1, RESOLUTIONS - 1, 4, 4, 0, 0)
    qcd = struct.pack(">HH", QCD, 2 + len(QUANTISATION)) + QUANTISATION
    return struct.pack(">H", SOC) + siz + bytes((7, 1, 1)) * COMPONENTS + cod + qcd


def _layers(data: bytes) -> tuple[int, list[int], bytes]:
    """Number of layers, ends of all but the last, packets.

    Raises:
        ValueError: these are not bytes of ours.
    """
    layers = data[0] if data else 0
    if not 1 <= layers <= MOST_LAYERS:
        raise ValueError("the number of layers is out of bounds")
    position, lengths = 1, []
    for _ in range(layers - 1):
        length, position = read_varint(data, position)
        lengths.append(length)
    return layers, list(accumulate(lengths)), data[position:]


def _decoded(body: bytes, layers: int, size: Size) -> Rgb:
    tile = struct.pack(">HHHIBB", SOT, 10, 0, 14 + len(body), 0, 1)
    marks = struct.pack(">H", SOD), struct.pack(">H", EOC)
    codestream = _main_header(size, layers) + tile + marks[0] + body + marks[1]
    with Image.open(io.BytesIO(codestream), formats=["JPEG2000"]) as image:
        return checked(np.array(image), size, NAME)


CODEC = PictureCodec(
    NAME,
    (-6.0, math.log2(8 * COMPONENTS)),
    encode,
    decode,
    partial,
    container_bytes,
    others=tuple(functools.partial(_encoded, more_layers=more) for more in (1, 2)),
)
