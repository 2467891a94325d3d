from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction
from inspect import signature, unwrap

import constriction
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numba import njit
from scipy import ndimage

from semlink.core.codecs.label_coder import compiling, tables
from semlink.core.codecs.label_coder.logistic import LIMIT, ONE, SQUASH, STRETCH, UNIT
from semlink.core.codecs.label_coder.mixing import EVEN, SEEN
from semlink.core.codecs.label_coder.range_coding import (
    Tape,
    blank_tape,
    bytes_of,
    is_whole,
    named,
    read_bit,
    tape_of,
)
from semlink.core.codecs.label_coder.specks import _fill, smoothed
from semlink.core.codecs.label_coder.walking import walk
from semlink.core.pictures import LabelMap


def test_squash_is_the_logistic_function() -> None:
    exact = [ONE / (1 + math.exp(-x / UNIT)) for x in range(-LIMIT, LIMIT + 1)]
    assert np.abs(SQUASH - np.maximum(exact, 1)).max() <= 0.5 + 1e-6


def test_squash_and_stretch_are_odd_and_monotone() -> None:
    assert (SQUASH + SQUASH[::-1] == ONE).all()
    assert (STRETCH[1:] == -STRETCH[:0:-1]).all()
    assert (np.diff(SQUASH) >= 0).all()
    assert (np.diff(STRETCH) >= 0).all()


def test_stretch_undoes_squash() -> None:
    p = np.arange(1, ONE)
    nearest = np.log(p / (ONE - p)) * UNIT
    inside = np.abs(nearest) < LIMIT - UNIT
    width = np.maximum(1.0, UNIT * ONE / (p * (ONE - p.astype(float))))
    assert (np.abs(STRETCH[1:] - nearest) <= width)[inside].all()


def _read_all(tape: Tape, probabilities: np.ndarray, bits: np.ndarray) -> None:
    for index in range(len(bits)):
        bits[index] = read_bit(tape, probabilities[index])


read_all = njit(_read_all)


def written(bits: np.ndarray, probabilities: np.ndarray) -> bytes:
    tape = blank_tape(len(bits))
    tape.record[:] = 2 * probabilities + bits
    tape.cursor[1] = len(bits)
    return bytes_of(tape)


def drawn(seed: int, count: int, sharpness: float) -> tuple[np.ndarray, np.ndarray]:
    """Bits that follow probabilities from all over 1 .. ONE - 1."""
    generator = np.random.default_rng(seed)
    logits = sharpness * generator.standard_normal(count)
    probabilities = np.clip(ONE / (1 + np.exp(-logits)), 1, ONE - 1).astype(np.int64)
    return (generator.random(count) * ONE < probabilities).astype(np.int64), probabilities


CASES = [(0, 0, 1.0), (1, 1, 1.0), (2, 7, 9.0), (3, 3000, 1.0), (4, 3000, 6.0), (5, 90_000, 12.0)]


@pytest.mark.parametrize(("seed", "count", "sharpness"), CASES)
def test_bits_come_back(seed: int, count: int, sharpness: float) -> None:
    bits, probabilities = drawn(seed, count, sharpness)
    data, found = written(bits, probabilities), np.zeros_like(bits)
    tape = tape_of(data)
    read_all(tape, probabilities, found)
    np.testing.assert_array_equal(found, bits)
    assert is_whole(data, tape)
    share = np.where(bits == 1, probabilities, ONE - probabilities) / ONE
    assert 8 * len(data) <= 1.003 * -np.log2(share).sum() + 16


@pytest.mark.parametrize(("seed", "count", "sharpness"), CASES)
def test_the_library_reads_what_we_read(seed: int, count: int, sharpness: float) -> None:
    bits, probabilities = drawn(seed, count, sharpness)
    data = written(bits, probabilities)
    words = np.frombuffer(data + bytes(-len(data) % 4), ">u4").astype(np.uint32)
    decoder = constriction.stream.queue.RangeDecoder(words)
    model = constriction.stream.model.Bernoulli(perfect=False)
    np.testing.assert_array_equal(decoder.decode(model, probabilities / ONE), bits)


