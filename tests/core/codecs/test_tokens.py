from __future__ import annotations

from functools import cache
from math import comb, log2

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jaxtyping import Bool

from semlink.core.codecs.tokens import (
    IndexTable,
    decode_indices,
    decode_masks,
    encode_indices,
    encode_masks,
)
from semlink.core.codecs.tokens.order import travel_order
from semlink.core.errors import CorruptData
from semlink.core.phy.radio import Radio
from semlink.core.pictures import Size
from semlink.core.tokens import SentTokens

GRIDS = (Size(16, 32), Size(12, 16))
FRACTIONS = (0.05, 0.15, 0.4, 1.0)
HEADER_BYTES = 7  # the scheme's

seeds = st.integers(0, 1 << 32)
grids = st.builds(Size, st.integers(1, 12), st.integers(1, 12))
Mask = Bool[np.ndarray, "rows columns"]


def smooth(grid: Size, seed: int) -> np.ndarray:
    """Scores as networks give them: a random field of a correlation length of two positions,
    with a tenth of its power in noise."""
    generator = np.random.default_rng(seed)
    frequencies = np.hypot(*np.meshgrid(*(np.fft.fftfreq(2 * n) for n in grid), indexing="ij"))
    white = np.fft.fft2(generator.standard_normal(frequencies.shape))
    field = np.fft.ifft2(white * np.exp(-np.square(2 * np.pi * frequencies))).real
    field = field[: grid.height, : grid.width]
    scores: np.ndarray = field / field.std() + 0.3 * generator.standard_normal(grid)
    return scores


def best(scores: np.ndarray, count: int) -> Mask:
    mask = np.zeros(scores.size, bool)
    mask[np.argsort(-scores, axis=None, kind="stable")[:count]] = True
    return mask.reshape(scores.shape)


@st.composite
def masks(draw: st.DrawFn, grid: Size) -> Mask:
    scores = np.random.default_rng(draw(seeds)).random(grid)
    return best(scores, draw(st.integers(1, grid.pixels)))


@st.composite
def sets(draw: st.DrawFn, least: int = 1) -> tuple[SentTokens, IndexTable]:
    """Tokens in any order with a table that need not suit them."""
    grid, codes = draw(grids), draw(st.integers(2, 2000))
    generator = np.random.default_rng(draw(seeds))
    count = draw(st.integers(min(least, grid.pixels), grid.pixels))
    positions = generator.permutation(grid.pixels)[:count]
    counts = generator.integers(0, 100, codes) ** draw(st.integers(0, 3))
    tokens = SentTokens(grid, codes, positions, generator.integers(0, codes, count))
    return tokens, IndexTable.learned(counts)


def on_grid(tokens: SentTokens) -> dict[int, int]:
    return dict(zip(tokens.positions.tolist(), tokens.indices.tolist(), strict=True))


def decoded(tokens: SentTokens, table: IndexTable, lost: set[int]) -> SentTokens:
    pieces = encode_indices(tokens, table).split()
    arrived = [None if index in lost else piece for index, piece in enumerate(pieces)]
    return decode_indices(arrived, tokens.grid, travel_order(tokens.mask), table)


# Masks


@given(st.data(), grids)
@settings(max_examples=25)
def test_masks_come_back_in_the_order_of_travel(data: st.DataObject, grid: Size) -> None:
    of_map, of_picture = data.draw(masks(grid)), data.draw(masks(grid))
    positions = decode_masks(encode_masks(of_map, of_picture), grid)
    for mask, found in zip((of_map, of_picture), positions, strict=True):
        np.testing.assert_array_equal(found, travel_order(mask))


@pytest.mark.parametrize("grid", GRIDS)
@pytest.mark.parametrize("fraction", FRACTIONS)
def test_masks_without_any_pattern_cost_what_enumeration_does(grid: Size, fraction: float) -> None:
    scores = np.random.default_rng(3).random((2, *grid))
    count = int(fraction * grid.pixels)
    data = encode_masks(best(scores[0], count), best(scores[1], count))
    overhead = 2 * log2(grid.pixels) + 8 + 8  # counts and trusts; the last byte
    assert 8 * len(data) <= 2 * log2(comb(grid.pixels, count)) + overhead


