"""Numbers in as few bytes as they need."""

from __future__ import annotations

MOST_BYTES = 4
BITS = 7


def varint(value: int) -> bytes:
    """Seven bits a byte, the lowest first; the top bit says that more follow (LEB128).

    Args:
        value: 0 .. 2^28 - 1.
    """
    size = varint_bytes(value)
    parts = [value >> BITS * index & 0x7F for index in range(size)]
    return bytes([*(part | 0x80 for part in parts[:-1]), parts[-1]])


def varint_bytes(value: int) -> int:
    """How many bytes `varint` takes."""
    return max(1, -(-value.bit_length() // BITS))


def read_varint(data: bytes) -> tuple[int, bytes]:
    """The first number and the bytes behind it.

    Raises:
        ValueError: it does not end within `MOST_BYTES`, or takes more bytes than it needs.
    """
    value = 0
    for index, byte in enumerate(data[:MOST_BYTES]):
        value |= (byte & 0x7F) << BITS * index
        if not byte & 0x80:
            if varint_bytes(value) <= index:
                break
            return value, data[index + 1 :]
    raise ValueError("a number in it does not end where it should")