@given(st.binary(max_size=64), st.integers(0, 1000))
@settings(max_examples=100)
def test_garbage_reads_as_in_the_library(data: bytes, seed: int) -> None:
    _, probabilities = drawn(seed, 200, 3.0)
    found, tape = np.zeros(200, np.int64), tape_of(data)
    read_all(tape, probabilities, found)
    words = np.frombuffer(data + bytes(-len(data) % 4), ">u4").astype(np.uint32)
    decoder = constriction.stream.queue.RangeDecoder(words)
    model = constriction.stream.model.Bernoulli(perfect=False)
    try:
        expected = decoder.decode(model, probabilities / ONE)
    except (AssertionError, ValueError):
        assert tape.cursor[0] < 0
    else:
        np.testing.assert_array_equal(found, expected)


@given(st.integers(0, 2**96 - 2**64), st.integers(2**32, 2**64 - 2))
def test_the_name_lies_in_the_interval(bottom: int, length: int) -> None:
    data = named(bottom, length, 96)
    number = Fraction(int.from_bytes(data), 256 ** len(data)) * 2**96
    assert bottom <= number < bottom + length
    assert 2 ** (96 - 8 * len(data)) <= length < 2 ** (104 - 8 * len(data))


def test_packed_tables_keep_all_but_what_they_round() -> None:
    generator, model = np.random.default_rng(8), tables.untrained()
    seen = generator.integers(0, 200, model.counters.size)
    probability = generator.integers(64, ONE - 64, model.counters.size)
    model.counters[:] = probability << 16 | seen
    model.weights[:] = generator.integers(-3 * ONE, 3 * ONE, model.weights.shape)
    kept = tables.unpack(tables.pack(model))
    known = kept.counters != EVEN
    assert (known == (seen >= tables.LEAST_SEEN))[probability != ONE // 2].all()
    away = STRETCH[kept.counters >> 16] - STRETCH[probability]
    assert np.abs(away[known]).max() <= tables.STEP // 2 + 4
    assert (kept.counters & SEEN <= seen).all()
    assert np.abs(kept.weights - model.weights).max() <= 4
    assert np.abs(kept.refined - model.refined).max() < 64


def test_models_are_copies() -> None:
    tables.model_of(tables.STREETS).counters[:] = 0
    assert tables.model_of(tables.STREETS).counters.any()


def speckled(seed: int) -> LabelMap:
    generator = np.random.default_rng(seed)
    coarse = generator.integers(0, 4, (5, 7)).repeat(8, 0).repeat(8, 1)
    specks = generator.random(coarse.shape) < 0.1
    return np.where(specks, generator.integers(0, 6, coarse.shape), coarse).astype(np.uint8)


def smallest_region(labels: LabelMap) -> int:
    sizes: list[int] = []
    for label in np.unique(labels):
        regions, _ = ndimage.label(labels == label)
        sizes += np.bincount(regions.ravel())[1:].tolist()
    return min(sizes)


@pytest.mark.parametrize("pixels", [2, 5, 20, 60])
@pytest.mark.parametrize("seed", [1, 2])
def test_no_speck_is_left(pixels: int, seed: int) -> None:
    labels = speckled(seed)
    result = smoothed(labels, pixels)
    assert smallest_region(labels) < pixels <= smallest_region(result.labels)
    assert result.changed == (labels != result.labels).sum() > 0
    np.testing.assert_array_equal(smoothed(result.labels, pixels).labels, result.labels)


def test_only_specks_change() -> None:
    labels = np.zeros((9, 9), np.uint8)
    labels[2:4, 2:4], labels[6, 6], labels[6, 7] = 1, 2, 3
    result = smoothed(labels, 4)
    assert result.changed == 2
    assert (result.labels == np.where(labels == 1, 1, 0)).all()


@pytest.mark.parametrize("pixels", [0, 1])
def test_nothing_is_smaller_than_a_pixel(pixels: int) -> None:
    assert smoothed(speckled(3), pixels).changed == 0


def test_a_map_that_is_a_speck_becomes_one_region() -> None:
    result = smoothed(speckled(4)[:3, :3], 1000)
    assert len(np.unique(result.labels)) == 1


def test_nothing_is_kept_where_nothing_may_be_written(monkeypatch: pytest.MonkeyPatch) -> None:
    def njit(**options: bool) -> Callable[[object], object]:
        if options.get("cache"):
            raise RuntimeError("cannot cache function: no locator available")
        return lambda function: function

    monkeypatch.setattr(compiling, "njit", njit)
    assert compiling.compiled_and_kept(smoothed) is unwrap(smoothed)


def test_machine_code_is_kept_for_this_source_only() -> None:
    for function in (walk, _fill):
        assert signature(function).parameters["sources"].default == compiling.SOURCES
