"""What the model looks at: the pixels above and to the left, seen in twenty ways.

The neighbours are pixels that the reader knows already. Those of them that differ, nearest
first, are the *candidates*; a neighbour's *rank* is its place among the candidates. Ranks
describe the shape of the regions nearby whatever their classes are.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from semlink.core.codecs.label_coder.compiling import compiled, wide

MARGIN = 8  # around the map, so that every neighbour exists
OUTSIDE = 256  # the label there
CANDIDATES = 4
CONTEXTS = 20
SHAPES = 9  # the first contexts, which know no classes
PATTERNS = 32
SLOPES = 16  # places where a boundary can be in a row: -7 .. 7 and 0
CELLS = 12  # along each side of the map

# Row and column relative to the pixel, nearest first.
# fmt: off
NEIGHBOURS = np.array([
    (0, -1), (-1, 0), (-1, 1), (-1, -1), (0, -2), (-2, 0), (-2, 1), (-2, -1), (-1, 2), (-1, -2),
    (0, -3), (-3, 0), (-2, 2), (-2, -2), (-3, 1), (-3, -1), (-1, 3), (-1, -3), (0, -4), (-4, 0),
    (-2, 3), (-2, -3), (-3, 2), (-3, -2), (-1, 4), (-3, 3), (-4, 1), (-4, -1), (-2, 4), (-1, 5),
])
# fmt: on
REACH = 20  # of them can be candidates


class View(NamedTuple):
    """What is known at one pixel; written by `look`.

    Attributes:
        candidates: labels of the nearest regions; as many as `look` returns.
        ranks: of the neighbours; CANDIDATES for other labels, CANDIDATES + 1 outside.
        hashes: one per context.
        selectors: pattern of equal neighbours, and where the left region ended a row above.
        runs: pixels since the label changed, leftwards; then per column upwards.
    """

    candidates: np.ndarray
    ranks: np.ndarray
    hashes: np.ndarray
    selectors: np.ndarray
    runs: np.ndarray


def blank_view(width: int) -> View:
    """Before the first pixel."""
    counts = (CANDIDATES, len(NEIGHBOURS), CONTEXTS, 2, 1 + width)
    return View(*[np.zeros(count, np.int64) for count in counts])


@compiled
def mixed(state: int, value: int) -> int:
    """A hash of 31 bits of another one and a value of 0 .. 2^31 - 2."""
    result: int = (((wide(state) ^ (wide(value) + 1)) * 0x9E3779B1) >> 7) & 0x7FFFFFFF
    return result


@compiled
def length_class(run: int) -> int:
    """Runs of pixels in classes that grow by half."""
    if run < 4:
        return run
    bound, kind = 6, 4
    while kind < 9 and run >= bound:
        bound += bound >> 1
        kind += 1
    return kind


@compiled
def boundary(labels: np.ndarray, row: int, column: int, label: int) -> int:
    """Where the region of `label` ends in a row, seen from the pixel: 1 .. 15, 8 is right here."""
    step = 0
    if labels[row, column] == label:
        while step < 7 and labels[row, column + step] == label:
            step += 1
        return 8 + step
    while step < 7 and labels[row, column - 1 - step] != label:
        step += 1
    return 8 - step


@compiled
def rank_neighbours(labels: np.ndarray, row: int, column: int, view: View) -> int:
    """Fills candidates and ranks.

    Returns:
        How many candidates there are.
    """
    found = 0
    for index in range(NEIGHBOURS.shape[0]):
        label = labels[row + NEIGHBOURS[index, 0], column + NEIGHBOURS[index, 1]]
        rank = 0
        while rank < found and view.candidates[rank] != label:
            rank += 1
        if label == OUTSIDE:
            rank = CANDIDATES + 1
        elif rank == found and found < CANDIDATES and index < REACH:
            view.candidates[found] = label
            found += 1
        elif rank == found:
            rank = CANDIDATES
        view.ranks[index] = rank
    return found


@compiled
def look(labels: np.ndarray, row: int, column: int, size: np.ndarray, view: View) -> int:
    """Looks at the surroundings of a pixel.

    Args:
        labels: the map so far, with MARGIN rows above and columns to both sides.
        row: of the pixel, in `labels`.
        column: of the pixel, in `labels`.
        size: height and width of the map.
        view: is written.

    Returns:
        How many candidates there are.
    """
    found = rank_neighbours(labels, row, column, view)
    ranks, hashes = view.ranks, view.hashes
    west, north = labels[row, column - 1], labels[row - 1, column]
    ends0 = boundary(labels, row - 1, column, west)
    ends1 = boundary(labels, row - 2, column, west)
    ends2 = boundary(labels, row - 3, column, west)
    ends3 = boundary(labels, row - 4, column, west)
    across, down = length_class(view.runs[0]), length_class(view.runs[1 + column - MARGIN])

    # Shapes: the ranks of more and more neighbours; the boundary's course; the runs.
    state, written = 0, 0
    for index in range(30):
        state = mixed(state, ranks[index])
        if index in (3, 5, 9, 13, 19, 29):
            hashes[written] = state
            written += 1
    course = mixed(mixed(7, ends0), ends1)
    runs = mixed(mixed(mixed(11, across), down), ranks[2])
    hashes[6] = mixed(runs, ranks[1])
    hashes[7] = mixed(mixed(course, ends2), ranks[1])
    hashes[8] = mixed(course, runs)

    # Classes of more and more neighbours.
    state, written = 1, 9
    for index in range(10):
        row_offset, column_offset = NEIGHBOURS[index, 0], NEIGHBOURS[index, 1]
        state = mixed(state, labels[row + row_offset, column + column_offset])
        if index in (3, 5, 9):
            hashes[written] = state
            written += 1

    # Classes with place and shape.
    north_east = labels[row - 1, column + 1]
    pair = mixed(mixed(2, west), north)
    band = (row - MARGIN) * CELLS // size[0]
    cell = mixed(mixed(3, band), (column - MARGIN) * CELLS // size[1])
    hashes[12] = cell
    hashes[13] = mixed(pair, band)
    hashes[14] = mixed(mixed(mixed(course, pair), ends2), ends3)
    hashes[15] = mixed(mixed(mixed(pair, 300), across), ends0)
    hashes[16] = mixed(
        mixed(mixed(pair, labels[row - 2, column]), labels[row - 3, column]), north_east
    )
    hashes[17] = mixed(mixed(mixed(pair, 301), labels[row - 1, column + 3]), north_east)
    hashes[18] = 4
    hashes[19] = mixed(cell, west)

    view.selectors[0] = (
        (ranks[1] == 0)
        + 2 * (ranks[2] == ranks[1])
        + 4 * (ranks[3] == 0)
        + 8 * (ranks[4] == 0)
        + 16 * (ranks[5] == ranks[1])
    )
    view.selectors[1] = ends0
    return found