@pytest.mark.parametrize("grid", GRIDS)
def test_masks_of_smooth_scores_cost_less(grid: Size) -> None:
    count = int(0.4 * grid.pixels)
    sizes = [
        len(encode_masks(best(smooth(grid, seed), count), best(smooth(grid, seed + 1), count)))
        for seed in range(0, 6, 2)
    ]
    assert 8 * np.mean(sizes) < 0.8 * 2 * log2(comb(grid.pixels, count))


def test_a_mask_like_the_other_costs_less() -> None:
    first, second = (best(smooth(GRIDS[0], seed), 150) for seed in (1, 2))
    assert len(encode_masks(first, first)) < 0.9 * len(encode_masks(first, second))


# Indices


@given(sets())
def test_tokens_come_back(tokens_and_table: tuple[SentTokens, IndexTable]) -> None:
    tokens, table = tokens_and_table
    back = decoded(tokens, table, lost=set())
    assert (back.grid, back.codes) == (tokens.grid, tokens.codes)
    assert on_grid(back) == on_grid(tokens)


@given(sets(least=40), st.data())
def test_lost_pieces_leave_a_subset(
    tokens_and_table: tuple[SentTokens, IndexTable], data: st.DataObject
) -> None:
    tokens, table = tokens_and_table
    count = encode_indices(tokens, table).blocks
    lost = data.draw(st.sets(st.integers(0, count - 1)))
    back = decoded(tokens, table, lost)
    assert on_grid(back).items() <= on_grid(tokens).items()
    each = -(-tokens.positions.size // count)
    kept = [max(0, min(each, tokens.positions.size - each * n)) for n in range(count)]
    assert back.positions.size == sum(kept[n] for n in range(count) if n not in lost)


@given(sets(least=40), st.integers(0, 16))
def test_the_first_pieces_are_the_first_tokens(
    tokens_and_table: tuple[SentTokens, IndexTable], first: int
) -> None:
    tokens, table = tokens_and_table
    pieces = encode_indices(tokens, table)
    everything = decoded(tokens, table, lost=set())
    prefix = decoded(tokens, table, lost=set(range(first, pieces.blocks)))
    assert on_grid(prefix) == on_grid(everything.first(prefix.positions.size))


@given(sets())
def test_pieces_have_one_size_and_enough_bytes(
    tokens_and_table: tuple[SentTokens, IndexTable],
) -> None:
    data, count = encode_indices(*tokens_and_table)
    assert 1 <= count <= 16
    assert (count - 1) * -(-len(data) // count) < len(data)


@pytest.mark.parametrize("count", [25, 76, 204, 512])
def test_indices_cost_their_entropy_and_little_more(count: int) -> None:
    generator = np.random.default_rng(count)
    counts = (9999 / np.arange(1, 1025) ** 0.5).astype(np.int64)
    for table in (IndexTable.uniform(1024), IndexTable.learned(counts)):
        shares = table.frequencies / table.frequencies.sum()
        indices = generator.choice(1024, count, p=shares)
        tokens = SentTokens(Size(16, 32), 1024, np.arange(count), indices)
        entropy = -np.log2(shares[indices]).sum()
        pieces = encode_indices(tokens, table)
        assert -8 <= 8 * len(pieces.data) - entropy <= 8 * (1 + 2 * pieces.blocks)


def test_a_large_payload_has_sixteen_pieces() -> None:
    indices = np.random.default_rng(0).integers(0, 1024, 2048)
    tokens = SentTokens(Size(32, 64), 1024, np.arange(2048), indices)
    assert encode_indices(tokens, IndexTable.uniform(1024)).blocks == 16


# The order of travel


@given(st.data(), grids)
def test_every_position_travels_once(data: st.DataObject, grid: Size) -> None:
    mask = data.draw(masks(grid))
    np.testing.assert_array_equal(np.sort(travel_order(mask)), np.flatnonzero(mask))


def test_of_smooth_scores_the_first_half_has_most_of_the_better_half() -> None:
    shares = []
    for seed in range(10):
        scores = smooth(GRIDS[0], seed)
        first = travel_order(best(scores, 200))[:100]
        shares.append(np.isin(first, np.flatnonzero(best(scores, 100))).mean())
    assert np.mean(shares) > 0.6  # half of them by chance


def test_a_piece_of_a_full_grid_leaves_small_gaps() -> None:
    for piece in np.array_split(travel_order(np.ones((16, 32), bool)), 16):
        rows, columns = np.divmod(piece, 32)
        steps = np.maximum(abs(rows[:, None] - rows), abs(columns[:, None] - columns))
        assert (steps <= 1).sum(1).max() <= 2  # no more than one neighbour is lost as well


# What it is for


@pytest.mark.parametrize("grid", GRIDS)
@pytest.mark.parametrize(("fraction", "most"), [(0.05, 0.7), (0.15, 1), (0.4, 1), (1.0, 1)])
def test_fewer_bits_than_were_published(grid: Size, fraction: float, most: float) -> None:
    """Published: ten bits an index and a bit a position, for each grid (sample.py of the code)."""
    table = IndexTable.uniform(1024)
    count = int(fraction * grid.pixels)
    published = 2 * (10 * count + grid.pixels)
    generator = np.random.default_rng(5)
    bits = []
    for seed in range(4):
        both = [best(smooth(grid, 2 * seed + i), count) for i in range(2)]
        payloads = [encode_masks(*both)]
        for mask in both:
            indices = generator.integers(0, 1024, count)
            tokens = SentTokens(grid, 1024, np.flatnonzero(mask), indices)
            payloads.append(encode_indices(tokens, table).data)
        sizes = [len(payload) for payload in payloads]
        bits.append(8 * (HEADER_BYTES + Radio().control_bytes(sizes) + sum(sizes)))
    assert np.mean(bits) <= most * published


# Hostile bytes


@cache
def example() -> tuple[bytes, tuple[bytes, ...], Size, IndexTable]:
    grid = Size(4, 6)
    both = [best(smooth(grid, seed), 16) for seed in (1, 2)]
    indices = np.random.default_rng(0).integers(0, 1024, 16)
    tokens = SentTokens(grid, 1024, np.flatnonzero(both[1]), indices)
    table = IndexTable.uniform(1024)
    return encode_masks(*both), tuple(encode_indices(tokens, table).split()), grid, table


def mutated(data: bytes, generator: np.random.Generator) -> bytes:
    damaged = bytearray(data)
    for _ in range(generator.integers(1, 4)):
        at = int(generator.integers(0, len(damaged) + 1))
        match generator.integers(0, 3):
            case 0:
                damaged[at : at + 1] = generator.bytes(1)
            case 1:
                del damaged[at : at + generator.integers(1, 9)]
            case 2:
                damaged[at:at] = generator.bytes(int(generator.integers(1, 9)))
    return bytes(damaged)


def survives(seed: int) -> None:
    generator = np.random.default_rng(seed)
    masks_bytes, pieces, grid, table = example()
    try:
        positions = decode_masks(mutated(masks_bytes, generator), grid)
    except CorruptData:
        positions = decode_masks(masks_bytes, grid)
    hurt = [mutated(piece, generator) for piece in pieces[: generator.integers(1, 3)]]
    for places in positions:
        tokens = decode_indices(hurt, grid, places, table)
        assert set(tokens.positions.tolist()) <= set(range(grid.pixels))
        assert tokens.positions.size == np.unique(tokens.positions).size == tokens.indices.size
        assert ((tokens.indices >= 0) & (tokens.indices < 1024)).all()


@pytest.mark.parametrize("times", [1000, pytest.param(10_000, marks=pytest.mark.slow)])
def test_damaged_bytes_end_in_an_error_or_in_tokens(times: int) -> None:
    for seed in range(times):
        survives(seed)


@given(st.binary(max_size=60), st.binary(max_size=60))
@settings(max_examples=25)
def test_any_bytes_end_in_an_error_or_in_tokens(mask: bytes, piece: bytes) -> None:
    grid = Size(4, 5)
    try:
        positions = decode_masks(mask, grid)[1]
    except CorruptData:
        positions = np.arange(7)
    tokens = decode_indices([piece, None], grid, positions, IndexTable.uniform(10))
    assert tokens.positions.size in (0, -(-positions.size // 2))


def test_a_grid_beyond_all_bounds_is_refused() -> None:
    with pytest.raises(CorruptData):
        decode_masks(b"\0", Size(1 << 10, 1 << 10))
