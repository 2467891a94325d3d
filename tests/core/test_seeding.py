from __future__ import annotations

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from semlink.core.seeding import draw_seed
from semlink.core.transmission import Transmission


@given(st.integers(0, 2**63 - 1), st.text(max_size=64), st.text(max_size=20))
def test_in_range(seed: int, digest: str, purpose: str) -> None:
    assert 0 <= draw_seed(seed, digest, purpose) < 2**63


def test_every_argument_counts() -> None:
    seeds = {
        draw_seed(*arguments)
        for arguments in product(range(20), ("a", "b", "ab"), ("", "a", "b", "map", "diffusion"))
    }
    assert len(seeds) == 20 * 3 * 5


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ((0, "", ""), 1564156209995464673),
        ((7, "ab" * 32, "map"), 4274487311217305893),
        ((2**63 - 1, "ab" * 32, "diffusion"), 1261319471965732882),
    ],
)
def test_seeds_never_change(arguments: tuple[int, str, str], expected: int) -> None:
    assert draw_seed(*arguments) == expected  # or published results could not be repeated


def test_a_transmission_adds_its_identity() -> None:
    transmission = Transmission("any", 7, "ab" * 32)
    assert transmission.seed_for("map") == draw_seed(7, "ab" * 32, "map")
