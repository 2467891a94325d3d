from __future__ import annotations

import msgpack
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from semlink.core.errors import CorruptData
from semlink.core.headers import (
    FINGERPRINTS,
    MAX_BYTES,
    MAX_CLASSES,
    MAX_WORKING_PIXELS,
    TOKENS_VERSION,
    VERSION,
    MapHeader,
    PictureHeader,
    TokensHeader,
)
from semlink.core.pictures import DEFAULT_LIMITS, Size

working_sizes = st.builds(Size, st.integers(1, 1024), st.integers(1, 1024))
photo_sizes = st.builds(Size, st.integers(1, 6000), st.integers(1, 6000))


@st.composite
def map_headers(draw: st.DrawFn) -> MapHeader:
    classes = draw(st.integers(1, MAX_CLASSES))
    present = draw(st.sets(st.integers(0, classes - 1), min_size=1))
    taxonomy = draw(st.text(max_size=30))
    sizes = draw(photo_sizes), draw(working_sizes)
    return MapHeader(*sizes, taxonomy, classes, tuple(sorted(present)))


picture_headers = st.builds(PictureHeader, photo_sizes, working_sizes, working_sizes)

token_headers = st.builds(
    TokensHeader,
    photo_sizes,
    st.integers(2, 16).map(lambda count: 32 * count),
    st.integers(0, FINGERPRINTS - 1),
    st.booleans(),
    st.booleans(),
).filter(lambda header: header.working.pixels <= MAX_WORKING_PIXELS)

Header = MapHeader | PictureHeader | TokensHeader
MAP = MapHeader(Size(360, 480), Size(192, 256), "camvid11", 12, (0, 2, 11))
PICTURE = PictureHeader(Size(360, 480), Size(192, 256), Size(96, 128))
TOKENS = TokensHeader(Size(360, 480), 192, 12345, map_table=True, picture_table=False)
PACKED: list[Header] = [MAP, PICTURE]  # by msgpack
HEADERS: list[Header] = [*PACKED, TOKENS]


def sizes_of(header: Header) -> list[Size]:
    return [value for value in vars(header).values() if isinstance(value, Size)]


@given(map_headers() | picture_headers | token_headers)
def test_round_trip(header: Header) -> None:
    data = header.to_bytes()
    assert len(data) <= MAX_BYTES
    assert type(header).from_bytes(data) == header


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (MAP, "9801cd0168cd01e0ccc0cd0100a863616d76696431310cc4020508"),
        (PICTURE, "9701cd0168cd01e0ccc0cd010060cc80"),
        (TOKENS, "25e6c0e802e003"),
    ],
)
def test_they_are_small_and_their_bytes_never_change(header: Header, expected: str) -> None:
    assert header.to_bytes().hex() == expected  # else its version must rise


def test_the_longest_that_a_photo_can_have_fits() -> None:
    photo = Size(12_649, 3_162)  # of so many pixels, with the largest aspect
    assert photo.pixels <= DEFAULT_LIMITS.pixels < Size(12_650, 3_163).pixels
    longest = MapHeader(photo, Size(2048, 512), "x" * 200, MAX_CLASSES, tuple(range(MAX_CLASSES)))
    assert MapHeader.from_bytes(longest.to_bytes()) == longest


def accepted_or_corrupt(kind: type[Header], data: bytes) -> None:
    """Whatever is accepted is a header in every respect."""
    try:
        header = kind.from_bytes(data)
    except CorruptData:
        return
    assert kind.from_bytes(header.to_bytes()) == header
    assert all(type(side) is int and side > 0 for size in sizes_of(header) for side in size)
    assert header.photo.pixels <= DEFAULT_LIMITS.pixels
    assert all(size.pixels <= MAX_WORKING_PIXELS for size in sizes_of(header)[1:])


changes = st.lists(st.tuples(st.integers(0, 63), st.integers(0, 255)), max_size=4)


@settings(max_examples=400)
@given(st.sampled_from(HEADERS), changes)
def test_mutated_bytes(header: Header, changes: list[tuple[int, int]]) -> None:
    data = bytearray(header.to_bytes())
    for position, value in changes:
        data[position % len(data)] = value
    accepted_or_corrupt(type(header), bytes(data))


