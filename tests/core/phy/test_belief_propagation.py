from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from sionna.phy.fec.ldpc import LDPC5GDecoder, LDPC5GEncoder

from semlink.core.phy.belief_propagation import BeliefPropagation

SINGLE: dict[str, Any] = {"precision": "single", "device": "cpu"}

BLOCKS = 8

# information and coded bits, base graph, noise at which many of the blocks fail
CODES = [
    (24, 120, "bg2", 1.5),
    (304, 366, "bg1", 0.5),
    (480, 1000, "bg2", 0.87),
    (1024, 1800, "bg1", 0.76),
    (3840, 14000, "bg2", 1.28),  # a rate at which Sionna alone would choose base graph 1
    (1056, 3168, "bg1", 1.13),
]


@pytest.mark.parametrize(("k", "n", "graph", "sigma"), CODES)
def test_decisions_are_those_of_the_stock_decoder(
    k: int, n: int, graph: str, sigma: float
) -> None:
    encoder = LDPC5GEncoder(k, n, 2, bg=graph, **SINGLE)
    decoder = BeliefPropagation(encoder)
    own = torch.Generator().manual_seed(k)
    sent = torch.randint(0, 2, (BLOCKS, k), generator=own).float()
    signal = 2 * encoder(sent) - 1
    ratios = 2 / sigma**2 * (signal + sigma * torch.randn(signal.shape, generator=own))
    ratios[:, ::20] = 0
    llr = decoder.recover(ratios.numpy())
    ours = decoder.decide(llr, decoder.iterate(llr, decoder.start(llr), 20))
    stock = LDPC5GDecoder(encoder, num_iter=20, **SINGLE)(ratios)
    right = (stock == sent).all(dim=1)
    assert 0 < int(right.sum()) < BLOCKS
    assert torch.equal((ours == sent).all(dim=1), right)
    assert float((ours != stock).float().mean()) < 1e-4  # but for rounding, the same messages


def test_iterations_may_be_interrupted() -> None:
    encoder = LDPC5GEncoder(480, 1000, 2, **SINGLE)
    decoder = BeliefPropagation(encoder)
    ratios = np.random.default_rng(0).normal(1, 1.4, (5, 1000)).astype(np.float32)
    llr = decoder.recover(ratios)
    at_once = decoder.iterate(llr, decoder.start(llr), 7)
    in_two = decoder.iterate(llr, decoder.iterate(llr, decoder.start(llr), 3), 4)
    assert torch.equal(at_once, in_two)
