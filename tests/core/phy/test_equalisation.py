from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from semlink.core.choices import Csi
from semlink.core.errors import InvalidInput
from semlink.core.frame import Gains, Layout, Stream
from semlink.core.phy.equalisation import Equalised, equalise
from semlink.core.phy.grid import ResourceGrid
from semlink.core.phy.layouts import CodedLayout, SamplesLayout

OFDM = ResourceGrid(14, 36, 2, 30e3, delay_spread_s=200e-9, doppler_hz=20.0)
BLOCK = ResourceGrid(40, 1, 8)
QPSK = np.exp(1j * np.pi * (0.25 + 0.5 * np.arange(4)))


def complex_normal(rng: np.random.Generator, *shape: int) -> np.ndarray:
    real, imaginary = rng.standard_normal((2, *shape)) / np.sqrt(2)
    return np.asarray(real + 1j * imaginary)


def ones(symbols: int, rng: np.random.Generator) -> Gains:
    return Gains(np.ones(1, np.complex64), symbols)


def rayleigh_blocks(symbols: int, rng: np.random.Generator) -> Gains:
    values = complex_normal(rng, -(-symbols // BLOCK.size))
    return Gains(values.astype(np.complex64), BLOCK.size)


def selective(symbols: int, rng: np.random.Generator) -> Gains:
    """Rayleigh taps of an exponential profile, another realisation in every slot."""
    delays_s = np.arange(12) * 100e-9
    powers = np.exp(-delays_s / OFDM.delay_spread_s)
    taps = complex_normal(rng, symbols // OFDM.size, 12) * np.sqrt(powers / powers.sum())
    offsets_hz = np.arange(OFDM.subcarriers) * OFDM.subcarrier_spacing_hz
    slots = taps @ np.exp(-2j * np.pi * delays_s[:, None] * offsets_hz)
    values = np.repeat(slots[:, None], OFDM.rows, axis=1).reshape(-1)
    return Gains(values.astype(np.complex64), 1)


MEDIA = {"awgn": ones, "rayleigh": rayleigh_blocks, "selective": selective}


def layout_of(uses: int, coded: bool = True) -> Layout:
    return CodedLayout(1, "qpsk-1/2", uses) if coded else SamplesLayout((2 * uses,))


def crossed(
    data: np.ndarray,
    medium: str,
    noise_power: float,
    grid: ResourceGrid | None,
    rng: np.random.Generator,
) -> tuple[Stream, Gains]:
    """A stream behind y = h x + n, and the gains."""
    power = float(np.mean(np.abs(data) ** 2))
    data = data.astype(np.complex64)
    sent = grid.place(data, power) if grid else data
    gains = MEDIA[medium](sent.size, rng)
    noise = np.sqrt(noise_power) * complex_normal(rng, sent.size)
    received = (gains.per_symbol(sent.size) * sent + noise).astype(np.complex64)
    return Stream("x", received, None, power, layout_of(data.size)), gains


@pytest.mark.parametrize("csi", Csi)
@pytest.mark.parametrize("snr_db", [3.0, 20.0])
@pytest.mark.parametrize("medium", ["awgn", "rayleigh", "selective"])
def test_the_noise_of_a_symbol_has_the_stated_variance(
    medium: str, snr_db: float, csi: Csi
) -> None:
    rng = np.random.default_rng(1)
    grid = OFDM if medium == "selective" else BLOCK
    data = 2 * QPSK[rng.integers(0, 4, 400 * grid.data_size - 5)]
    noise_power = 4 * 10 ** (-snr_db / 10)
    stream, gains = crossed(data, medium, noise_power, grid, rng)
    equalised = equalise(stream, noise_power, gains, grid, csi)
    assert equalised.symbols.size == equalised.noise_variance.size == data.size
    squares = np.abs(equalised.symbols - data) ** 2 / equalised.noise_variance
    assert squares.mean() == pytest.approx(1.0, rel=0.05)


def test_division_by_a_mean_of_pilots_has_no_bias_given_the_gain() -> None:
    rng = np.random.default_rng(1)
    data = QPSK[rng.integers(0, 4, 3000 * BLOCK.data_size)]
    stream, gains = crossed(data, "awgn", 0.5, BLOCK, rng)
    symbols = equalise(stream, 0.5, gains, BLOCK, Csi.ESTIMATED).symbols
    assert np.mean(symbols * data.conj()) == pytest.approx(1.0, abs=0.02)


def test_division_by_an_interpolated_gain_has_no_bias_given_the_estimate() -> None:
    rng = np.random.default_rng(1)
    data = QPSK[rng.integers(0, 4, 400 * OFDM.data_size)]
    stream, gains = crossed(data, "selective", 1.0, OFDM, rng)
    equalised = equalise(stream, 1.0, gains, OFDM, Csi.ESTIMATED)
    weights = 1 / equalised.noise_variance.astype(np.float64)
    slope = np.sum(weights * equalised.symbols * data.conj()) / np.sum(weights)
    assert slope == pytest.approx(1.0, abs=0.02)


def test_granted_gains_give_the_symbol_plus_the_noise_over_the_gain() -> None:
    rng = np.random.default_rng(2)
    data = complex_normal(rng, 1000)
    stream, gains = crossed(data, "rayleigh", 0.3, None, rng)
    h = gains.per_symbol(1000)
    noise = stream.symbols - h * data
    equalised = equalise(stream, 0.3, gains, None, Csi.PERFECT)
    np.testing.assert_allclose(equalised.symbols, data + noise / h, rtol=1e-3, atol=1e-5)
    np.testing.assert_allclose(equalised.noise_variance, 0.3 / np.abs(h) ** 2, rtol=1e-5)


@pytest.mark.parametrize("power", [1e-6, 1.0, 1e6])
@pytest.mark.parametrize(("medium", "grid"), [("rayleigh", BLOCK), ("selective", OFDM)])
@pytest.mark.parametrize("csi", Csi)
def test_without_noise_the_symbols_come_back(
    csi: Csi, medium: str, grid: ResourceGrid, power: float
) -> None:
    rng = np.random.default_rng(3)
    data = np.sqrt(power) * QPSK[rng.integers(0, 4, 20 * grid.data_size)]
    stream, gains = crossed(data, medium, 0.0, grid, rng)
    equalised = equalise(stream, 0.0, gains, grid, csi)
    np.testing.assert_allclose(equalised.symbols, data, rtol=2e-3)
    assert np.median(equalised.noise_variance) < 1e-8 * power


def test_an_estimated_gain_adds_its_error_to_the_noise() -> None:
    rng = np.random.default_rng(4)
    stream, gains = crossed(QPSK[rng.integers(0, 4, 3200)], "awgn", 0.1, BLOCK, rng)
    variance = equalise(stream, 0.1, gains, BLOCK, Csi.ESTIMATED).noise_variance
    assert variance.mean() == pytest.approx(0.1 * (1 + 1 / 8), rel=0.05)


@pytest.mark.parametrize("snr_db", [0.0, 10.0, 20.0])
@pytest.mark.parametrize("grid", [None, BLOCK], ids=["sequence", "grid"])
def test_bit_errors_of_qpsk_over_rayleigh_fading(grid: ResourceGrid | None, snr_db: float) -> None:
    """Proakis, Digital Communications, 2001, eq. 14.3-7: (1 - sqrt(g / (1 + g))) / 2."""
    rng = np.random.default_rng(5)
    bits = rng.integers(0, 2, (2, 160_000))
    data = ((1 - 2 * bits[0]) + 1j * (1 - 2 * bits[1])) / np.sqrt(2)
    stream, _ = crossed(data, "awgn", 0.0, grid, rng)
    gains = Gains(complex_normal(rng, stream.symbols.size).astype(np.complex64), 1)
    noise = complex_normal(rng, stream.symbols.size) * 10 ** (-snr_db / 20)
    received = (stream.symbols * gains.values + noise).astype(np.complex64)
    equalised = equalise(
        replace(stream, symbols=received), 10 ** (-snr_db / 10), gains, grid, Csi.PERFECT
    )
    decided = np.stack([equalised.symbols.real < 0, equalised.symbols.imag < 0])
    per_bit = 10 ** (snr_db / 10) / 2
    theory = 0.5 * (1 - math.sqrt(per_bit / (1 + per_bit)))
    # the two bits of a symbol share a gain, which at most doubles the variance of their mean
    deviation = math.sqrt(2 * theory * (1 - theory) / bits.size)
    assert np.mean(decided != bits) == pytest.approx(theory, abs=4 * deviation)


def erased(noise_power: float, csi: Csi, coded: bool) -> tuple[Equalised, np.ndarray, np.ndarray]:
    """Packets of 25 in coherence blocks of 40, a third lost; the data, and which of them are."""
    rng = np.random.default_rng(6)
    data = QPSK[rng.integers(0, 4, 1600)].astype(np.complex64)
    if not coded:
        data[::3] = 0
    power = float(np.mean(np.abs(data) ** 2))
    sent = BLOCK.place(data, power)
    gains = Gains((rng.random(sent.size // 25) > 1 / 3).astype(np.complex64), 25)
    h = gains.per_symbol(sent.size)
    noise = np.sqrt(noise_power) * complex_normal(rng, sent.size)
    received = (h * (sent + noise)).astype(np.complex64)
    stream = Stream("x", received, 1.0, power, layout_of(data.size, coded))
    return equalise(stream, noise_power, gains, BLOCK, csi), data, BLOCK.extract(h == 0, data.size)


@pytest.mark.parametrize("coded", [True, False], ids=["coded", "samples"])
@pytest.mark.parametrize("csi", Csi)
def test_erased_packets_are_known_to_be_lost(csi: Csi, coded: bool) -> None:
    equalised, data, lost = erased(0.01, csi, coded)
    assert 0.2 < lost.mean() < 0.5
    assert not equalised.symbols[lost].any()
    assert np.isinf(equalised.noise_variance[lost]).all()
    blind = np.isinf(equalised.noise_variance) & ~lost  # no pilot of the block came through
    assert blind.mean() < 0.05
    assert csi is Csi.ESTIMATED or not blind.any()
    error = np.abs(equalised.symbols - data)[~lost & ~blind]
    assert np.mean(error**2) == pytest.approx(0.0115, rel=0.2)


@pytest.mark.parametrize("coded", [True, False], ids=["coded", "samples"])
def test_erased_packets_are_known_to_be_lost_without_noise(coded: bool) -> None:
    equalised, data, lost = erased(0.0, Csi.ESTIMATED, coded)
    assert np.isinf(equalised.noise_variance[lost]).all()
    arrived = ~np.isinf(equalised.noise_variance)
    assert arrived.mean() > 0.5
    np.testing.assert_allclose(equalised.symbols[arrived], data[arrived], atol=1e-5)


def test_samples_that_are_zero_are_not_taken_for_lost_without_noise() -> None:
    stream = Stream(
        "x", BLOCK.place(np.zeros(50, np.complex64), 0.0), 1.0, 0.0, SamplesLayout((100,))
    )
    gains = ones(stream.symbols.size, np.random.default_rng(7))
    equalised = equalise(stream, 0.0, gains, BLOCK, Csi.ESTIMATED)
    assert not equalised.symbols.any()
    assert not equalised.noise_variance.any()


def test_a_gain_that_is_next_to_nothing_is_nothing() -> None:
    stream = Stream("x", np.ones(2, np.complex64), None, 1.0, layout_of(2))
    gains = Gains(np.array([1e-19, 1e-4], np.complex64), 1)
    equalised = equalise(stream, 1.0, gains, None, Csi.PERFECT)
    np.testing.assert_allclose(equalised.symbols, [0, 1e4], rtol=1e-5)
    np.testing.assert_allclose(equalised.noise_variance, [np.inf, 1e8], rtol=1e-5)


@pytest.mark.parametrize("grid", [None, ResourceGrid(40, 1, 0)])
def test_a_channel_cannot_be_estimated_without_pilots(grid: ResourceGrid | None) -> None:
    stream, gains = crossed(QPSK, "awgn", 0.1, grid, np.random.default_rng(8))
    with pytest.raises(InvalidInput, match=r"csi=estimated.*Send pilots, or use csi=perfect"):
        equalise(stream, 0.1, gains, grid, Csi.ESTIMATED)
