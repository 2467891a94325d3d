"""The least HEIF file around one still picture (ISO/IEC 23008-12, ISO/IEC 14496-12).

AVIF and HEIC are a coded picture in such a file, whose boxes would take 270 to 360 bytes. They
say nothing that the reader does not know, so the writer takes them off.
"""

from __future__ import annotations

import struct

from semlink.core.pictures import Size

ITEM = 1
ESSENTIAL = 0x80


def box(kind: bytes, *content: bytes) -> bytes:
    """A box of four-letter kind."""
    body = b"".join(content)
    return struct.pack(">I4s", 8 + len(body), kind) + body


def full_box(kind: bytes, *content: bytes, version: int = 0) -> bytes:
    """A box with a version, and flags of zero."""
    return box(kind, struct.pack(">I", version << 24), *content)


def boxes(data: bytes) -> dict[bytes, bytes]:
    """Contents of boxes in a row, by kind.

    Raises:
        ValueError: they do not follow each other to the end.
    """
    found, position = {}, 0
    while position < len(data):
        length, kind = struct.unpack(">I4s", data[position : position + 8])
        if length < 8:
            raise ValueError("a box has no definite length")
        found[kind] = data[position + 8 : position + length]
        position += length
    return found


def still_picture(
    brand: bytes, item_type: bytes, size: Size, configuration: bytes, colour: bytes, data: bytes
) -> bytes:
    """A file with one picture of three channels, 8 bits each.

    Args:
        brand: of the file, as in b"avif".
        item_type: of the picture, as in b"av01".
        size: of the picture.
        configuration: box with the decoder's configuration.
        colour: box of the colour space, or nothing.
        data: the coded picture.
    """
    head = box(b"ftyp", brand, bytes(4), b"mif1miaf", brand)
    properties = [
        configuration,
        full_box(b"ispe", struct.pack(">II", size.width, size.height)),
        full_box(b"pixi", bytes((3, 8, 8, 8))),
        *filter(None, [colour]),
    ]
    meta_bytes = len(_meta(item_type, properties, 0, len(data)))
    meta = _meta(item_type, properties, len(head) + meta_bytes + 8, len(data))
    return head + meta + box(b"mdat", data)


def _meta(item_type: bytes, properties: list[bytes], offset: int, length: int) -> bytes:
    indices = [ESSENTIAL | 1, *range(2, len(properties) + 1)]
    return full_box(
        b"meta",
        full_box(b"hdlr", bytes(4), b"pict", bytes(13)),
        full_box(b"pitm", struct.pack(">H", ITEM)),
        full_box(b"iloc", struct.pack(">BBHHHHII", 0x44, 0, 1, ITEM, 0, 1, offset, length)),
        full_box(
            b"iinf",
            struct.pack(">H", 1),
            full_box(b"infe", struct.pack(">HH4s", ITEM, 0, item_type), b"\0", version=2),
        ),
        box(
            b"iprp",
            box(b"ipco", *properties),
            full_box(b"ipma", struct.pack(">IHB", 1, ITEM, len(indices)), bytes(indices)),
        ),
    )
