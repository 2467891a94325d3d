from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from jaxtyping import Complex64, Float64

from semlink.core.phy.estimation import (
    BUNDLE,
    LATE,
    LATE_SPREAD,
    ChannelEstimate,
    estimate_channel,
    frequency_covariance,
    least_squares,
    lmmse_filter,
    time_covariance,
)
from semlink.core.phy.grid import ResourceGrid

OFDM = ResourceGrid(14, 72, 2, 30e3, delay_spread_s=300e-9, doppler_hz=300.0)
STILL = replace(OFDM, delay_spread_s=0.0, doppler_hz=0.0)
BLOCK = ResourceGrid(64, 1, 8)
PATHS = 150

Slots = Complex64[np.ndarray, "slots rows subcarriers"]

# 3GPP TR 38.901, tables 7.7.2-1, -4 and -5: delays in delay spreads, powers in dB; the first
# tap of D and E is the line of sight.
TDL = {
    "A": (
        "0 .3819 .4025 .5868 .461 .5375 .6708 .575 .7618 1.5375 1.8978 2.2242 2.1718 2.4942 "
        "2.5119 3.0582 4.081 4.4579 4.5695 4.7966 5.0066 5.3043 9.6586",
        "-13.4 0 -2.2 -4 -6 -8.2 -9.9 -10.5 -7.5 -15.9 -6.6 -16.7 -12.4 -15.2 -10.8 -11.3 -12.7 "
        "-16.2 -18.3 -18.9 -16.6 -19.9 -29.7",
    ),
    "D": (
        "0 0 .035 .612 1.363 1.405 1.804 2.596 1.775 4.042 7.937 9.424 9.708 12.525",
        "-.2 -13.5 -18.8 -21 -22.8 -17.9 -20.1 -21.9 -22.9 -27.8 -23.6 -24.8 -30 -27.7",
    ),
    "E": (
        "0 0 .5133 .544 .563 .544 .7112 1.9092 1.9293 1.9589 2.6426 3.7136 5.4524 12.0034 20.6519",
        "-.03 -22.03 -15.8 -18.1 -19.8 -22.9 -22.4 -18.6 -20.8 -22.6 -22.3 -25.6 -20.2 -29.8 "
        "-29.2",
    ),
}


def complex_normal(rng: np.random.Generator, *shape: int) -> np.ndarray:
    real, imaginary = rng.standard_normal((2, *shape)) / np.sqrt(2)
    return np.asarray(real + 1j * imaginary)


def designed_gains(grid: ResourceGrid, slots: int, rng: np.random.Generator) -> Slots:
    """Sums of paths of the statistics for which the interpolation is designed."""
    spread = np.where(rng.random((slots, PATHS)) < LATE, LATE_SPREAD, 1.0) * grid.delay_spread_s
    delays_s = rng.exponential(1.0, (slots, PATHS)) * spread
    shifts_hz = grid.doppler_hz * np.cos(rng.uniform(0, 2 * np.pi, (slots, PATHS)))
    phases = rng.uniform(0, 2 * np.pi, (slots, PATHS, 1))
    times_s = np.arange(grid.rows) * grid.symbol_duration_s
    offsets_hz = np.arange(grid.subcarriers) * grid.subcarrier_spacing_hz
    in_time = np.exp(1j * (phases + 2 * np.pi * shifts_hz[..., None] * times_s))
    in_frequency = np.exp(-2j * np.pi * delays_s[..., None] * offsets_hz)
    gains = in_time.transpose(0, 2, 1) @ in_frequency / np.sqrt(PATHS)
    return np.asarray(gains.astype(np.complex64))


def tdl_gains(letter: str, grid: ResourceGrid, slots: int, rng: np.random.Generator) -> Slots:
    """Tapped delay lines, standing still."""
    delays, powers_db = (np.array(row.split(), float) for row in TDL[letter])
    powers = 10 ** (powers_db / 10)
    taps = complex_normal(rng, slots, powers.size)
    if letter in "DE":
        taps[:, 0] = np.exp(2j * np.pi * rng.random(slots))
    offsets_hz = np.arange(grid.subcarriers) * grid.subcarrier_spacing_hz
    waves = np.exp(-2j * np.pi * delays[:, None] * grid.delay_spread_s * offsets_hz)
    gains = (taps * np.sqrt(powers / powers.sum())) @ waves
    return np.repeat(gains[:, None], grid.rows, axis=1).astype(np.complex64)


def received(
    gains: Slots, grid: ResourceGrid, noise_power: float, rng: np.random.Generator, es: float = 1.0
) -> Complex64[np.ndarray, "uses"]:
    data = np.full(gains.shape[0] * grid.data_size, np.sqrt(es), np.complex64)
    noise = np.sqrt(noise_power) * complex_normal(rng, gains.size)
    return np.asarray((grid.place(data, es) * gains.reshape(-1) + noise).astype(np.complex64))


