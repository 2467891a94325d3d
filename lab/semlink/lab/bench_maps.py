"""Lossless coders of label maps side by side: bits per pixel and time.

    semlink bench maps CAMVID --split test --size 256x192 --size 480x360

Only the coded pixels are counted: PNG's IDAT chunks, WebP's VP8L chunk, JPEG XL's codestream.
All are given indices into the classes that occur, which the reader knows.
"""

from __future__ import annotations

import io
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from statistics import fmean

import numpy as np
from PIL import Image
from rich.console import Console
from rich.progress import track
from rich.table import Table

from semlink.core.codecs import label_coder
from semlink.core.codecs.jpegxl import decode_pixels, encode_pixels
from semlink.core.codecs.label_coder.tables import STREETS, UNTRAINED
from semlink.core.errors import InternalError, InvalidInput
from semlink.core.pictures import LabelMap, Size
from semlink.lab.console import print_json, wide_console
from semlink.lab.data import open_labelled
from semlink.lab.training.label_tables import scaled

RIFF_BYTES = 20  # "RIFF", size, "WEBP", "VP8L", size
CHUNK_BYTES = 12  # of a PNG's chunk: length, type, checksum
REFERENCE = "JPEG XL, effort 9"
SIZES = (Size(192, 256), Size(360, 480))

Present = tuple[int, ...]


@dataclass(frozen=True)
class MapCodec:
    """A lossless coder.

    Attributes:
        encode: a map's bytes, given the classes that occur.
        decode: inverse, given the size.
        count: how many of the bytes are coded pixels.
    """

    encode: Callable[[LabelMap, Present], bytes]
    decode: Callable[[bytes, Size, Present], LabelMap]
    count: Callable[[bytes], int] = len


@dataclass(frozen=True)
class Row:
    """One codec over many maps of one size; means.

    Attributes:
        codec: its name.
        size: of the maps, WIDTHxHEIGHT.
        bpp: bits per pixel.
        saved: share of the reference's bits per pixel that are not needed.
        encode_ms: processor time per map, on one core.
        decode_ms: processor time per map, on one core.
        changed: share of the pixels that were filled before.
    """

    codec: str
    size: str
    bpp: float
    saved: float
    encode_ms: float
    decode_ms: float
    changed: float = 0.0


def _indices(labels: LabelMap, present: Present) -> LabelMap:
    return np.searchsorted(np.array(present), labels).astype(np.uint8)


def _labels(indices: LabelMap, present: Present) -> LabelMap:
    labels: LabelMap = np.array(present, np.uint8)[indices]
    return labels


def _encode_png(labels: LabelMap, present: Present) -> bytes:
    """Palette of the fewest bits that hold the classes."""
    buffer, bits = io.BytesIO(), next(bits for bits in (1, 2, 4, 8) if len(present) <= 1 << bits)
    image = Image.fromarray(_indices(labels, present))
    image.putpalette(bytes(3 << bits))
    image.save(buffer, "PNG", bits=bits, compress_level=9)
    return buffer.getvalue()


def _encode_webp(labels: LabelMap, present: Present) -> bytes:
    buffer = io.BytesIO()
    image = Image.fromarray(_indices(labels, present)).convert("RGB")
    image.save(buffer, "WEBP", lossless=True, quality=100, method=6)
    return buffer.getvalue()


def _decode_file(data: bytes, size: Size, present: Present) -> LabelMap:
    pixels = np.array(Image.open(io.BytesIO(data)))
    return _labels(pixels if pixels.ndim == 2 else pixels[..., 0], present)


def _encode_jpegxl(labels: LabelMap, present: Present) -> bytes:
    return encode_pixels(_indices(labels, present), effort=9, lossless=True)


def _decode_jpegxl(data: bytes, size: Size, present: Present) -> LabelMap:
    return _labels(decode_pixels(data, size, "label map")[..., 0], present)


def _png_bytes(data: bytes) -> int:
    """Of the IDAT chunks' contents."""
    total, start = 0, 8
    while start < len(data):
        length = int.from_bytes(data[start : start + 4])
        total += length * (data[start + 4 : start + 8] == b"IDAT")
        start += length + CHUNK_BYTES
    return total


def _ours(tables: int) -> MapCodec:
    return MapCodec(partial(label_coder.encode, tables=tables), label_coder.decode)


