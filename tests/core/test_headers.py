from __future__ import annotations

import msgpack
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from semlink.core.errors import CorruptData
from semlink.core.headers import MAX_BYTES, MAX_CLASSES, MAX_WORKING_PIXELS, VERSION, MapHeader
from semlink.core.pictures import Size


@st.composite
def headers(draw: st.DrawFn) -> MapHeader:
    classes = draw(st.integers(1, MAX_CLASSES))
    present = draw(st.sets(st.integers(0, classes - 1), min_size=1))
    photo = Size(draw(st.integers(1, 6000)), draw(st.integers(1, 6000)))
    working = Size(draw(st.integers(1, 1024)), draw(st.integers(1, 1024)))
    taxonomy = draw(st.text(max_size=30))
    return MapHeader(photo, working, taxonomy, classes, tuple(sorted(present)))


HEADER = MapHeader(Size(360, 480), Size(192, 256), "camvid11", 12, (0, 2, 11))
DATA = HEADER.to_bytes()


@given(headers())
def test_round_trip(header: MapHeader) -> None:
    data = header.to_bytes()
    assert len(data) <= MAX_BYTES
    assert MapHeader.from_bytes(data) == header


def test_it_is_small_and_its_bytes_never_change() -> None:
    expected = "9801cd0168cd01e0ccc0cd0100a863616d7669643131" + "0cc4020508"
    assert DATA.hex() == expected  # else VERSION must rise


def accepted_or_corrupt(data: bytes) -> None:
    """Whatever is accepted is a header in every respect."""
    try:
        header = MapHeader.from_bytes(data)
    except CorruptData:
        return
    assert MapHeader.from_bytes(header.to_bytes()) == header
    assert all(type(side) is int for side in (*header.photo, *header.working, header.classes))


@settings(max_examples=400)
@given(st.lists(st.tuples(st.integers(0, len(DATA) - 1), st.integers(0, 255)), max_size=4))
def test_mutated_bytes(changes: list[tuple[int, int]]) -> None:
    data = bytearray(DATA)
    for position, value in changes:
        data[position] = value
    accepted_or_corrupt(bytes(data))


@given(st.binary(max_size=MAX_BYTES + 10))
@example(b"")
@example(b"\xc1")
def test_any_bytes(data: bytes) -> None:
    accepted_or_corrupt(data)


fields = st.one_of(
    st.integers(-(2**63), 2**63), st.none(), st.booleans(), st.floats(), st.text(), st.binary(),
    st.lists(st.integers(0, 300)), st.dictionaries(st.text(), st.integers()),
)  # fmt: skip


@given(st.integers(0, 7), fields)
def test_any_value_in_any_place(place: int, value: object) -> None:
    row = msgpack.unpackb(DATA)
    row[place] = value
    try:
        data = msgpack.packb(row)
    except OverflowError:
        return
    accepted_or_corrupt(data)


@pytest.mark.parametrize("end", range(len(DATA)))
def test_cut_short(end: int) -> None:
    with pytest.raises(CorruptData, match="the header cannot be read"):
        MapHeader.from_bytes(DATA[:end])


@pytest.mark.parametrize(
    ("place", "value", "reason"),
    [
        (0, VERSION + 1, "version"),
        (1, 0, "size is not within"),
        (2, 200_000, "size is not within"),
        (4, MAX_WORKING_PIXELS, "size is not within"),
        (6, 0, "taxonomy"),
        (6, MAX_CLASSES + 1, "taxonomy"),
        (7, b"\0\0", "class list"),
        (7, b"\0\x10", "class list"),
        (7, b"\1", "class list"),
    ],
)
def test_bounds(place: int, value: object, reason: str) -> None:
    row = msgpack.unpackb(DATA)
    row[place] = value
    with pytest.raises(CorruptData, match=reason):
        MapHeader.from_bytes(msgpack.packb(row))