def error_power(estimate: ChannelEstimate, gains: Slots) -> float:
    return float(np.mean(np.abs(estimate.gains - gains.reshape(-1)) ** 2, dtype=np.float64))


def random_gains(grid: ResourceGrid, slots: int, rng: np.random.Generator) -> Slots:
    """Rayleigh, constant in a slot of a single carrier."""
    if grid.is_ofdm:
        return designed_gains(grid, slots, rng)
    gains = complex_normal(rng, slots, 1, 1).astype(np.complex64)
    return np.repeat(gains, grid.rows, axis=1)


@pytest.mark.parametrize("grid", [OFDM, BLOCK], ids=["ofdm", "single carrier"])
def test_least_squares_is_exact_without_noise_whatever_the_power(grid: ResourceGrid) -> None:
    rng = np.random.default_rng(1)
    gains = random_gains(grid, 5, rng)
    at_pilots = least_squares(received(gains, grid, 0.0, rng, es=9.0), 9.0, grid)
    np.testing.assert_allclose(at_pilots, gains[:, list(grid.pilot_rows)], rtol=1e-5)


@pytest.mark.parametrize("grid", [OFDM, BLOCK], ids=["ofdm", "single carrier"])
def test_error_of_least_squares_is_noise_over_pilot_power(grid: ResourceGrid) -> None:
    rng = np.random.default_rng(2)
    gains = random_gains(grid, 1000 if grid is BLOCK else 60, rng)
    at_pilots = least_squares(received(gains, grid, 0.5, rng, es=4.0), 4.0, grid)
    error = np.mean(np.abs(at_pilots - gains[:, list(grid.pilot_rows)]) ** 2)
    assert error == pytest.approx(0.5 / 4.0, rel=0.05)


def test_a_single_carriers_error_is_that_of_a_mean_and_has_no_bias() -> None:
    rng = np.random.default_rng(3)
    gains = np.full((4000, 64, 1), 0.3 - 0.4j, np.complex64)
    estimate = estimate_channel(received(gains, BLOCK, 0.5, rng, es=4.0), 0.5, 4.0, BLOCK)
    expected = 0.5 / 4.0 / 8
    np.testing.assert_allclose(estimate.error_variance, expected, rtol=1e-6)
    assert error_power(estimate, gains) == pytest.approx(expected, rel=0.05)
    bias = np.mean(estimate.gains[:: BLOCK.size]) - gains[0, 0, 0]
    assert abs(bias) < 4 * np.sqrt(expected / 4000)


def test_erased_pilots_are_left_out_of_the_mean() -> None:
    rng = np.random.default_rng(4)
    gains = random_gains(BLOCK, 3, rng)
    symbols = received(gains, BLOCK, 0.0, rng).reshape(3, 64)
    symbols[1, :24] = 0  # three of eight pilots
    symbols[2] = 0
    estimate = estimate_channel(symbols.reshape(-1), 0.8, 1.0, BLOCK)
    np.testing.assert_allclose(estimate.gains[:128], gains[:2].reshape(-1), rtol=1e-5)
    np.testing.assert_allclose(
        estimate.error_variance.reshape(3, 64)[:2, 0], [0.1, 0.16], rtol=1e-6
    )
    assert not estimate.gains[128:].any()
    assert estimate.complete.reshape(3, 64)[:, 0].tolist() == [True, False, False]


def test_the_filter_is_the_textbooks_lmmse() -> None:
    """Against (R_ap)(R_pp + s^2 I)^-1 over all resource elements at once."""
    grid = replace(OFDM, rows=5, subcarriers=6, subcarrier_spacing_hz=200e3, doppler_hz=3000.0)
    noise = 0.2
    full = np.kron(time_covariance(grid), frequency_covariance(grid, 6))
    pilots = np.arange(30).reshape(5, 6)[list(grid.pilot_rows)].reshape(-1)
    wiener = full[:, pilots] @ np.linalg.inv(full[np.ix_(pilots, pilots)] + noise * np.eye(12))
    error = np.diag(full - wiener @ full[pilots]).real

    at_pilots = complex_normal(np.random.default_rng(5), 3, 2, 6).astype(np.complex64)
    ours = lmmse_filter(grid, 6, noise)
    expected = (at_pilots.reshape(3, 12) @ wiener.T).reshape(3, 5, 6)
    np.testing.assert_allclose(ours(at_pilots), expected, atol=1e-5)
    np.testing.assert_allclose(ours.error_variance, error.reshape(5, 6), atol=1e-9)


