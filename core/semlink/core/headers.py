"""Side information of the schemes, in few bytes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import msgpack

from semlink.core.errors import CorruptData
from semlink.core.pictures import DEFAULT_LIMITS, Size, working_size
from semlink.core.settings import MULTIPLE
from semlink.core.varint import read_varint, varint

VERSION = 1
MAX_BYTES = 256
MAX_CLASSES = 256
MAX_WORKING_PIXELS = 1 << 20
MAX_FACTOR = 64
MAX_SIDE = 512
TOKENS_VERSION = 2  # of `TokensHeader`
TOKENS_FIXED_BYTES = 3
FINGERPRINTS = 1 << 14

H = TypeVar("H")


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
        return bytes(msgpack.packb([VERSION, *self.fields()]))

    def fields(self) -> list[Any]:
        """What `parse` reads."""
        mask = sum(1 << label for label in self.present)
        bitmap = mask.to_bytes((self.classes + 7) // 8, "little")
        return [*self.photo, *self.working, self.taxonomy, self.classes, bitmap]

    @classmethod
    def from_bytes(cls, data: bytes) -> MapHeader:
        """Inverse of `to_bytes`.

        Raises:
            CorruptData: anything but a header written by this version, within its bounds.
        """
        return _read(cls.parse, data)

    @classmethod
    def parse(cls, fields: list[Any]) -> MapHeader:
        """Inverse of `fields`.

        Raises:
            ValueError: they are out of bounds.
            TypeError: they are something else.
        """
        photo_h, photo_w, height, width, taxonomy, classes, bitmap = fields
        if not isinstance(taxonomy, str) or not _within(classes, MAX_CLASSES):
            raise ValueError("its taxonomy is out of bounds")
        photo = _bounded(photo_h, photo_w, DEFAULT_LIMITS.pixels)
        working = _bounded(height, width, MAX_WORKING_PIXELS)
        return cls(photo, working, taxonomy, classes, _labels(bitmap, classes))


@dataclass(frozen=True)
class CoarseMapHeader:
    """Header of a label map and a coarse picture.

    Attributes:
        map: of the label map.
        factor: sides of the working picture over those of the coarse one, 1 .. 64.
    """

    map: MapHeader
    factor: int

    def to_bytes(self) -> bytes:
        """Packed array: version, what a `MapHeader` has, factor."""
        return bytes(msgpack.packb([VERSION, *self.map.fields(), self.factor]))

    @classmethod
    def from_bytes(cls, data: bytes) -> CoarseMapHeader:
        """Inverse of `to_bytes`.

        Raises:
            CorruptData: anything but a header written by this version, within its bounds.
        """
        return _read(cls._parse, data)

    @classmethod
    def _parse(cls, fields: list[Any]) -> CoarseMapHeader:
        *of_map, factor = fields
        if not _within(factor, MAX_FACTOR):
            raise ValueError("its factor is out of bounds")
        return cls(MapHeader.parse(of_map), factor)


def reduced_size(picture: Size, short_side: int) -> Size:
    """Size of what has that short side, or the picture's where it is shorter, aspect kept."""
    return working_size(picture, min(short_side, *picture), 1)


@dataclass(frozen=True)
class ColouredMapHeader:
    """Header of a label map and a colour map, both smaller than the working picture.

    Attributes:
        map: of the label map as it is at the working size; `present` are the classes of the map
            that travels.
        map_side: short side of the map that travels, 1 .. 512.
        colour_side: short side of the colour map, 1 .. 512.
    """

    map: MapHeader
    map_side: int
    colour_side: int

    @property
    def sent_map(self) -> MapHeader:
        """Of the label map as it travels."""
        return replace(self.map, working=reduced_size(self.map.working, self.map_side))

    @property
    def colour_size(self) -> Size:
        """Of the colour map."""
        return reduced_size(self.map.working, self.colour_side)

    def to_bytes(self) -> bytes:
        """Packed array: version, what a `MapHeader` has, the two sides."""
        sides = [self.map_side, self.colour_side]
        return bytes(msgpack.packb([VERSION, *self.map.fields(), *sides]))

    @classmethod
    def from_bytes(cls, data: bytes) -> ColouredMapHeader:
        """Inverse of `to_bytes`.

        Raises:
            CorruptData: anything but a header written by this version, within its bounds.
        """
        return _read(cls._parse, data)

    @classmethod
    def _parse(cls, fields: list[Any]) -> ColouredMapHeader:
        *of_map, map_side, colour_side = fields
        if not (_within(map_side, MAX_SIDE) and _within(colour_side, MAX_SIDE)):
            raise ValueError("a side is out of bounds")
        return cls(MapHeader.parse(of_map), map_side, colour_side)


