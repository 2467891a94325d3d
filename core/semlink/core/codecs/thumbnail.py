"""Thumbnails: a small picture, lossy, in whichever image codec suits it best.

One byte says which codec it is; size and everything else the reader has to know.
"""

from __future__ import annotations

from semlink.core.codecs.codec import PictureCodec, corrupt
from semlink.core.codecs.table import CODECS
from semlink.core.pictures import Rgb, Size
from semlink.core.schemes import Scheme

NAME = "thumbnail"
TAG_BYTES = 1

CANDIDATES = (Scheme.AVIF, Scheme.HEIC, Scheme.WEBP, Scheme.JPEGXL)
"""Codecs that a thumbnail may have, numbered on the wire in this order."""


def thumbnail_size(picture: Size, factor: int) -> Size:
    """Size of a thumbnail whose sides are 1 / `factor` of the picture's, rounded up."""
    return Size(-(-picture.height // factor), -(-picture.width // factor))


def encode_thumbnail(thumbnail: Rgb, codec: Scheme, quality: float) -> bytes:
    """Bytes of a small picture.

    Args:
        thumbnail: at its own size; `pictures.resize` averages areas.
        codec: one of `CANDIDATES`.
        quality: within the codec's `qualities`.
    """
    return tagged(codec, CODECS[codec].encode(thumbnail, quality))


def tagged(codec: Scheme, data: bytes) -> bytes:
    """Bytes of a codec as those of a thumbnail."""
    return bytes([CANDIDATES.index(codec)]) + data


def decode_thumbnail(data: bytes, size: Size) -> Rgb:
    """Inverse of `encode_thumbnail`.

    Raises:
        CorruptData: the bytes are damaged, or a picture of another size.
    """
    return codec_of(data).decode(data[TAG_BYTES:], size)


def codec_of(data: bytes) -> PictureCodec:
    """The codec that a thumbnail is in.

    Raises:
        CorruptData: there is none of that number.
    """
    if not data or data[0] >= len(CANDIDATES):
        raise corrupt(NAME, "its codec is unknown")
    return CODECS[CANDIDATES[data[0]]]
