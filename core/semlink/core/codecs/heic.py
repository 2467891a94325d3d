"""HEIC: a bare HEVC intra picture, as in BPG; the reader writes the file around it."""

from __future__ import annotations

import io
import struct
from functools import partial

import numpy as np

from semlink.core.codecs.bits import BitReader, read_varint, varint
from semlink.core.codecs.codec import PictureCodec, checked, corrupt, reading
from semlink.core.codecs.heif import box, boxes, still_picture
from semlink.core.pictures import Rgb, Size

NAME = "HEIC"
LEAST_SIDE = 64  # of what x265 takes, in even numbers; copies of the last row and column fill up
COARSEST = 51  # quantisation parameters 0 .. 51
# Adaptive quantisation lowers the rate steadily from a strength of about 0.1 on; 0.35 of it is
# more than the next quantisation parameter does.
AQ_NONE, AQ_NEXT = 0.1, 0.35
CHROMA_OFFSET = -2  # the best PSNR per byte of 2, 0, -2, -4 and -6 at 4:4:4

# ITU-T H.265, 7.4.2: types of network abstraction layer (NAL) units.
VPS, SPS, PPS = 32, 33, 34
SLICE = range(16, 22)  # of a picture at which decoding can start
NAL_HEADER_BYTES = 2
PROFILE_BYTES = 12  # general profile, tier and level in VPS and SPS
LARGEST_CTU = 64


def encode(picture: Rgb, quality: float) -> bytes:
    """Parameter sets and slice at a quality of 0 .. 51: the coarsest parameter less so much.

    Chroma is not subsampled and the encoder tuned for PSNR; where the quality is between two
    quantisation parameters, the finer one with some adaptive quantisation.
    """
    return _encoded(picture, quality, CHROMA_OFFSET)


def _encoded(picture: Rgb, quality: float, chroma_offset: int) -> bytes:
    import pillow_heif

    padded = _padded(picture)
    height, width = padded.shape[:2]
    buffer = io.BytesIO()
    pillow_heif.encode(
        "RGB",
        (width, height),
        padded.tobytes(),
        buffer,
        tile_size=0,
        save_nclx_profile=False,
        enc_params=_parameters(quality, chroma_offset),
    )
    file = boxes(buffer.getvalue())
    properties = boxes(boxes(boxes(file[b"meta"][4:])[b"iprp"])[b"ipco"])
    units = _configured(properties[b"hvcC"]) + _prefixed(file[b"mdat"])
    kept = [unit for unit in units if _type(unit) in (VPS, SPS, PPS, *SLICE)]
    return b"".join(varint(len(unit)) + unit for unit in kept[:-1]) + kept[-1]


def decode(data: bytes, size: Size) -> Rgb:
    """Inverse of `encode`."""
    import pillow_heif

    with reading(NAME):
        units = _units(data)
        coded = _coded(size)
        _check(units, coded)
        slice_data = struct.pack(">I", len(units[-1])) + units[-1]
        file = still_picture(b"heix", b"hvc1", coded, _configuration(units[:-1]), b"", slice_data)
        image = pillow_heif.open_heif(io.BytesIO(file))
        pixels = checked(np.asarray(image), coded, NAME)
        return pixels[: size.height, : size.width].copy()


def container_bytes(data: bytes) -> int:
    """The lengths of the parameter sets."""
    units = _units(data)
    return len(data) - sum(map(len, units))


def sequence_size(sps: bytes) -> Size:
    """Coded size in a sequence parameter set (H.265, 7.3.2.2), whole coding blocks.

    Raises:
        ValueError: it is not there, or has sublayers, which a still picture has not.
    """
    fields = BitReader(sps.replace(b"\0\0\3", b"\0\0")[NAL_HEADER_BYTES:64])
    fields.read(4)
    if fields.read(3):
        raise ValueError("it has sublayers")
    fields.read(1 + 8 * PROFILE_BYTES)
    fields.exp_golomb()
    if fields.exp_golomb() == 3:  # 4:4:4
        fields.read(1)
    width = fields.exp_golomb()
    return Size(fields.exp_golomb(), width)


