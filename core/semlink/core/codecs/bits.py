"""Fields of any number of bits, as codecs write their headers."""

from __future__ import annotations


class BitReader:
    """Reads from the front.

    Args:
        data: what to read.
        lsb_first: whether the first bit of a byte is its least significant one (JPEG XL).
    """

    def __init__(self, data: bytes, *, lsb_first: bool = False):
        self.bits = "".join(f"{byte:08b}"[:: -1 if lsb_first else 1] for byte in data)
        self.lsb_first = lsb_first
        self.position = 0

    def read(self, count: int) -> int:
        """An unsigned number of `count` bits.

        Raises:
            ValueError: fewer are left.
        """
        field = self.bits[self.position : self.position + count]
        if len(field) < count:
            raise ValueError("the header is cut short")
        self.position += count
        return int(field[::-1] if self.lsb_first else field, 2) if count else 0

    def exp_golomb(self) -> int:
        """An unsigned Exp-Golomb code, ue(v) of ITU-T H.265, 9.2.

        Raises:
            ValueError: it does not end, or exceeds 32 bits.
        """
        zeros = 0
        while not self.read(1):
            zeros += 1
            if zeros > 32:
                raise ValueError("a code has too many bits")
        return (1 << zeros) - 1 + self.read(zeros)


def varint(value: int) -> bytes:
    """Seven bits a byte, least significant first, the eighth set where more follow (LEB128)."""
    head = b""
    while value > 0x7F:
        head += bytes([value & 0x7F | 0x80])
        value >>= 7
    return head + bytes([value])


def read_varint(data: bytes, position: int) -> tuple[int, int]:
    """Number and position behind it.

    Raises:
        ValueError: it does not end, or has more than four bytes.
    """
    value = 0
    for shift, byte in enumerate(data[position : position + 4]):
        value |= (byte & 0x7F) << 7 * shift
        if byte < 0x80:
            return value, position + shift + 1
    raise ValueError("a length does not end")
