from __future__ import annotations

import pytest
from google.protobuf.internal.encoder import _VarintBytes  # type: ignore[attr-defined]
from hypothesis import given
from hypothesis import strategies as st

from semlink.core.varint import read_varint, varint, varint_bytes

numbers = st.integers(0, (1 << 28) - 1)


@given(numbers, st.binary(max_size=3))
def test_a_number_comes_back_and_leaves_the_rest(number: int, rest: bytes) -> None:
    assert read_varint(varint(number) + rest) == (number, rest)
    assert len(varint(number)) == varint_bytes(number)


@given(numbers)
def test_they_are_those_of_protocol_buffers(number: int) -> None:
    assert varint(number) == _VarintBytes(number)


@given(st.binary(max_size=6))
def test_any_bytes_are_a_number_as_it_is_written_or_refused(data: bytes) -> None:
    try:
        number, rest = read_varint(data)
    except ValueError:
        return
    assert varint(number) + rest == data


@pytest.mark.parametrize("data", [b"", b"\x80", b"\x80\x00", b"\xff" * 9])
def test_what_does_not_end_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match="does not end"):
        read_varint(data)
