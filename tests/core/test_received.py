from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from semlink.core.errors import CorruptData
from semlink.core.received import Received, ReceivedBits, ReceivedSamples
from semlink.core.schemes import Scheme


@given(st.lists(st.booleans(), min_size=1, max_size=6), st.integers(1, 5), st.integers(0, 4))
def test_the_prefix_ends_at_the_first_lost_block(
    verdicts: list[bool], block_bytes: int, missing: int
) -> None:
    size = len(verdicts) * block_bytes - missing % block_bytes
    data = bytes(range(1, size + 1))
    payload = ReceivedBits("tokens", data, tuple(verdicts), block_bytes)
    assert payload.intact == all(verdicts)
    whole = verdicts.index(False) if not all(verdicts) else len(verdicts)
    assert payload.prefix == data[: whole * block_bytes]


def samples(*variances: float) -> ReceivedSamples:
    variance = np.array(variances, np.float32)
    return ReceivedSamples("map", np.zeros_like(variance), variance)


def test_samples_are_lost_when_none_arrived() -> None:
    assert samples(math.inf, math.inf).lost
    assert not samples(math.inf, 0.0).lost


def test_payloads_are_found_by_name_and_kind() -> None:
    bits = ReceivedBits("map", b"x", (True,), 1)
    received = Received(Scheme.GESCO, b"", (), (bits, samples(0.0)))
    assert received.bits("map") is bits
    assert received.samples("map") is received.payloads[1]
    assert received.has_samples("map")
    assert not received.has_samples("tokens")
    only_bits = Received(Scheme.GESCO, b"", (), (bits,))
    with pytest.raises(CorruptData, match="payload=map: the frame has no samples of that name"):
        only_bits.samples("map")
    with pytest.raises(CorruptData, match="payload=tokens: the frame has no bits"):
        only_bits.bits("tokens")