@dataclass(frozen=True)
class PictureHeader:
    """Header of a picture that travels as such.

    Attributes:
        photo: size of the photo, so that the user gets back what was sent.
        working: size of the working picture.
        sent: size at which it travels.
    """

    photo: Size
    working: Size
    sent: Size

    def to_bytes(self) -> bytes:
        """Packed array: version, photo, working, sent."""
        return bytes(msgpack.packb([VERSION, *self.photo, *self.working, *self.sent]))

    @classmethod
    def from_bytes(cls, data: bytes) -> PictureHeader:
        """Inverse of `to_bytes`.

        Raises:
            CorruptData: anything but a header written by this version, within its bounds.
        """
        return _read(cls._parse, data)

    @classmethod
    def _parse(cls, fields: list[Any]) -> PictureHeader:
        photo_h, photo_w, height, width, sent_h, sent_w = fields
        photo = _bounded(photo_h, photo_w, DEFAULT_LIMITS.pixels)
        working = _bounded(height, width, MAX_WORKING_PIXELS)
        return cls(photo, working, _bounded(sent_h, sent_w, MAX_WORKING_PIXELS))


@dataclass(frozen=True)
class TokensHeader:
    """Header of the tokens of a map and of a picture, which are often few: seven bytes as a rule.

    Attributes:
        photo: size of the photo, so that the user gets back what was sent.
        short_side: of the working picture, a multiple of 32 up to 512; how many pixels are one
            token, the network knows.
        fingerprint: of the network whose codewords they are, 0 .. FINGERPRINTS - 1.
        map_table: whether the map's indices follow the network's table; else all codewords are
            alike.
        picture_table: the same of the picture's.
    """

    photo: Size
    short_side: int
    fingerprint: int
    map_table: bool = True
    picture_table: bool = True

    @property
    def working(self) -> Size:
        """Of the working picture, as the transmitter makes it of the photo."""
        return working_size(self.photo, self.short_side, MULTIPLE)

    def to_bytes(self) -> bytes:
        """Version and size, half a byte each; two bytes of fingerprint and flags; the photo."""
        first = TOKENS_VERSION << 4 | self.short_side // MULTIPLE - 1
        marked = self.fingerprint << 2 | self.map_table << 1 | self.picture_table
        sides = b"".join(map(varint, self.photo))
        return bytes([first]) + marked.to_bytes(2, "little") + sides

    @classmethod
    def from_bytes(cls, data: bytes) -> TokensHeader:
        """Inverse of `to_bytes`.

        Raises:
            CorruptData: anything but a header written by this version, within its bounds.
        """
        try:
            return cls._parse(data)
        except ValueError as error:
            raise _unreadable(data, error) from error

    @classmethod
    def _parse(cls, data: bytes) -> TokensHeader:
        if len(data) < TOKENS_FIXED_BYTES:
            raise ValueError("it is too short")
        version, size = divmod(data[0], 16)
        if version != TOKENS_VERSION:
            raise ValueError(f"its version is {version}, not {TOKENS_VERSION}")
        fingerprint, flags = divmod(int.from_bytes(data[1:TOKENS_FIXED_BYTES], "little"), 4)
        height, rest = read_varint(data[TOKENS_FIXED_BYTES:])
        width, rest = read_varint(rest)
        if rest:
            raise ValueError("it is too long")
        photo = _bounded(height, width, DEFAULT_LIMITS.pixels)
        header = cls(photo, MULTIPLE * (size + 1), fingerprint, bool(flags >> 1), bool(flags & 1))
        _bounded(*header.working, MAX_WORKING_PIXELS)
        return header


def _read(parse: Callable[[list[Any]], H], data: bytes) -> H:
    """What `parse` makes of the fields behind the version."""
    try:
        return parse(_fields(data))
    except (ValueError, TypeError, msgpack.UnpackException) as error:
        raise _unreadable(data, error) from error


def _unreadable(data: bytes, error: Exception) -> CorruptData:
    return CorruptData(
        f"the header cannot be read: {error}.",
        field="header",
        value=f"{len(data)} bytes",
        cure="Use the same version on both ends of the link.",
    )


def _fields(data: bytes) -> list[Any]:
    if len(data) > MAX_BYTES:
        raise ValueError("it is too long")
    fields: list[Any]
    version, *fields = msgpack.unpackb(data, strict_map_key=True)
    if type(version) is not int or version != VERSION:
        raise ValueError(f"its version is {version}, not {VERSION}")
    return fields


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
