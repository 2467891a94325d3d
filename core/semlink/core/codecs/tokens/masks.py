"""Which positions of two grids are sent.

Row by row, each position costs what it tells beyond this: how many are sent in all, so that the
share of the rest is known at any moment; its four neighbours that are known already; and for
the picture's mask the same place in the map's. The evidence adds up in the logistic domain. How
much neighbours count is the writer's choice and travels along; if they count nothing, a mask of
k out of n positions costs log2 of n over k bits, as the enumerative code (Cover, 1973).
"""

from __future__ import annotations

from functools import partial
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Bool, Int64

from semlink.core.codecs.label_coder.logistic import LIMIT, ONE, SQUASH, STRETCH, UNIT
from semlink.core.codecs.tokens.order import travel_order
from semlink.core.codecs.tokens.ranges import Reader, Writer, damaged
from semlink.core.pictures import Size

FIELD = "mask"
MOST_POSITIONS = 1 << 14  # of a grid
BEFORE = ((0, -1, 3), (-1, -1, -1), (-1, 0, 3), (-1, 1, 1))  # rows, columns off, and weight
AROUND = ((0, 0, 4), (-1, 0, 2), (0, -1, 2), (0, 1, 2), (1, 0, 2))
TRUST = tuple(UNIT * eighths // 8 for eighths in (0, 1, 2, 3, 4, 6, 8, 12))  # in a unit of weight
OTHER_TRUST = tuple(UNIT * eighths // 16 for eighths in (0, 1, 2, 4))
Mask = Bool[np.ndarray, "rows columns"]
Positions = Int64[np.ndarray, " _"]
Hints = Int64[np.ndarray, "rows columns"]
Number = Any  # one, or an array of them


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
    of_map = _read(reader, grid, None)
    of_picture = _read(reader, grid, of_map.mask)
    if _written(of_map, of_picture) != data:
        raise damaged(FIELD)
    return travel_order(of_map.mask), travel_order(of_picture.mask)


def _cheapest(mask: Mask, other: Mask | None) -> Told:
    """The mask with the trust that takes the fewest bits: in neighbours, then in the other."""
    found = min((Told(mask, trust) for trust in range(len(TRUST))), key=partial(_cost, other))
    if other is None:
        return found
    tried = (found._replace(other_trust=index) for index in range(len(OTHER_TRUST)))
    return min(tried, key=partial(_cost, other))


def _cost(other: Mask | None, told: Told) -> float:
    """Bits that its positions take."""
    ones, bits = _decisions(told, other)
    return float(-np.log2(np.where(bits, ones, ONE - ones) / ONE).sum())


def _written(of_map: Told, of_picture: Told) -> bytes:
    writer = Writer()
    for told, other in ((of_map, None), (of_picture, of_map.mask)):
        _write_count(writer, told.mask, other)
        writer.number(len(TRUST), told.trust)
        if other is not None:
            writer.number(len(OTHER_TRUST), told.other_trust)
        writer.bits(*_decisions(told, other))
    return writer.finish() or b"\0"


def _write_count(writer: Writer, mask: Mask, other: Mask | None) -> None:
    """How many positions are sent, which often are as many as of the other grid."""
    count = int(mask.sum())
    if other is not None:
        alike = count == int(other.sum())
        writer.number(2, int(alike))
        if alike:
            return
    writer.number(mask.size, count - 1)


def _read_count(reader: Reader, grid: Size, other: Mask | None) -> int:
    if other is not None and reader.number(2):
        return int(other.sum())
    return 1 + reader.number(grid.pixels)


def _read(reader: Reader, grid: Size, other: Mask | None) -> Told:
    sent = _read_count(reader, grid, other)
    trust = reader.number(len(TRUST))
    other_trust = 0 if other is None else reader.number(len(OTHER_TRUST))
    hints = _hints(other, OTHER_TRUST[other_trust], grid)
    return Told(_walk(reader, sent, TRUST[trust], hints), trust, other_trust)


def _walk(reader: Reader, ones: int, trust: int, hints: Hints) -> Mask:
    """Reads the positions row by row; `_decisions` says the same of all at once."""
    (rows, columns), left = hints.shape, hints.size
    weights = _weighted(np.ones(hints.shape, np.int64), BEFORE)
    found = np.zeros((rows + 1, columns + 2), np.int64)  # framed: nothing is beyond the border
    for row, column in np.ndindex(rows, columns):
        bit = int(ones > 0)
        if 0 < ones < left:
            crowd = sum(w * found[row + 1 + y, column + 1 + x] for y, x, w in BEFORE)
            share = ones * ONE // left
            evidence = _evidence(trust, crowd, weights[row, column], share)
            bit = reader.bit(int(_chance(share, evidence + hints[row, column])))
        found[row + 1, column + 1] = bit
        ones, left = ones - bit, left - 1
    return found[1:, 1:-1].astype(bool)


def _decisions(
    told: Told, other: Mask | None
) -> tuple[Int64[np.ndarray, " bits"], Bool[np.ndarray, " bits"]]:
    """Probability of a one and bit of each position that is not certain, row by row."""
    mask = told.mask.astype(np.int64)
    ones = mask.sum() - mask.cumsum().reshape(mask.shape) + mask
    left = np.arange(mask.size, 0, -1).reshape(mask.shape)
    share = ones * ONE // left
    weights = _weighted(np.ones_like(mask), BEFORE)
    evidence = _evidence(TRUST[told.trust], _weighted(mask, BEFORE), weights, share)
    hints = _hints(other, OTHER_TRUST[told.other_trust], Size(*mask.shape))
    open_ = (ones > 0) & (ones < left)
    return _chance(share[open_], (evidence + hints)[open_]), told.mask[open_]


def _hints(other: Mask | None, trust: int, grid: Size) -> Hints:
    """What the other grid tells of each position, in the logistic domain."""
    if other is None:
        return np.zeros(grid, np.int64)
    share = int(other.sum()) * ONE // other.size
    weights = _weighted(np.ones(grid, np.int64), AROUND)
    crowd = _weighted(other.astype(np.int64), AROUND)
    hints: Hints = _evidence(trust, crowd, weights, share)
    return hints


def _evidence(trust: int, crowd: Number, weight: Number, share: Number) -> Number:
    """What neighbours tell, of whose weight a crowd is sent where a share was to be expected."""
    return trust * (crowd * ONE - weight * share) // ONE


def _chance(share: Number, evidence: Number) -> Number:
    """Probability that a position is sent, in units of 1 / ONE."""
    bounded = np.maximum(-LIMIT, np.minimum(LIMIT, STRETCH[share] + evidence))
    return SQUASH[LIMIT + bounded].astype(np.int64)


def _weighted(
    values: Int64[np.ndarray, "rows columns"], kernel: tuple[tuple[int, int, int], ...]
) -> Int64[np.ndarray, "rows columns"]:
    """Weighted sums around every position; nothing is beyond the border."""
    (rows, columns), framed = values.shape, np.pad(values, 1)
    parts = [w * framed[1 + y : 1 + y + rows, 1 + x : 1 + x + columns] for y, x, w in kernel]
    total: Int64[np.ndarray, "rows columns"] = np.sum(parts, axis=0)
    return total