CODECS: dict[str, MapCodec] = {
    "PNG": MapCodec(_encode_png, _decode_file, _png_bytes),
    "WebP, method 6": MapCodec(_encode_webp, _decode_file, lambda data: len(data) - RIFF_BYTES),
    REFERENCE: MapCodec(_encode_jpegxl, _decode_jpegxl),
    "ours, untrained": _ours(UNTRAINED),
    "ours, trained on streets": _ours(STREETS),
}


def measure_set(
    root: Path,
    *,
    kind: str,
    split: str,
    sizes: Sequence[str] = (),
    every: int = 1,
    min_region_px: int = 0,
) -> list[Row]:
    """`measure` over the maps of a data set.

    Args:
        root: the data set's folder.
        kind: its layout, a key of `data.LAYOUTS`.
        split: whose maps.
        sizes: as in 256x192; SIZES where there are none.
        every: each n-th map is taken.
        min_region_px: as the setting.
    """
    source = open_labelled(kind, root, split)
    maps = (source.labels(index) for index in range(0, len(source), every))
    return measure(maps, [parsed_size(text) for text in sizes] or SIZES, min_region_px)


def measure(maps: Iterable[LabelMap], sizes: Sequence[Size], min_region_px: int = 0) -> list[Row]:
    """Codes every map at every size with every codec, and checks that it comes back.

    Args:
        maps: at any size.
        sizes: to which they are scaled first.
        min_region_px: smaller regions are filled then, see `label_coder.without_specks`.

    Raises:
        InternalError: a map did not come back as it was.
    """
    label_coder.warm_up()
    originals, rows = list(maps), []
    console = Console(stderr=True)
    for size in sizes:
        whole = [scaled(labels, size) for labels in originals]
        sent = [label_coder.without_specks(labels, min_region_px) for labels in whole]
        changed = fmean(np.mean(one != other) for one, other in zip(whole, sent, strict=True))
        runs = {
            name: [_run(name, codec, labels) for labels in sent]
            for name, codec in track(
                CODECS.items(), str(size), console=console, disable=not console.is_terminal
            )
        }
        means = {
            name: [fmean(column) for column in zip(*run, strict=True)]
            for name, run in runs.items()
        }
        reference = means[REFERENCE][0]
        rows += [
            Row(name, str(size), bpp, 1 - bpp / reference, encode_ms, decode_ms, changed)
            for name, (bpp, encode_ms, decode_ms) in means.items()
        ]
    return rows


def _run(name: str, codec: MapCodec, labels: LabelMap) -> tuple[float, float, float]:
    """Bits per pixel, encoding and decoding milliseconds."""
    present = tuple(np.unique(labels).tolist())
    start = time.thread_time()
    data = codec.encode(labels, present)
    between = time.thread_time()
    decoded = codec.decode(data, Size(*labels.shape), present)
    end = time.thread_time()
    if not np.array_equal(decoded, labels):
        raise InternalError("the map did not come back.", field="codec", value=name)
    return 8 * codec.count(data) / labels.size, 1e3 * (between - start), 1e3 * (end - between)


def tell(rows: Sequence[Row], *, json: bool) -> None:
    """Prints the rows on stdout."""
    if json:
        print_json({"rows": [asdict(row) for row in rows]})
        return
    for size in dict.fromkeys(row.size for row in rows):
        chosen = [row for row in rows if row.size == size]
        filled = f", {chosen[0].changed:.2%} of the pixels filled" if chosen[0].changed else ""
        table = Table("codec", title=f"Label maps of {size}, means{filled}")
        for name in ("bits per pixel", f"below {REFERENCE}", "encode", "decode"):
            table.add_column(name, justify="right")
        for row in chosen:
            table.add_row(row.codec, *_cells(row))
        wide_console().print(table)


def _cells(row: Row) -> tuple[str, ...]:
    times = (f"{row.encode_ms:.1f} ms", f"{row.decode_ms:.1f} ms")
    return f"{row.bpp:.4f}", f"{row.saved:.1%}", *times


def parsed_size(text: str) -> Size:
    """A size as it prints.

    Raises:
        InvalidInput: it is not written like one.
    """
    width, _, height = text.partition("x")
    if not (width.isdecimal() and height.isdecimal() and int(width) and int(height)):
        raise InvalidInput("not a size.", field="size", value=text, cure="Write it as 256x192.")
    return Size(int(height), int(width))