def _coded(size: Size) -> Size:
    return Size(*(max(LEAST_SIDE, side + side % 2) for side in size))


def _padded(picture: Rgb) -> Rgb:
    size = Size(*picture.shape[:2])
    missing = [(0, coded - side) for coded, side in zip(_coded(size), size, strict=True)]
    return np.pad(picture, (*missing, (0, 0)), mode="edge")


def _parameters(quality: float, chroma_offset: int) -> dict[str, str]:
    coarser = COARSEST - quality
    parameter = int(coarser)
    fraction = coarser - parameter
    strength = AQ_NONE + fraction * fraction * (AQ_NEXT - AQ_NONE) if fraction else 0.0
    return {
        "tune": "psnr",
        "chroma": "444",
        "x265:crf": str(parameter),
        "x265:aq-mode": str(int(strength > 0)),
        "x265:aq-strength": f"{strength:.4f}",
        "x265:cbqpoffs": str(chroma_offset),
        "x265:crqpoffs": str(chroma_offset),
        "x265:pools": "none",  # threads change the bitstream
        "x265:wpp": "0",
    }


def _type(unit: bytes) -> int:
    return unit[0] >> 1 & 0x3F


def _configured(hvcc: bytes) -> list[bytes]:
    """The units inside an HEVC configuration record (ISO/IEC 14496-15, 8.3.3.1)."""
    units, position = [], 23
    for _ in range(hvcc[22]):
        (count,) = struct.unpack(">H", hvcc[position + 1 : position + 3])
        position += 3
        for _ in range(count):
            (length,) = struct.unpack(">H", hvcc[position : position + 2])
            units.append(hvcc[position + 2 : position + 2 + length])
            position += 2 + length
    return units


def _configuration(units: list[bytes]) -> bytes:
    """The box with such a record, for 4:4:4 and 8 bits."""
    profile = units[1].replace(b"\0\0\3", b"\0\0")[3 : 3 + PROFILE_BYTES]
    record = b"\1" + profile + bytes.fromhex("f000 fc ff f8 f8 0000 0f") + bytes([len(units)])
    arrays = (struct.pack(">BHH", 0x40 | _type(unit), 1, len(unit)) + unit for unit in units)
    return box(b"hvcC", record, *arrays)


def _prefixed(data: bytes) -> list[bytes]:
    """Units that have their lengths in front, four bytes each."""
    units, position = [], 0
    while position < len(data):
        (length,) = struct.unpack(">I", data[position : position + 4])
        units.append(data[position + 4 : position + 4 + length])
        position += 4 + length
    return units


def _units(data: bytes) -> list[bytes]:
    """VPS, SPS, PPS and slice.

    Raises:
        ValueError: one is missing.
    """
    units, position = [], 0
    for _ in range(3):
        length, position = read_varint(data, position)
        units.append(data[position : position + length])
        position += length
    units.append(data[position:])
    if min(map(len, units)) <= NAL_HEADER_BYTES:
        raise ValueError("a unit is missing")
    return units


def _check(units: list[bytes], size: Size) -> None:
    *sets, picture = map(_type, units)
    if sets != [VPS, SPS, PPS] or picture not in SLICE:
        raise corrupt(NAME, "it is not three parameter sets and a picture")
    coded = sequence_size(units[1])
    if any(not 0 <= a - b < LARGEST_CTU for a, b in zip(coded, size, strict=True)):
        raise corrupt(NAME, "it is of another size")


CODEC = PictureCodec(
    NAME,
    (0.0, float(COARSEST)),
    encode,
    decode,
    container_bytes=container_bytes,
    others=(
        partial(_encoded, chroma_offset=CHROMA_OFFSET - 1),
        partial(_encoded, chroma_offset=CHROMA_OFFSET + 1),
    ),
)
