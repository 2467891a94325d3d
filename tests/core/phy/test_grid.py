from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from semlink.core.phy.grid import ResourceGrid

SLOT = ResourceGrid(14, 72, 2, 30e3)
BLOCK = ResourceGrid(256, 1, 8)
QUADRANTS = [2, 3, 0, 3, 3, 3, 1, 0, 0, 2, 3, 3, 3, 3, 1, 3]  # of the first pilots


@st.composite
def grids(draw: Callable[[st.SearchStrategy[int]], int]) -> ResourceGrid:
    rows = draw(st.integers(1, 40))
    return ResourceGrid(rows, draw(st.integers(1, 20)), draw(st.integers(0, rows - 1)))


data_counts = st.integers(0, 2000)


def data_symbols(count: int) -> np.ndarray:
    return np.arange(1, count + 1).astype(np.complex64)


@given(grids(), data_counts)
def test_placed_data_are_extracted_in_order(grid: ResourceGrid, count: int) -> None:
    symbols = grid.place(data_symbols(count), 1.0)
    assert symbols.size == grid.slots(count) * grid.size
    np.testing.assert_array_equal(grid.extract(symbols, count), data_symbols(count))


@given(grids(), data_counts)
def test_channel_uses_are_the_elements_that_are_not_empty(grid: ResourceGrid, count: int) -> None:
    symbols = grid.place(data_symbols(count), 1.0)
    assert np.count_nonzero(symbols) == grid.channel_uses(count)


@given(grids(), data_counts)
def test_data_uses_is_the_inverse_of_channel_uses(grid: ResourceGrid, count: int) -> None:
    assert grid.data_uses(grid.channel_uses(count)) == count


@given(grids(), st.integers(-50, 4000))
def test_data_uses_is_the_most_that_fits(grid: ResourceGrid, channel_uses: int) -> None:
    most = grid.data_uses(channel_uses)
    assert grid.channel_uses(most) <= max(0, channel_uses) < grid.channel_uses(most + 1)


@given(grids())
def test_pilot_rows_are_evenly_spaced(grid: ResourceGrid) -> None:
    rows = np.array(grid.pilot_rows)
    assert rows.size == grid.pilots
    assert grid.data_mask.sum() == grid.data_size
    if grid.pilots > 1:
        gaps = [*np.diff(rows), rows[0] + grid.rows - rows[-1]]
        assert min(gaps) > 0
        assert max(gaps) - min(gaps) <= 1


def test_rows_of_pilots_of_an_ofdm_slot() -> None:
    assert SLOT.pilot_rows == (3, 10)


def test_two_pilots_of_a_slot_lie_in_their_rows() -> None:
    slot = SLOT.place(np.full(SLOT.data_size, 7, np.complex64), 4.0).reshape(14, 72)
    np.testing.assert_allclose(np.abs(slot[[3, 10]]), 2.0, rtol=1e-6)
    np.testing.assert_allclose(slot[[3, 10]], 2 * SLOT.pilot_symbols(1)[0], rtol=1e-6)
    assert (np.delete(slot, [3, 10], axis=0) == 7).all()


def test_pilots_of_fewer_slots_are_the_first_of_more() -> None:
    for grid in (SLOT, BLOCK):
        np.testing.assert_array_equal(grid.pilot_symbols(3), grid.pilot_symbols(50)[:3])


def test_pilots_are_the_same_in_every_version() -> None:
    """Both ends make them on their own."""
    quadrants = np.round(np.angle(BLOCK.pilot_symbols(2)) / (np.pi / 2) - 0.5).astype(int) % 4
    assert quadrants.reshape(-1).tolist() == QUADRANTS


def test_pilots_are_qpsk_without_a_mean() -> None:
    pilots = SLOT.pilot_symbols(100)
    np.testing.assert_allclose(np.abs(pilots), 1.0, rtol=1e-6)
    shares = np.unique(np.round(pilots, 3), return_counts=True)[1] / pilots.size
    assert shares == pytest.approx([0.25] * 4, abs=5 * np.sqrt(0.25 * 0.75 / pilots.size))


def test_pilots_beside_data_of_no_power_can_still_be_heard() -> None:
    symbols = BLOCK.place(np.zeros(10, np.complex64), 0.0)
    assert np.abs(symbols).sum() == pytest.approx(8.0)


def test_fourteen_symbols_of_15_khz_take_a_millisecond() -> None:
    assert 14 * ResourceGrid(14, 12, 2, 15e3).symbol_duration_s == pytest.approx(1e-3)
    assert BLOCK.symbol_duration_s == 0.0
