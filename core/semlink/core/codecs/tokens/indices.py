"""Codewords' indices in pieces that a receiver can decode one without the others."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Int64

from semlink.core.codecs.final_interval import fewest_bytes, final_interval
from semlink.core.codecs.tokens.order import travel_order
from semlink.core.codecs.tokens.ranges import decoder_of
from semlink.core.codecs.tokens.tables import IndexTable
from semlink.core.phy.layouts import MOST_LEAST_BLOCKS
from semlink.core.pictures import Size
from semlink.core.tokens import SentTokens

PIECE_BYTES = (20, 40)  # if that is possible; a transport block adds 2 of CRC

Indices = Int64[np.ndarray, " _"]


class Pieces(NamedTuple):
    """A payload.

    Attributes:
        data: pieces of equal size; the last may lack zeros at its end.
        blocks: how many pieces, one for each transport block, 1 .. MOST_LEAST_BLOCKS.
    """

    data: bytes
    blocks: int

    def split(self) -> list[bytes]:
        """The pieces, the last completed."""
        size = -(-len(self.data) // self.blocks)
        padded = self.data.ljust(self.blocks * size, b"\0")
        return [padded[start : start + size] for start in range(0, len(padded), size)]


def encode_indices(tokens: SentTokens, table: IndexTable) -> Pieces:
    """The indices of tokens whose positions travel as a mask.

    The number of pieces is the one within PIECE_BYTES that takes the fewest bytes. As they
    have the size of the largest, the tokens are dealt out evenly, but that the last piece has
    fewer where they do not go round.

    Args:
        tokens: at least one, in any order.
        table: of their codebook.
    """
    indices = _in_travel_order(tokens)
    total = len(_piece(indices, table))
    small, large = PIECE_BYTES
    least = min(max(1, -(-total // large)), MOST_LEAST_BLOCKS)
    most = min(max(least, total // small), MOST_LEAST_BLOCKS)
    dealt = [_dealt(indices, table, count) for count in range(least, most + 1)]
    return min(dealt, key=lambda pieces: len(pieces.data))


def decode_indices(
    pieces: Sequence[bytes | None],
    grid: Size,
    positions: Int64[np.ndarray, " sent"],
    table: IndexTable,
) -> SentTokens:
    """Inverse of `encode_indices`, of the pieces that arrived.

    Args:
        pieces: in order; None for those that were lost.
        grid: rows and columns of all tokens.
        positions: in the order of travel, as `decode_masks` gives them.
        table: of their codebook.

    Returns:
        The tokens of the pieces that are there, in the order of travel. A piece that no
        `encode_indices` makes counts as lost.
    """
    arrived = [
        (where, indices)
        for where, piece in zip(_shared_out(positions, len(pieces)), pieces, strict=True)
        if piece is not None and (indices := _read(piece, where.size, table)) is not None
    ]
    nothing = np.zeros(0, np.int64)
    return SentTokens(
        grid,
        table.codes,
        np.concatenate([nothing, *(where for where, _ in arrived)]),
        np.concatenate([nothing, *(indices for _, indices in arrived)]),
    )


def _in_travel_order(tokens: SentTokens) -> Indices:
    on_grid = np.zeros(tokens.grid.pixels, np.int64)
    on_grid[tokens.positions] = tokens.indices
    indices: Indices = on_grid[travel_order(tokens.mask)]
    return indices


def _dealt(indices: Indices, table: IndexTable, count: int) -> Pieces:
    pieces = [_piece(part, table) for part in _shared_out(indices, count)]
    size = max(1, *map(len, pieces))
    data = b"".join(piece.ljust(size, b"\0") for piece in pieces)
    least = count * (size - 1) + 1  # with fewer bytes the pieces would be of another size
    return Pieces(data[: max(least, len(data.rstrip(b"\0")))], count)


def _shared_out(tokens: Indices, count: int) -> list[Indices]:
    """As many for each piece, and what is left over for the last."""
    each = -(-tokens.size // count)
    return np.split(tokens, [min(each * piece, tokens.size) for piece in range(1, count)])


def _piece(indices: Indices, table: IndexTable) -> bytes:
    import constriction

    encoder = constriction.stream.queue.RangeEncoder()
    encoder.encode(indices.astype(np.int32), table.model)
    return fewest_bytes(final_interval(encoder))


def _read(piece: bytes, count: int, table: IndexTable) -> Indices | None:
    """The indices of a piece; None if it is damaged."""
    try:
        indices = decoder_of(piece).decode(table.model, count).astype(np.int64)
    except (AssertionError, ValueError):
        return None
    return indices if _piece(indices, table) == piece.rstrip(b"\0") else None
