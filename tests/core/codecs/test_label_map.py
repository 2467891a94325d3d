from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from semlink.core.codecs.label_map import decode_map, encode_map
from semlink.core.errors import CorruptData
from semlink.core.pictures import LabelMap, Size

PRESENT = (0, 3, 7, 255)
SIZE = Size(48, 80)


def blocks(present: tuple[int, ...], size: Size, seed: int = 0) -> LabelMap:
    """Areas of 8x8 pixels."""
    generator = np.random.default_rng(seed)
    rows, columns = -(-size.height // 8), -(-size.width // 8)
    coarse = generator.choice(present, (rows, columns)).astype(np.uint8)
    return coarse.repeat(8, 0).repeat(8, 1)[: size.height, : size.width]


@settings(max_examples=30)
@given(
    height=st.integers(1, 70),
    width=st.integers(1, 70),
    present=st.sets(st.integers(0, 255), min_size=1, max_size=20),
)
def test_lossless(height: int, width: int, present: set[int]) -> None:
    size, classes = Size(height, width), tuple(sorted(present))
    labels = blocks(classes, size)
    decoded = decode_map(encode_map(labels, classes), size, classes)
    assert decoded.dtype == np.uint8
    np.testing.assert_array_equal(decoded, labels)


def test_all_classes_in_noise() -> None:
    labels = np.random.default_rng(1).integers(0, 256, (64, 64)).astype(np.uint8)
    every = tuple(range(256))
    np.testing.assert_array_equal(
        decode_map(encode_map(labels, every), Size(64, 64), every), labels
    )


def test_areas_take_few_bits() -> None:
    assert len(encode_map(blocks(PRESENT, SIZE), PRESENT)) < SIZE.pixels / 8 / 4


def test_more_classes_than_announced() -> None:
    data = encode_map(blocks(PRESENT, SIZE), PRESENT)
    with pytest.raises(CorruptData, match="classes"):
        decode_map(data, SIZE, PRESENT[:-1])


def test_another_size() -> None:
    data = encode_map(blocks(PRESENT, SIZE), PRESENT)
    with pytest.raises(CorruptData, match="another size"):
        decode_map(data, Size(SIZE.width, SIZE.height), PRESENT)


DATA = encode_map(blocks(PRESENT, SIZE), PRESENT)


@settings(max_examples=200)
@given(
    changes=st.lists(st.tuples(st.integers(0, len(DATA) - 1), st.integers(0, 255)), max_size=4),
    kept=st.integers(0, len(DATA)),
)
def test_damage_is_corrupt_data_or_a_map(changes: list[tuple[int, int]], kept: int) -> None:
    data = bytearray(DATA)
    for position, value in changes:
        data[position] = value
    try:
        labels = decode_map(bytes(data[:kept]), SIZE, PRESENT)
    except CorruptData:
        return
    assert labels.shape == SIZE
    assert set(np.unique(labels)) <= set(PRESENT)
