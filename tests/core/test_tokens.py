from __future__ import annotations

import numpy as np

from semlink.core.pictures import Size
from semlink.core.tokens import SentTokens


def test_a_prefix_has_the_most_important_tokens() -> None:
    tokens = SentTokens(Size(2, 3), 16, np.array([4, 0, 5]), np.array([7, 1, 15]))
    fewer = tokens.first(2)
    assert fewer.positions.tolist() == [4, 0]
    assert fewer.indices.tolist() == [7, 1]
    assert (fewer.grid, fewer.codes) == (tokens.grid, tokens.codes)
