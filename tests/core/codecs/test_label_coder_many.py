"""Thousands of maps there and back; thousands of damaged ones, which end in an error or a map."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from semlink.core.codecs.label_coder import decode, encode, warm_up
from semlink.core.codecs.label_coder.tables import STREETS, UNTRAINED
from semlink.core.errors import CorruptData
from semlink.core.pictures import LabelMap, Size

EXAMPLES = [150, pytest.param(10_000, marks=pytest.mark.slow)]
LONGEST_S = 1.0  # of processor time, for one damaged map

Draw = Callable[[Size, int, np.random.Generator], Any]


def many(examples: int, *strategies: SearchStrategy[Any]) -> Callable[[Any], Any]:
    return lambda test: settings(max_examples=examples)(given(*strategies)(test))


def constant(size: Size, classes: int, random: np.random.Generator) -> Any:
    return np.full(size, classes - 1)


def noise(size: Size, classes: int, random: np.random.Generator) -> Any:
    return random.integers(0, classes, size)


def checkerboard(size: Size, classes: int, random: np.random.Generator) -> Any:
    side = random.integers(1, 6)
    return np.add.outer(*(np.arange(count) // side for count in size)) % min(classes, 2)


def stripes(size: Size, classes: int, random: np.random.Generator) -> Any:
    down, across = random.integers(-3, 4, 2)
    slope = np.add.outer(down * np.arange(size.height), across * np.arange(size.width))
    return slope // 3 % classes


def regions(size: Size, classes: int, random: np.random.Generator) -> Any:
    """Each pixel has the class of the nearest of a few points."""
    points = random.uniform(0, 1, (8, 2)) * size
    away = np.mgrid[: size.height, : size.width][:, None] - points.T[:, :, None, None]
    return random.integers(0, classes, 8)[np.square(away).sum(0).argmin(0)]


def specked(size: Size, classes: int, random: np.random.Generator) -> Any:
    labels = regions(size, classes, random)
    return np.where(random.random(size) < 0.05, noise(size, classes, random), labels)


KINDS: tuple[Draw, ...] = (constant, noise, checkerboard, stripes, regions, specked)

sides = st.integers(1, 28)
lines = st.integers(1, 400)
sizes = st.one_of(
    st.builds(Size, sides, sides),
    st.builds(Size, st.just(1), lines),
    st.builds(Size, lines, st.just(1)),
)
counts = st.sampled_from([1, 2, 3, 12, 20, 256]) | st.integers(1, 256)
seeds = st.integers(0, 2**32)
tables = st.sampled_from([UNTRAINED, STREETS])


def drawn(kind: Draw, size: Size, classes: int, seed: int) -> LabelMap:
    """A map whose classes are spread over 0 .. 255."""
    random = np.random.default_rng(seed)
    names = np.sort(random.permutation(256)[:classes]).astype(np.uint8)
    labels: LabelMap = names[kind(size, classes, random)]
    return labels


def comes_back(kind: Draw, size: Size, classes: int, seed: int, tables: int) -> None:
    labels = drawn(kind, size, classes, seed)
    present = tuple(np.unique(labels).tolist())
    decoded = decode(encode(labels, present, tables=tables), size, present)
    assert decoded.dtype == np.uint8
    np.testing.assert_array_equal(decoded, labels)


@pytest.mark.parametrize("examples", EXAMPLES)
def test_maps_come_back(examples: int) -> None:
    many(examples, st.sampled_from(KINDS), sizes, counts, seeds, tables)(comes_back)()


@cache
def sent(kind: Draw, tables: int) -> tuple[bytes, Size, tuple[int, ...]]:
    labels = drawn(kind, Size(36, 48), 256 if kind is noise else 12, 7)
    present = tuple(np.unique(labels).tolist())
    return encode(labels, present, tables=tables), Size(36, 48), present


def flipped(data: bytes, place: int, value: int) -> bytes:
    changed = bytearray(data)
    changed[place % len(data)] ^= 1 + value % 255
    return bytes(changed)


def cut(data: bytes, place: int, value: int) -> bytes:
    return data[: place % len(data)]


def without_some(data: bytes, place: int, value: int) -> bytes:
    start = place % len(data)
    return data[:start] + data[start + 1 + value % 8 :]


def with_more(data: bytes, place: int, value: int) -> bytes:
    start = place % (len(data) + 1)
    return data[:start] + bytes([value % 256]) * (1 + value % 9) + data[start:]


def replaced(data: bytes, place: int, value: int) -> bytes:
    """The end becomes noise."""
    start = place % len(data)
    return data[:start] + np.random.default_rng(value).bytes(len(data) - start)


CHANGES = (flipped, cut, without_some, with_more, replaced)
places = st.integers(0, 4000)
changes = st.lists(st.tuples(st.sampled_from(CHANGES), places, places), min_size=1, max_size=3)


def ends(kind: Draw, tables: int, changes: list[Any], factor: int) -> None:
    data, size, present = sent(kind, tables)
    for change, place, value in changes:
        data = change(data or b"\x10", place, value)
    size = Size(size.height * factor, size.width // factor)
    started = time.thread_time()
    try:
        labels = decode(data, size, present)
    except CorruptData:
        labels = None
    assert time.thread_time() - started < LONGEST_S
    assert labels is None or (labels.shape == size and set(np.unique(labels)) <= set(present))


@pytest.mark.parametrize("examples", EXAMPLES)
def test_damaged_maps_are_an_error_or_a_map(examples: int) -> None:
    warm_up()
    factors = st.sampled_from([1, 1, 1, 2])
    many(examples, st.sampled_from(KINDS), tables, changes, factors)(ends)()
