from __future__ import annotations

import numpy as np
import pytest
from sionna.phy.nr.utils import generate_prng_seq

from semlink.core.phy.scrambling import C_INIT, scrambling_sequence


@pytest.mark.parametrize("c_init", [1, 12345, C_INIT, (1 << 31) - 1])
def test_the_sequence_is_that_of_the_standard(c_init: int) -> None:
    for length in (1, 27, 28, 31, 62, 5000):
        expected = generate_prng_seq(length, c_init)
        np.testing.assert_array_equal(scrambling_sequence(length, c_init), expected)


def test_a_shorter_sequence_is_the_start_of_a_longer_one() -> None:
    assert (scrambling_sequence(100_000)[:777] == scrambling_sequence(777)).all()


def test_the_sequence_cannot_be_written_to() -> None:
    with pytest.raises(ValueError, match="read-only"):
        scrambling_sequence(10)[0] = 1
