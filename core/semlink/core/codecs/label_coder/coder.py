"""Label maps to bytes and back: one byte that says how, then the coded decisions."""

from __future__ import annotations

import numpy as np
from jaxtyping import Int16, Int64

from semlink.core.codecs.codec import corrupt
from semlink.core.codecs.label_coder.contexts import MARGIN, OUTSIDE, blank_view
from semlink.core.codecs.label_coder.mixing import Model, scratch
from semlink.core.codecs.label_coder.range_coding import (
    Tape,
    blank_tape,
    bytes_of,
    is_whole,
    tape_of,
)
from semlink.core.codecs.label_coder.tables import TABLES, UNTRAINED, model_of
from semlink.core.codecs.label_coder.walking import LABELS, MOST_DECISIONS, walk
from semlink.core.pictures import LabelMap, Size

NAME = "label map"
VERSION = 1


def encode_with(labels: LabelMap, present: tuple[int, ...], tables: int) -> bytes:
    """See `semlink.core.codecs.label_coder.encode`."""
    return bytes([VERSION << 4 | tables]) + bytes_of(_written(labels, present, model_of(tables)))


def learn_map(labels: LabelMap, model: Model) -> None:
    """Has a model code a map, and so learn it."""
    _written(labels, tuple(np.unique(labels).tolist()), model)


def decode(data: bytes, size: Size, present: tuple[int, ...]) -> LabelMap:
    """See `semlink.core.codecs.label_coder.decode`."""
    version, tables = divmod(data[0] if data else 0, 16)
    if version != VERSION:
        raise corrupt(NAME, f"version {version} of the format is unknown")
    if tables != UNTRAINED and tables not in TABLES:
        raise corrupt(NAME, f"tables {tables} are unknown")
    framed, tape = _frame(size), tape_of(data[1:])
    if not (_walk(framed, present, model_of(tables), tape) and is_whole(data[1:], tape)):
        raise corrupt(NAME, "its bytes are not a whole map")
    return _inside(framed).astype(np.uint8)


def _written(labels: LabelMap, present: tuple[int, ...], model: Model) -> Tape:
    framed, tape = _frame(Size(*labels.shape)), blank_tape(labels.size * MOST_DECISIONS)
    _inside(framed)[:] = labels
    _walk(framed, present, model, tape)
    return tape


def _walk(
    framed: Int16[np.ndarray, "_ _"], present: tuple[int, ...], model: Model, tape: Tape
) -> bool:
    size = _inside(framed).shape
    view = blank_view(size[1])
    return walk(framed, np.array(size), _ranks(present), model, view, scratch(), tape)


def _frame(size: Size) -> Int16[np.ndarray, "_ _"]:
    return np.full((size.height + MARGIN, size.width + 2 * MARGIN), OUTSIDE, np.int16)


def _inside(framed: Int16[np.ndarray, "_ _"]) -> Int16[np.ndarray, "_ _"]:
    return framed[MARGIN:, MARGIN:-MARGIN]


def _ranks(present: tuple[int, ...]) -> Int64[np.ndarray, "257"]:
    """How many of the present classes lie below 0, 1, ... 256."""
    return np.searchsorted(np.array(present), np.arange(LABELS + 1))
