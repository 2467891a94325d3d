"""The order in which tokens travel: one that both ends can tell from the mask alone."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Int64

LEVELS = 16
REACH = np.array([1, 2, 3, 2, 1])  # weights of neighbours by row, and by column
# The generalised golden ratio's inverse and its square, as fractions of 2^32: multiples of them
# fill the plane evenly (Roberts, "The unreasonable effectiveness of quasirandom sequences").
STRIDES = (3242174889, 2447445414)


def travel_order(mask: Bool[np.ndarray, "rows columns"]) -> Int64[np.ndarray, " sent"]:
    """Positions that are sent, row-major, in the order in which their indices travel.

    First come those with most neighbours that are sent too, which for smooth scores have the
    highest; among equals the order jumps over the grid, so that the loss of a piece leaves small
    gaps.
    """
    positions = np.flatnonzero(mask)
    rows, columns = np.divmod(positions, mask.shape[1])
    jumps = (STRIDES[0] * rows + STRIDES[1] * columns) % (1 << 32)
    crowd = LEVELS * _around(mask.astype(np.int64)) // _around(np.ones(mask.shape, np.int64))
    return positions[np.lexsort((positions, jumps, -crowd.reshape(-1)[positions]))]


def _around(values: Int64[np.ndarray, "rows columns"]) -> Int64[np.ndarray, "rows columns"]:
    """Sums over the neighbourhood, weighted by REACH; nothing is beyond the border."""
    for _ in range(2):
        margin = len(REACH) // 2
        framed = np.pad(values, ((margin, margin), (0, 0)))
        windows = np.lib.stride_tricks.sliding_window_view(framed, len(REACH), axis=0)
        values = (windows @ REACH).T
    return values
