"""Block fading against its theory."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from semlink.channel.fading import BATCH, rayleigh, rician
from semlink.channel.models import Medium, propagate
from semlink.core.channel_settings import ChannelModel, ChannelSettings
from semlink.core.errors import InvalidInput
from semlink.core.frame import Symbols
from semlink.core.message import Message, SamplesPayload
from semlink.core.phy.grid import ResourceGrid
from semlink.core.phy.modulation import modulate
from semlink.core.phy.radio import Radio
from semlink.core.schemes import Scheme
from semlink.core.transmission import Transmission

TRANSMISSION = Transmission("0f", seed=7, photo_digest="ab" * 32)
BLOCKS = 100_000


def gains_of(medium: Medium, **fields: float) -> Symbols:
    settings = ChannelSettings.model_validate({"coherence_uses": 1, "pilots": 0} | fields)
    return medium(BLOCKS, None, settings, 3).values


def test_rayleigh_powers_are_exponential() -> None:
    gains = gains_of(rayleigh)
    assert stats.kstest(np.abs(gains) ** 2, "expon").pvalue > 0.001
    phases = np.angle(gains) / (2 * math.pi) + 0.5
    assert stats.kstest(phases, "uniform").pvalue > 0.001


def test_rayleigh_blocks_are_independent() -> None:
    gains = gains_of(rayleigh)
    for lag in (1, 2, BATCH):
        correlation = abs(np.vdot(gains[lag:], gains[:-lag])) / BLOCKS
        assert correlation < 5 / math.sqrt(BLOCKS)


@pytest.mark.parametrize("k_factor", [0.5, 4.0, 20.0])
def test_rician_k_is_that_of_the_moments(k_factor: float) -> None:
    """Greenstein, Michelson and Erceg, IEEE Communications Letters 1999."""
    power = np.abs(gains_of(rician, k_factor=k_factor).astype(np.complex128)) ** 2
    assert power.mean() == pytest.approx(1.0, rel=0.02)
    steady = math.sqrt(power.mean() ** 2 - power.var())
    assert steady / (power.mean() - steady) == pytest.approx(k_factor, rel=0.05)


def test_rician_powers_follow_their_distribution() -> None:
    power = np.abs(gains_of(rician, k_factor=3.0)) ** 2
    theory = stats.ncx2(df=2, nc=2 * 3.0, scale=1 / (2 * (3.0 + 1)))
    assert stats.kstest(power, theory.cdf).pvalue > 0.001


def test_the_line_of_sight_has_no_phase_of_its_own() -> None:
    gains = gains_of(rician, k_factor=1e6)
    np.testing.assert_allclose(np.abs(gains), 1, atol=0.01)
    assert abs(gains.mean()) < 5 / math.sqrt(BLOCKS)


def test_without_a_line_of_sight_powers_are_exponential() -> None:
    assert stats.kstest(np.abs(gains_of(rician, k_factor=0.0)) ** 2, "expon").pvalue > 0.001


@pytest.mark.parametrize("medium", [rayleigh, rician])
@pytest.mark.parametrize("symbols", [0, 1, 255, 256, 257])
def test_the_gain_is_constant_over_a_block(medium: Medium, symbols: int) -> None:
    gains = medium(symbols, None, ChannelSettings(coherence_uses=256), 3)
    assert gains.hold == 256
    assert np.unique(gains.values).size == math.ceil(symbols / 256)


@pytest.mark.parametrize("model", [ChannelModel.RAYLEIGH, ChannelModel.RICIAN])
def test_blocks_of_another_length_are_refused(model: ChannelModel) -> None:
    payload = SamplesPayload("map", np.ones(100, np.float32), 1.0)
    frame = modulate(
        Message(Scheme.GESCO, b"", (payload,)), Radio(ResourceGrid(64, 1, 4), free_header=True)
    )
    settings = ChannelSettings(model=model, coherence_uses=65)
    with pytest.raises(InvalidInput, match=r"coherence_uses=65: .* 64 symbols"):
        propagate(frame, settings, TRANSMISSION)
    fitting = propagate(frame, settings.model_copy(update={"coherence_uses": 64}), TRANSMISSION)
    assert fitting.gains[0].hold == 64
