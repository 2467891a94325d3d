"""Side information of the schemes that send a label map, in few bytes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgpack

from semlink.core.errors import CorruptData
from semlink.core.pictures import DEFAULT_LIMITS, Size

VERSION = 1
MAX_BYTES = 256
MAX_CLASSES = 256
MAX_WORKING_PIXELS = 1 << 20


@dataclass(frozen=True)
class MapHeader:
    """Header of a label map.

    Attributes:
        photo: size of the photo, so that the user gets back what was sent.
        working: size of the map.
        taxonomy: name in `taxonomy.TAXONOMIES`, or of a network's own classes.
        classes: number of classes K of the taxonomy, 1 .. 256.
        present: classes that occur in the map, ascending; the others are not sent.
    """

    photo: Size
    working: Size
    taxonomy: str
    classes: int
    present: tuple[int, ...]

    def to_bytes(self) -> bytes:
        """Packed array: version, photo, working, taxonomy, K, presence as a bit mask."""
        mask = sum(1 << label for label in self.present)
        bitmap = mask.to_bytes((self.classes + 7) // 8, "little")
        fields = [VERSION, *self.photo, *self.working, self.taxonomy, self.classes, bitmap]
        return bytes(msgpack.packb(fields))

    @classmethod
    def from_bytes(cls, data: bytes) -> MapHeader:
        """Inverse of `to_bytes`.

        Raises:
            CorruptData: anything but a header written by this version, within its bounds.
        """
        try:
            return cls._parse(data)
        except (ValueError, TypeError, msgpack.UnpackException) as error:
            raise CorruptData(
                f"the header cannot be read: {error}.",
                field="header",
                value=f"{len(data)} bytes",
                cure="Use the same version on both ends of the link.",
            ) from error

    @classmethod
    def _parse(cls, data: bytes) -> MapHeader:
        if len(data) > MAX_BYTES:
            raise ValueError("it is too long")
        fields = msgpack.unpackb(data, strict_map_key=True)
        version, photo_h, photo_w, height, width, taxonomy, classes, bitmap = fields
        if version != VERSION:
            raise ValueError(f"its version is {version}, not {VERSION}")
        if not isinstance(taxonomy, str) or not _within(classes, MAX_CLASSES):
            raise ValueError("its taxonomy is out of bounds")
        photo = _bounded(photo_h, photo_w, DEFAULT_LIMITS.pixels)
        working = _bounded(height, width, MAX_WORKING_PIXELS)
        return cls(photo, working, taxonomy, classes, _labels(bitmap, classes))


def _bounded(height: Any, width: Any, pixels: int) -> Size:
    if not (_within(height, pixels) and _within(width, pixels) and height * width <= pixels):
        raise ValueError(f"a size is not within 1 .. {pixels} pixels")
    return Size(height, width)


def _within(value: object, largest: int) -> bool:
    return type(value) is int and 1 <= value <= largest  # True is an int too


def _labels(bitmap: Any, classes: int) -> tuple[int, ...]:
    if not isinstance(bitmap, bytes) or len(bitmap) != (classes + 7) // 8:
        raise ValueError("its class list does not fit the taxonomy")
    mask = int.from_bytes(bitmap, "little")
    if mask >> classes or not mask:
        raise ValueError("its class list is empty or names unknown classes")
    return tuple(label for label in range(classes) if mask >> label & 1)
