"""Which positions of two grids are sent.

Row by row, each position costs what it tells beyond this: how many are sent in all, so that the
share of the rest is known at any moment; its four neighbours that are known already; and for
the picture's mask the same place in the map's. The evidence adds up in the logistic domain. How
much neighbours count is the writer's choice and travels along; if they count nothing, a mask of
k out of n positions costs log2 of n over k bits, as the enumerative code (Cover, 1973).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Int64

from semlink.core.codecs.label_coder.logistic import LIMIT, ONE, SQUASH, STRETCH, UNIT
from semlink.core.codecs.tokens.order import travel_order
from semlink.core.codecs.tokens.ranges import Coder, Reader, Scale, Writer, damaged
from semlink.core.pictures import Size

FIELD = "mask"
MOST_POSITIONS = 1 << 14  # of a grid
BEFORE = ((0, -1, 2), (-1, -1, 1), (-1, 0, 2), (-1, 1, 1))  # rows, columns off, and weight
AROUND = ((0, 0, 4), (-1, 0, 2), (0, -1, 2), (0, 1, 2), (1, 0, 2))
TRUST = tuple(UNIT * eighths // 8 for eighths in (0, 1, 2, 3, 4, 6, 8, 12))  # in a unit of weight
OTHER_TRUST = tuple(UNIT * eighths // 16 for eighths in (0, 1, 2, 4))
_STRETCH, _SQUASH = STRETCH.tolist(), SQUASH.tolist()  # a list is read faster than an array

Mask = Bool[np.ndarray, "rows columns"]
Positions = Int64[np.ndarray, " _"]


class Told(NamedTuple):
    """What is coded of one grid.

    Attributes:
        mask: which positions are sent, at least one.
        trust: in neighbours that are known already: index into TRUST.
        other_trust: in the map's mask: index into OTHER_TRUST; 0 for the map's mask itself.
    """

    mask: Mask
    trust: int = 0
    other_trust: int = 0


def encode_masks(of_map: Mask, of_picture: Mask) -> bytes:
    """Bytes of both masks, at least one byte.

    Args:
        of_map: positions of the map's grid that are sent: one at least of MOST_POSITIONS at most.
        of_picture: the same of the picture's grid, which is as large.
    """
    return _written(_cheapest(of_map, None), _cheapest(of_picture, of_map))


def decode_masks(data: bytes, grid: Size) -> tuple[Positions, Positions]:
    """Positions that are sent, of the map's and of the picture's grid, in the order of travel.

    Raises:
        CorruptData: no `encode_masks` makes such bytes for that grid. Damage that happens to
            spell other masks goes unseen.
    """
    if grid.pixels > MOST_POSITIONS:
        raise damaged(FIELD)
    reader = Reader(data, FIELD)
    of_map = _code(reader, grid, None, None)
    of_picture = _code(reader, grid, of_map.mask, None)
    if _written(of_map, of_picture) != data:
        raise damaged(FIELD)
    return travel_order(of_map.mask), travel_order(of_picture.mask)


def _written(of_map: Told, of_picture: Told) -> bytes:
    writer, grid = Writer(), Size(*of_map.mask.shape)
    _code(writer, grid, None, of_map)
    _code(writer, grid, of_map.mask, of_picture)
    return writer.finish() or b"\0"


def _cheapest(mask: Mask, other: Mask | None) -> Told:
    """The mask with the trust that takes the fewest bits: in neighbours, then in the other."""
    found = min((Told(mask, trust) for trust in range(len(TRUST))), key=_bits(other))
    if other is None:
        return found
    return min((found._replace(other_trust=i) for i in range(len(OTHER_TRUST))), key=_bits(other))


def _bits(other: Mask | None) -> Callable[[Told], float]:
    def bits(told: Told) -> float:
        scale = Scale()
        _code(scale, Size(*told.mask.shape), other, told)
        return scale.bits

    return bits


def _code(coder: Coder, grid: Size, other: Mask | None, told: Told | None) -> Told:
    """Codes what it is told, or reads it if that is nothing."""
    sent = 1 + coder.number(grid.pixels, int(told.mask.sum()) - 1 if told else None)
    trust = coder.number(len(TRUST), told.trust if told else None)
    if other is None:
        other_trust, hints = 0, np.zeros(grid, np.int64)
    else:
        other_trust = coder.number(len(OTHER_TRUST), told.other_trust if told else None)
        hints = _hints(other, OTHER_TRUST[other_trust])
    mask = _walk(coder, sent, TRUST[trust], hints, told.mask if told else None)
    return Told(mask, trust, other_trust)


def _walk(
    coder: Coder,
    sent: int,
    trust: int,
    hints: Int64[np.ndarray, "rows columns"],
    mask: Mask | None,
) -> Mask:
    """Codes the positions row by row."""
    rows, columns = hints.shape
    weights = _weighted(np.ones((rows, columns), np.int64), BEFORE).tolist()
    found = [[0] * (columns + 2)]  # framed: nothing is sent beyond the border
    ones, left = sent, rows * columns
    for row, hinted in enumerate(hints.tolist()):
        above, here = found[-1], [0] * (columns + 2)
        for column, hint in enumerate(hinted):
            bit = int(ones > 0)
            if 0 < ones < left:
                share = ones * ONE // left
                crowd = 2 * (here[column] + above[column + 1])
                crowd += above[column] + above[column + 2]
                evidence = trust * (crowd * ONE - weights[row][column] * share) // ONE
                logit = _STRETCH[share] + evidence + hint
                chance = _SQUASH[LIMIT + max(-LIMIT, min(LIMIT, logit))]
                bit = coder.bit(chance, None if mask is None else int(mask[row, column]))
            here[column + 1] = bit
            ones, left = ones - bit, left - 1
        found.append(here)
    return np.array(found, bool)[1:, 1:-1]


def _hints(other: Mask, trust: int) -> Int64[np.ndarray, "rows columns"]:
    """What the other grid tells of each position, in the logistic domain."""
    share = int(other.sum()) * ONE // other.size
    weights = _weighted(np.ones(other.shape, np.int64), AROUND)
    return trust * (_weighted(other.astype(np.int64), AROUND) * ONE - weights * share) // ONE


def _weighted(
    values: Int64[np.ndarray, "rows columns"], kernel: tuple[tuple[int, int, int], ...]
) -> Int64[np.ndarray, "rows columns"]:
    """Weighted sums around every position; nothing is beyond the border."""
    (rows, columns), framed = values.shape, np.pad(values, 1)
    parts = [w * framed[1 + y : 1 + y + rows, 1 + x : 1 + x + columns] for y, x, w in kernel]
    return np.sum(parts, axis=0)
