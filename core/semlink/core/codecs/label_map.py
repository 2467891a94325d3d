"""Label maps as bits, without loss: indices into the present classes as grey JPEG XL."""

from __future__ import annotations

import numpy as np

from semlink.core.codecs.codec import corrupt
from semlink.core.codecs.jpegxl import decode_pixels, encode_pixels
from semlink.core.pictures import LabelMap, Size

NAME = "label map"
EFFORT = 9


def encode_map(labels: LabelMap, present: tuple[int, ...]) -> bytes:
    """Bytes of a map.

    Args:
        labels: of every pixel, each of them in `present`.
        present: the classes that occur, ascending, 1 .. 256 of them; the reader has to know them.
    """
    indices = np.searchsorted(np.array(present), labels).astype(np.uint8)
    return encode_pixels(indices, effort=EFFORT, lossless=True)


def decode_map(data: bytes, size: Size, present: tuple[int, ...]) -> LabelMap:
    """Inverse of `encode_map`.

    Raises:
        CorruptData: the bytes are damaged, or are a map of another size or of more classes.
    """
    indices = decode_pixels(data, size, NAME)
    if indices.shape != (*size, 1):
        raise corrupt(NAME, "it is in colour")
    if indices.max() >= len(present):
        raise corrupt(NAME, "it has more classes than announced")
    labels: LabelMap = np.array(present, np.uint8)[indices[..., 0]]
    return labels
