"""Lost packets against their theory."""

from __future__ import annotations

import math
from itertools import groupby

import numpy as np
import pytest
from jaxtyping import Bool
from scipy import stats

from semlink.channel.losses import burst, erasure
from semlink.channel.models import Medium, propagate
from semlink.core.channel_settings import ChannelModel, ChannelSettings
from semlink.core.message import Message, SamplesPayload
from semlink.core.phy.modulation import modulate
from semlink.core.phy.radio import Radio
from semlink.core.schemes import Scheme
from semlink.core.transmission import Transmission

PACKETS = 50_000


def lost(medium: Medium, **fields: float) -> Bool[np.ndarray, "packets"]:
    settings = ChannelSettings.model_validate({"model": "burst", "packet_uses": 1} | fields)
    values = medium(PACKETS, None, settings, 5).values
    assert set(np.unique(values)) <= {0, 1}
    found: Bool[np.ndarray, "packets"] = values == 0
    return found


def runs(losses: Bool[np.ndarray, "packets"]) -> list[int]:
    """Lengths of the runs of lost packets, those at the ends left out."""
    lengths = [(key, len(list(group))) for key, group in groupby(losses)]
    return [length for key, length in lengths[1:-1] if key]


@pytest.mark.parametrize("rate", [0.01, 0.1, 0.5, 0.9])
def test_packets_are_erased_at_their_rate_and_alone(rate: float) -> None:
    losses = lost(erasure, erasure_rate=rate, burst_packets=1e6)
    spread = math.sqrt(rate * (1 - rate) / PACKETS)
    assert losses.mean() == pytest.approx(rate, abs=5 * spread)
    assert abs(np.corrcoef(losses[1:], losses[:-1])[0, 1]) < 5 / math.sqrt(PACKETS)


@pytest.mark.parametrize(("rate", "mean"), [(0.01, 4.0), (0.1, 1.0), (0.3, 20.0), (0.5, 1.0)])
def test_bursts_have_their_rate_and_their_length(rate: float, mean: float) -> None:
    losses = lost(burst, erasure_rate=rate, burst_packets=mean)
    lengths = runs(losses)
    bursts = rate * PACKETS / mean
    assert losses.mean() == pytest.approx(rate, rel=5 * math.sqrt(2 / bursts))
    assert np.mean(lengths) == pytest.approx(mean, rel=5 / math.sqrt(bursts))


def test_lengths_of_bursts_are_geometric() -> None:
    lengths = np.array(runs(lost(burst, erasure_rate=0.2, burst_packets=3.0)))
    support = np.arange(1, 13)
    theory = stats.geom(1 / 3).pmf(support)
    seen = np.array([np.mean(lengths == length) for length in support])
    np.testing.assert_allclose(seen, theory, atol=5 * math.sqrt(0.25 / lengths.size))


def test_the_chain_starts_in_equilibrium() -> None:
    settings = ChannelSettings(
        model=ChannelModel.BURST, erasure_rate=0.25, burst_packets=50.0, packet_uses=10
    )
    first = [burst(10, None, settings, seed).values[0] == 0 for seed in range(400)]
    assert np.mean(first) == pytest.approx(0.25, abs=5 * math.sqrt(0.25 * 0.75 / 400))


@pytest.mark.parametrize("medium", [erasure, burst])
@pytest.mark.parametrize("rate", [0.0, 1.0, 1e-300])
def test_none_or_all_are_lost(medium: Medium, rate: float) -> None:
    assert lost(medium, erasure_rate=rate).mean() == round(rate)


@pytest.mark.parametrize("medium", [erasure, burst])
@pytest.mark.parametrize("symbols", [0, 1, 9, 10, 11, 100])
def test_packets_have_their_size(medium: Medium, symbols: int) -> None:
    settings = ChannelSettings(packet_uses=10)
    gains = medium(symbols, None, settings, 5)
    assert (gains.hold, gains.values.size) == (10, math.ceil(symbols / 10))


def test_all_lost_is_silence() -> None:
    payload = SamplesPayload("map", np.ones(999, np.float32), 1.0)
    frame = modulate(Message(Scheme.GESCO, b"", (payload,)), Radio(free_header=True))
    settings = ChannelSettings(model=ChannelModel.ERASURE, erasure_rate=1.0)
    arrived = propagate(frame, settings, Transmission("0f", 7, "ab"))
    assert not arrived.frame.streams[0].symbols.any()
    assert arrived.draws[0].measured_gain_db == -math.inf
    assert arrived.draws[0].measured_noise_power > 0  # at the receiver's input all the same
