"""Lossless coding of label maps by mixing context models.

A map is walked row by row. For each pixel the coder asks whether it has the label of one of
the regions nearby, nearest first (`walking`). Each question's probability is mixed from
twenty counters, addressed by what is around the pixel (`contexts`, `mixing`), and coded
by a range coder (`range_coding`). Counters and weights adapt while the map is coded, from
nothing or from tables trained on maps of streets (`tables`). All arithmetic is on integers: every
machine and every version of every library decodes the same bytes to the same map.

The loop over the pixels is compiled by numba at its first use in a process: half a second where
numba finds the machine code of an earlier process, three to ten the very first time and
where it may not write any folder. `warm_up` has it done early.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

from semlink.core.errors import NotFound
from semlink.core.pictures import LabelMap, Size

__all__ = ["decode", "encode", "warm_up", "without_specks"]


def encode(labels: LabelMap, present: tuple[int, ...], *, tables: int | None = None) -> bytes:
    """Bytes of a map.

    Args:
        labels: of every pixel, each of them in `present`.
        present: the classes that occur, ascending, 1 .. 256 of them; the reader has to know them.
        tables: number of the tables to start from (see `tables`), or None to try all
            and keep the shortest.

    Raises:
        NotFound: numba or constriction is not installed.
    """
    with _libraries():
        from semlink.core.codecs.label_coder.coder import encode_with
        from semlink.core.codecs.label_coder.tables import TABLES, UNTRAINED

        choice = (UNTRAINED, *TABLES) if tables is None else (tables,)
        return min((encode_with(labels, present, each) for each in choice), key=len)


def decode(data: bytes, size: Size, present: tuple[int, ...]) -> LabelMap:
    """Inverse of `encode`.

    Raises:
        CorruptData: the bytes are damaged, are a map of another size or of other classes, or
            need a format or tables that this version does not know. Damage that happens
            to spell another whole map goes unseen.
        NotFound: numba is not installed.
    """
    with _libraries():
        from semlink.core.codecs.label_coder.coder import decode as decode_map

        return decode_map(data, size, present)


def without_specks(labels: LabelMap, min_region_px: int) -> LabelMap:
    """A map to be sent in fewer bytes, see `specks.smoothed`.

    Args:
        labels: of every pixel.
        min_region_px: pixels of the smallest connected region that stays; up to 1, all stay.

    Raises:
        NotFound: numba is not installed.
    """
    if min_region_px <= 1:
        return labels
    with _libraries():
        from semlink.core.codecs.label_coder.specks import smoothed

        return smoothed(labels, min_region_px).labels


def warm_up() -> None:
    """Compiles the coder and reads its tables, which the first call would do otherwise."""
    labels = without_specks(np.zeros((2, 2), np.uint8), 2)
    decode(encode(labels, (0,)), Size(2, 2), (0,))


@contextmanager
def _libraries() -> Iterator[None]:
    """Has imports of the libraries say how to get them."""
    try:
        yield
    except ModuleNotFoundError as error:
        raise NotFound(
            "it compiles and writes the code of label maps, and is not installed.",
            field="package",
            value=error.name,
            cure='Install it with pip install "semlink[transmitter]" or "semlink[receiver]".',
        ) from error
