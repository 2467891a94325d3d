"""Vector-quantised tokens of a picture, some of which are sent."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Int64

from semlink.core.pictures import Size


@dataclass(frozen=True, eq=False)
class SentTokens:
    """The tokens of one grid that travel, or that arrived, most important first.

    A prefix is a valid message of a lower rate: what is missing becomes masked tokens.

    Attributes:
        grid: rows and columns of all tokens, sent or not.
        codes: size of the codebook.
        positions: row-major places in the grid, no place twice.
        indices: codeword at each of them, 0 .. codes - 1.
    """

    grid: Size
    codes: int
    positions: Int64[np.ndarray, " sent"]
    indices: Int64[np.ndarray, " sent"]

    @property
    def mask(self) -> Bool[np.ndarray, "rows columns"]:
        """Which positions of the grid have a token."""
        sent = np.zeros(self.grid.pixels, bool)
        sent[self.positions] = True
        return sent.reshape(self.grid)

    def first(self, count: int) -> SentTokens:
        """The `count` most important ones."""
        return SentTokens(self.grid, self.codes, self.positions[:count], self.indices[:count])