@given(st.binary(max_size=MAX_BYTES + 10))
@example(b"")
@example(b"\xc1")
@example(b"\x91" * MAX_BYTES)
def test_any_bytes(data: bytes) -> None:
    for header in HEADERS:
        accepted_or_corrupt(type(header), data)


fields = st.one_of(
    st.integers(-(2**63), 2**63), st.none(), st.booleans(), st.floats(), st.text(), st.binary(),
    st.lists(st.integers(0, 300)), st.dictionaries(st.text(), st.integers(0, 300)),
)  # fmt: skip


@given(st.sampled_from(PACKED), st.integers(0, 7), fields)
def test_any_value_in_any_place(header: Header, place: int, value: object) -> None:
    row = msgpack.unpackb(header.to_bytes())
    row[place % len(row)] = value
    accepted_or_corrupt(type(header), msgpack.packb(row))


@pytest.mark.parametrize("header", HEADERS)
def test_cut_short_or_too_long(header: Header) -> None:
    data = header.to_bytes()
    for wrong in (*(data[:end] for end in range(len(data))), data + b"\0", data * 20):
        with pytest.raises(CorruptData, match="the header cannot be read") as caught:
            type(header).from_bytes(wrong)
        assert (caught.value.field, caught.value.value) == ("header", f"{len(wrong)} bytes")
        assert caught.value.cure


def test_one_header_is_not_taken_for_another() -> None:
    for one in HEADERS:
        for other in HEADERS:
            if one is not other:
                with pytest.raises(CorruptData):
                    type(other).from_bytes(one.to_bytes())


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (bytes([TOKENS_VERSION + 1 << 4 | 5, 0, 0, 100, 100]), "version"),
        (bytes([TOKENS_VERSION << 4 | 5, 0, 0, 0, 100]), "size is not within"),
        (bytes([TOKENS_VERSION << 4 | 15, 0, 0, 1, 100]), "size is not within"),  # 512x51200
        (bytes([TOKENS_VERSION << 4 | 5, 0, 0, *(0xFF, 0xFF, 0xFF, 0x7F) * 2]), "not within"),
        (bytes([TOKENS_VERSION << 4 | 5, 0, 0, 0xE4, 0, 100]), "does not end where it should"),
        (bytes([TOKENS_VERSION << 4 | 5, 0, 0, *[0x80] * 8]), "does not end where it should"),
    ],
)
def test_bounds_of_the_tokens(data: bytes, reason: str) -> None:
    with pytest.raises(CorruptData, match=reason):
        TokensHeader.from_bytes(data)


@pytest.mark.parametrize(
    ("header", "place", "value", "reason"),
    [
        (MAP, 0, VERSION + 1, "version"),
        (MAP, 0, True, "version"),
        (MAP, 1, 0, "size is not within"),
        (MAP, 2, 200_000, "size is not within"),
        (MAP, 4, MAX_WORKING_PIXELS, "size is not within"),
        (MAP, 6, 0, "taxonomy"),
        (MAP, 6, MAX_CLASSES + 1, "taxonomy"),
        (MAP, 5, b"camvid", "taxonomy"),
        (MAP, 7, b"\0\0", "class list"),
        (MAP, 7, b"\0\x10", "class list"),
        (MAP, 7, b"\1", "class list"),
        (PICTURE, 0, VERSION + 1, "version"),
        (PICTURE, 1, True, "size is not within"),
        (PICTURE, 2, 200_000, "size is not within"),
        (PICTURE, 4, MAX_WORKING_PIXELS, "size is not within"),
        (PICTURE, 5, 0, "size is not within"),
        (PICTURE, 6, -1, "size is not within"),
    ],
)
def test_bounds(header: Header, place: int, value: object, reason: str) -> None:
    row = msgpack.unpackb(header.to_bytes())
    row[place] = value
    with pytest.raises(CorruptData, match=reason):
        type(header).from_bytes(msgpack.packb(row))
