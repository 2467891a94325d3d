from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from semlink.core.errors import InvalidInput
from semlink.core.frame import Stream
from semlink.core.noise import (
    GESCO_TABLE,
    NoiseKind,
    SignalPower,
    db_to_ratio,
    gesco_table_sigma,
    noise_power,
    psnr_from_sigma,
    ratio_to_db,
    sigma_from_psnr,
)
from semlink.core.phy.layouts import SamplesLayout, coded_layout

SAMPLES = SignalPower(peak=2.0, mean_power=3.0)
BITS = SignalPower(peak=None, mean_power=1.0, bits_per_use=2.0)

levels_db = st.floats(-30, 200)
peaks = st.floats(1e-3, 1e3)


@given(levels_db)
def test_decibels_round_trip(level_db: float) -> None:
    assert ratio_to_db(db_to_ratio(level_db)) == pytest.approx(level_db, abs=1e-9)


def test_decibels_of_nothing_and_of_infinity() -> None:
    assert ratio_to_db(0.0) == -math.inf
    assert ratio_to_db(math.inf) == math.inf
    assert db_to_ratio(math.inf) == math.inf


@given(levels_db, peaks)
def test_psnr_and_sigma_are_inverse(psnr_db: float, peak: float) -> None:
    sigma = sigma_from_psnr(psnr_db, peak)
    assert psnr_from_sigma(sigma, peak) == pytest.approx(psnr_db, abs=1e-9)


@pytest.mark.parametrize(
    ("kind", "level", "signal", "expected"),
    [
        (NoiseKind.PSNR_DB, 20.0, SAMPLES, 2 * 2.0**2 / 100),  # two dimensions of A^2 / 100
        (NoiseKind.PSNR_DB, 10.0, BITS, 0.1),  # Es/N0
        (NoiseKind.SNR_DB, 10.0, SAMPLES, 0.3),
        (NoiseKind.SNR_DB, 10.0, BITS, 0.1),
        (NoiseKind.EBNO_DB, 10.0, BITS, 0.05),
        (NoiseKind.SIGMA, 0.5, SAMPLES, 2 * (0.5 * 2.0) ** 2),
        (NoiseKind.SIGMA, 0.5, BITS, 0.5),
        (NoiseKind.GESCO_TABLE_DB, 10.0, SAMPLES, 2 * (0.36 * 2.0) ** 2),
    ],
)
def test_noise_power_in_closed_form(
    kind: NoiseKind, level: float, signal: SignalPower, expected: float
) -> None:
    assert noise_power(kind, level, signal) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("kind", [NoiseKind.PSNR_DB, NoiseKind.SNR_DB, NoiseKind.EBNO_DB])
@pytest.mark.parametrize("signal", [BITS, SignalPower(peak=1.0, mean_power=0.5, bits_per_use=1.0)])
def test_an_infinite_level_is_no_noise(kind: NoiseKind, signal: SignalPower) -> None:
    assert noise_power(kind, math.inf, signal) == 0.0


@given(st.floats(-10, 40), st.integers(1, 8), st.sampled_from([0.25, 0.5, 0.75, 1.0]))
def test_ebno_agrees_with_sionna(ebno_db: float, bits: int, rate: float) -> None:
    from sionna.phy.utils import ebnodb2no

    signal = SignalPower(peak=None, mean_power=1.0, bits_per_use=bits * rate)
    theirs = float(ebnodb2no(ebno_db, bits, rate, precision="double", device="cpu"))
    assert noise_power(NoiseKind.EBNO_DB, ebno_db, signal) == pytest.approx(theirs, rel=1e-6)


def test_the_power_of_a_stream() -> None:
    layout = coded_layout(100, "16qam-1/2")
    symbols = np.ones(layout.channel_uses, np.complex64)
    coded = Stream("tokens", symbols, None, 1.0, layout).power
    assert coded == SignalPower(None, 1.0, (8 * 100 + 16) / layout.channel_uses)
    level = noise_power(NoiseKind.EBNO_DB, 0.0, coded)
    assert level == pytest.approx(layout.channel_uses / 816)  # one per information bit
    samples = Stream("map", symbols, 2.0, 3.0, SamplesLayout((2 * symbols.size,))).power
    assert samples == SAMPLES


def test_ebno_of_samples_is_refused() -> None:
    with pytest.raises(InvalidInput, match=r"ebno_db=6.*psnr_db"):
        noise_power(NoiseKind.EBNO_DB, 6.0, SAMPLES)


@pytest.mark.parametrize(
    ("level_db", "psnr_db"),
    [(1.0, 0.92), (5.0, 4.44), (10.0, 8.87), (15.0, 13.15), (20.0, 17.72), (30.0, 26.02)],
)
def test_what_the_published_labels_truly_are(level_db: float, psnr_db: float) -> None:
    assert psnr_from_sigma(gesco_table_sigma(level_db)) == pytest.approx(psnr_db, abs=0.005)


def test_the_published_table() -> None:
    assert list(GESCO_TABLE.values()) == [0.9, 0.6, 0.36, 0.22, 0.13, 0.08, 0.05, 0.0]
    assert noise_power(NoiseKind.GESCO_TABLE_DB, 100.0, SAMPLES) == 0.0
    with pytest.raises(InvalidInput, match=r"gesco_table_db=12.*1, 5, 10, 15, 20, 25, 30, 100"):
        gesco_table_sigma(12.0)