@pytest.mark.parametrize("snr_db", [-10, 0, 15, 40])
def test_error_over_ofdm_is_as_stated_and_far_below_that_of_least_squares(snr_db: float) -> None:
    rng = np.random.default_rng(6)
    gains = designed_gains(OFDM, 300, rng)
    noise_power = 10 ** (-snr_db / 10)
    estimate = estimate_channel(received(gains, OFDM, noise_power, rng), noise_power, 1.0, OFDM)
    error = error_power(estimate, gains)
    assert error == pytest.approx(float(estimate.error_variance.mean()), rel=0.1)
    if snr_db <= 15:
        assert error < 0.25 * noise_power


def test_error_is_as_stated_row_by_row_and_at_the_edges() -> None:
    rng = np.random.default_rng(7)
    gains = designed_gains(OFDM, 400, rng)
    estimate = estimate_channel(received(gains, OFDM, 0.1, rng), 0.1, 1.0, OFDM)
    error = np.abs(estimate.gains.reshape(gains.shape) - gains) ** 2
    stated = estimate.error_variance.reshape(gains.shape)[0]
    np.testing.assert_allclose(error.mean(axis=(0, 2)), stated.mean(axis=1), rtol=0.15)
    np.testing.assert_allclose(error[..., 0].mean(), stated[:, 0].mean(), rtol=0.25)
    assert stated[:, 0].mean() > 1.5 * stated[:, 36].mean()


def test_a_channel_that_never_changes_is_known_from_all_pilots_at_once() -> None:
    rng = np.random.default_rng(8)
    gains = np.broadcast_to(complex_normal(rng, 500, 1, 1), (500, 14, 72)).astype(np.complex64)
    estimate = estimate_channel(received(gains, STILL, 0.3, rng), 0.3, 1.0, STILL)
    assert error_power(estimate, gains) == pytest.approx(0.3 / 144, rel=0.15)
    np.testing.assert_allclose(estimate.error_variance, 0.3 / 144, rtol=0.01)


@pytest.mark.parametrize("grid", [replace(OFDM, doppler_hz=0.0), STILL, BLOCK])
def test_the_estimate_converges_to_the_truth(grid: ResourceGrid) -> None:
    rng = np.random.default_rng(9)
    gains = random_gains(grid, 20, rng)
    errors = []
    for noise_power in (1e-2, 1e-4, 1e-6, 0.0):
        symbols = received(gains, grid, noise_power, rng)
        errors.append(error_power(estimate_channel(symbols, noise_power, 1.0, grid), gains))
    assert errors == sorted(errors, reverse=True)
    assert errors[-1] < 1e-8


@pytest.mark.parametrize("letter", TDL)
@pytest.mark.parametrize("snr_db", [0, 10, 20, 30])
def test_the_stated_error_holds_for_profiles_of_another_shape(letter: str, snr_db: float) -> None:
    rng = np.random.default_rng(10)
    grid = replace(OFDM, doppler_hz=10.0)
    gains = tdl_gains(letter, grid, 300, rng)
    noise_power = 10 ** (-snr_db / 10)
    estimate = estimate_channel(received(gains, grid, noise_power, rng), noise_power, 1.0, grid)
    ratio = error_power(estimate, gains) / float(estimate.error_variance.mean())
    assert 0.6 < ratio < 1.25


def test_wide_channels_are_interpolated_in_bundles() -> None:
    rng = np.random.default_rng(11)
    grid = replace(OFDM, subcarriers=2 * BUNDLE + 25)
    gains = designed_gains(grid, 12, rng)
    estimate = estimate_channel(received(gains, grid, 0.1, rng), 0.1, 1.0, grid)
    assert estimate.gains.size == gains.size
    stated = float(estimate.error_variance.mean())
    assert error_power(estimate, gains) == pytest.approx(stated, rel=0.15)
    assert stated < 0.02


def test_a_slot_of_ofdm_without_all_its_pilots_is_lost() -> None:
    rng = np.random.default_rng(12)
    symbols = received(designed_gains(OFDM, 2, rng), OFDM, 0.1, rng)
    symbols[: 4 * 72] = 0
    estimate = estimate_channel(symbols, 0.1, 1.0, OFDM)
    lost, whole = estimate.gains.reshape(2, -1)
    assert not lost.any()
    assert whole.all()


def test_covariances_are_those_of_the_statistics() -> None:
    grid = replace(OFDM, rows=3, subcarriers=3)
    turns = 2 * np.pi * 30e3 * 300e-9
    expected = (1 - LATE) / (1 + 1j * turns) + LATE / (1 + 1j * turns * LATE_SPREAD)
    covariance = frequency_covariance(grid, 3)
    assert covariance[1, 0] == pytest.approx(expected)
    assert covariance[2, 2] == 1
    in_time: Float64[np.ndarray, "rows rows"] = time_covariance(grid)
    bessel = pytest.importorskip("scipy.special").j0
    lag = 2 * np.pi * 300.0 * grid.symbol_duration_s
    np.testing.assert_allclose(in_time[0], bessel(lag * np.arange(3)), atol=1e-12)
