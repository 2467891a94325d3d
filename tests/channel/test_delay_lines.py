"""Multipath over OFDM against its theory."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest
from jaxtyping import Complex64
from scipy.special import j0

from semlink.channel.delay_lines import SLOTS, tapped
from semlink.channel.models import MODELS, propagate
from semlink.core.channel_settings import ChannelModel, ChannelSettings
from semlink.core.errors import InvalidInput
from semlink.core.message import Message, SamplesPayload
from semlink.core.phy.grid import OFDM_SYMBOLS_PER_SLOT, ResourceGrid
from semlink.core.phy.modulation import modulate
from semlink.core.phy.radio import Radio
from semlink.core.schemes import Scheme
from semlink.core.transmission import Transmission

OFDM = [model for model in ChannelModel if model.needs_ofdm]
TAPPED = [model for model in OFDM if MODELS[model] is tapped]
WIDE = {"subcarriers": 12, "subcarrier_spacing_khz": 960.0, "delay_spread_ns": 5000.0}
FAST = {"speed_mps": 300.0, "carrier_ghz": 100.0}  # a Doppler shift of 100 kHz

Response = Complex64[np.ndarray, "rows subcarriers"]


def response(
    model: ChannelModel, fields: Mapping[str, float], *, slots: int = 1, seed: int = 3
) -> Response:
    settings = ChannelSettings.model_validate({"model": model, "subcarriers": 12, **fields})
    grid = settings.grid(estimated=False)
    assert grid is not None
    gains = MODELS[model](slots * grid.size, grid, settings, seed)
    assert gains.hold == 1
    return gains.values.reshape(-1, grid.subcarriers)


@pytest.mark.parametrize("model", OFDM)
def test_gains_have_mean_power_one(model: ChannelModel) -> None:
    draws, slots = (60, 1) if model in TAPPED else (25, 3)
    powers = [
        np.mean(np.abs(response(model, WIDE | FAST, slots=slots, seed=seed)) ** 2)
        for seed in range(draws)
    ]
    spread = np.std(powers) / np.sqrt(draws)
    assert spread < 0.1
    assert np.mean(powers) == pytest.approx(1.0, abs=4 * spread)


@pytest.mark.parametrize("model", TAPPED[:3])
def test_tapped_lines_fade_as_jakes_says(model: ChannelModel) -> None:
    """Without a line of sight: E[h(t) h*(t + s)] = J0(2 pi f s)."""
    drawn = np.stack([response(model, WIDE | FAST, seed=seed) for seed in range(100)])
    symbol_s = 15 / 14 / 960e3
    doppler_hz = ChannelSettings.model_validate(FAST).doppler_hz
    lags = np.arange(OFDM_SYMBOLS_PER_SLOT)
    correlation = np.mean(drawn * drawn[:, :1].conj(), axis=(0, 2))
    theory = j0(2 * np.pi * doppler_hz * symbol_s * lags)
    assert np.abs(correlation - theory).max() < 0.12
    assert theory.min() < -0.3  # far enough to tell it from an exponential


@pytest.mark.parametrize("model", TAPPED[:3])
def test_the_delay_spread_is_that_of_the_settings(model: ChannelModel) -> None:
    """|E[h(f) h*(f + d)]| falls by (2 pi d spread)^2 / 2 of itself where that is small."""
    fields = {"delay_spread_ns": 100.0}
    drawn = np.stack([response(model, fields, seed=seed) for seed in range(100)])
    first, last = drawn[..., 0].ravel(), drawn[..., 11].ravel()
    correlation = abs(np.vdot(first, last)) / np.linalg.norm(first) / np.linalg.norm(last)
    distance_hz = 11 * 30e3
    expected = 1 - (2 * np.pi * distance_hz * 100e-9) ** 2 / 2
    assert correlation == pytest.approx(expected, abs=0.006)


@pytest.mark.parametrize("model", OFDM)
def test_without_delay_all_subcarriers_fade_alike(model: ChannelModel) -> None:
    drawn = response(model, FAST | {"delay_spread_ns": 0.0})
    np.testing.assert_allclose(drawn, np.repeat(drawn[:, :1], 12, axis=1), rtol=1e-4)
    assert np.std(np.abs(drawn[:, 0])) > 0.01


@pytest.mark.parametrize("model", OFDM)
def test_at_rest_a_realisation_stays_and_then_another_begins(model: ChannelModel) -> None:
    drawn = response(model, {"speed_mps": 0.0}, slots=SLOTS + 1)
    rows = SLOTS * OFDM_SYMBOLS_PER_SLOT
    np.testing.assert_allclose(drawn[:rows], np.repeat(drawn[:1], rows, axis=0), atol=1e-5)
    assert np.abs(drawn[rows:] - drawn[0]).min() > 1e-3


@pytest.mark.parametrize("model", OFDM)
def test_slots_follow_each_other_without_a_jump(model: ChannelModel) -> None:
    drawn = response(model, {"speed_mps": 30.0}, slots=8)
    steps = np.abs(np.diff(drawn, axis=0)).max(axis=1)
    assert steps.max() < 0.15
    assert steps[13::14].max() < 1.5 * np.delete(steps, np.s_[13::14]).max()


@pytest.mark.parametrize("model", OFDM)
@pytest.mark.parametrize("grid", [None, ResourceGrid(256, 1, 8)])
def test_frames_without_ofdm_are_refused(model: ChannelModel, grid: ResourceGrid | None) -> None:
    payload = SamplesPayload("map", np.ones(100, np.float32), 1.0)
    frame = modulate(Message(Scheme.GESCO, b"", (payload,)), Radio(grid, free_header=True))
    with pytest.raises(InvalidInput, match=f"channel={model}: .*OFDM") as caught:
        propagate(frame, ChannelSettings(model=model), Transmission("0f", 7, "ab"))
    assert caught.value.cure
