"""A photo as the user has it: a file, its bytes, or pixels."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path

import numpy as np
from jaxtyping import Shaped

from semlink.core.errors import InvalidInput, NotFound
from semlink.core.pictures import (
    DEFAULT_LIMITS,
    Rgb,
    Size,
    check_size,
    encode_png,
    read_photo,
    too_many_bytes,
)

PhotoSource = str | Path | bytes | Shaped[np.ndarray, "..."]


class Photo:
    """Reads a source once, when its file or its pixels are first asked for.

    Args:
        source: path of a picture file, the file's bytes, or RGB pixels (height, width, 3) in
            eight bits.
    """

    def __init__(self, source: PhotoSource):
        self._source = source

    @cached_property
    def file(self) -> bytes:
        """The picture's file, as a service wants it; pixels become a PNG.

        Raises:
            NotFound: there is no such file.
            TooLarge: it exceeds what a service accepts.
            InvalidInput: the array is no picture.
        """
        if isinstance(self._source, np.ndarray):
            return encode_png(self.pixels)
        if isinstance(self._source, bytes):
            return self._source
        return _read(Path(self._source))

    @cached_property
    def pixels(self) -> Rgb:
        """The photo, upright.

        Raises:
            SemlinkError: as `file` and `core.pictures.read_photo`.
        """
        if isinstance(self._source, np.ndarray):
            return _checked(self._source)
        return read_photo(self.file)


def _read(path: Path) -> bytes:
    if not path.is_file():
        raise NotFound(
            "there is no such file.", field="photo", value=str(path), cure="Check the path."
        )
    if path.stat().st_size > DEFAULT_LIMITS.upload_bytes:
        raise too_many_bytes(path.stat().st_size, DEFAULT_LIMITS)
    try:
        return path.read_bytes()
    except OSError as error:
        raise InvalidInput(
            f"the file cannot be read: {error.strerror}.", field="photo", value=str(path)
        ) from error


def _checked(pixels: Shaped[np.ndarray, "..."]) -> Rgb:
    if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] != 3:
        raise InvalidInput(
            "the array is not an RGB picture.",
            field="photo",
            value=f"{pixels.dtype}{list(pixels.shape)}",
            cure="Give uint8 values of shape (height, width, 3).",
        )
    check_size(Size(*pixels.shape[:2]))
    return pixels
