from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from jaxtyping import Float32

from semlink.core.errors import CorruptData, InvalidInput
from semlink.core.frame import Propagation, SamplesLayout, StreamDraw
from semlink.core.message import BitsPayload, Message, SamplesPayload
from semlink.core.phy import demodulate, modulate, samples_to_symbols, symbols_to_samples
from semlink.core.received import Received
from semlink.core.schemes import Scheme

Samples = Float32[np.ndarray, "..."]

arrays = hnp.arrays(
    np.float32,
    hnp.array_shapes(min_dims=1, max_dims=4, max_side=7),
    elements=st.floats(-1, 1, width=32),
)


def message(*samples: Samples, peak: float = 1.0) -> Message:
    payloads = [SamplesPayload(f"p{index}", item, peak) for index, item in enumerate(samples)]
    return Message(Scheme.GESCO, b"side information", tuple(payloads))


def received(sent: Message, noise_power: float = 0.0) -> Received:
    frame = modulate(sent)
    draws = [StreamDraw(s.name, noise_power, noise_power, 0.0, 0.0) for s in frame.streams]
    return demodulate(Propagation(frame, tuple(draws)))


@given(st.lists(arrays, min_size=1, max_size=3))
def test_round_trip_keeps_every_sample(samples: list[Samples]) -> None:
    arrived = received(message(*samples))
    assert (arrived.scheme, arrived.header) == (Scheme.GESCO, b"side information")
    for index, item in enumerate(samples):
        payload = arrived.samples(f"p{index}")
        assert payload.samples.dtype == np.float32
        np.testing.assert_array_equal(payload.samples, item)


@given(arrays)
def test_symbols_keep_the_energy(samples: Samples) -> None:
    stream = modulate(message(samples)).streams[0]
    energy = float(np.sum(samples.astype(np.float64) ** 2))
    uses = math.ceil(samples.size / 2)
    assert stream.symbols.size == stream.layout.channel_uses == uses
    assert stream.mean_power * uses == pytest.approx(energy, rel=1e-5, abs=1e-30)


def test_neighbours_share_a_symbol_and_an_odd_one_gets_a_zero() -> None:
    symbols = samples_to_symbols(np.array([1, 2, 3], np.float32))
    np.testing.assert_array_equal(symbols, np.array([1 + 2j, 3], np.complex64))
    back = symbols_to_samples(symbols, SamplesLayout((3,)))
    np.testing.assert_array_equal(back, [1, 2, 3])


def test_channel_order_is_c_order_whatever_the_memory() -> None:
    samples = np.arange(12, dtype=np.float32).reshape(3, 4)
    views = [samples, np.asfortranarray(samples), samples[::-1][::-1]]
    symbols = [samples_to_symbols(view) for view in views]
    assert all(np.array_equal(symbols[0], other) for other in symbols)


def test_noise_variance_is_half_the_noise_power() -> None:
    assert received(message(np.ones(4, np.float32)), 0.5).samples("p0").noise_variance == 0.25


@pytest.mark.parametrize("value", [1.5, -1.5, math.nan, math.inf])
def test_samples_beyond_their_peak_are_refused(value: float) -> None:
    with pytest.raises(InvalidInput, match=r"peak=1: payload p0"):
        modulate(message(np.array([0, value], np.float32)))


def test_bits_are_refused_with_their_name() -> None:
    with pytest.raises(InvalidInput, match="payload=tokens"):
        modulate(Message(Scheme.GESCO, b"", (BitsPayload("tokens", b"abc"),)))


def test_a_missing_payload_is_said_to_be_missing() -> None:
    with pytest.raises(CorruptData, match="payload=map"):
        received(message(np.ones(2, np.float32))).samples("map")
