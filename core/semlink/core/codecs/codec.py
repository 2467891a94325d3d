"""What every image codec of the baseline can do."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np

from semlink.core.errors import CorruptData
from semlink.core.pictures import Rgb, Size

Encode = Callable[[Rgb, float], bytes]


def never_partial(data: bytes, size: Size) -> Rgb | None:
    """For formats that are decoded whole or not at all."""
    return None


def no_container(data: bytes) -> int:
    """For formats without any framing."""
    return 0


@dataclass(frozen=True)
class PictureCodec:
    """A format, writer and reader.

    What is sent is the format's bare bitstream: what the reader knows from the picture's size is
    left out and written again at the other end, and there is no metadata.

    Attributes:
        name: of the format, as people write it.
        qualities: worst and best; bytes and PSNR grow with the quality, but for small ripples.
        encode: bytes of a picture at a quality within `qualities`; the same in every process.
        decode: the picture; raises `CorruptData` if the bytes are not a whole picture of that
            size, which is found out before memory for another size is taken.
        partial: a coarser picture from the first bytes of `encode`'s; None if these do not
            suffice, or if the format has no such thing.
        container_bytes: how many of the bytes are framing and no picture.
        others: writers that make slightly other bytes for the same reader, for budgets that
            `encode` jumps over.
    """

    name: str
    qualities: tuple[float, float]
    encode: Encode
    decode: Callable[[bytes, Size], Rgb]
    partial: Callable[[bytes, Size], Rgb | None] = never_partial
    container_bytes: Callable[[bytes], int] = no_container
    others: tuple[Encode, ...] = ()


def corrupt(name: str, reason: str) -> CorruptData:
    """The error for bytes that are not a picture in the format of that name."""
    return CorruptData(f"the {name} picture cannot be decoded: {reason}.", field="picture")


@contextmanager
def reading(name: str) -> Iterator[None]:
    """Turns whatever a decoder raises on damaged bytes into `CorruptData`."""
    try:
        yield
    except CorruptData:
        raise
    except Exception as error:  # damaged bytes can make a decoder raise anything
        raise corrupt(name, type(error).__name__) from error


def checked(pixels: np.ndarray, size: Size, name: str) -> Rgb:
    """The decoded pixels, if there are as many as announced."""
    if pixels.shape != (*size, 3) or pixels.dtype != np.uint8:
        raise corrupt(name, f"its pixels have the shape {pixels.shape}")
    return pixels
