"""What a receiver can know of the channel: its gains, estimated from pilots.

Every slot is estimated on its own. At the pilots, least squares divides by what was sent; the
error there has the variance N0 / Ep, Ep being the power of a pilot. From there:

- Single carrier, one gain per slot: the mean over the slot's pilots. It needs no statistics of
  the channel, and dividing by it leaves no bias, whatever the gain.
- OFDM: LMMSE interpolation in frequency and time, for channels of unit mean power with an
  exponential power delay profile and the spectrum of Jakes. Which profile the medium really has
  is not for the receiver to know; a small part of the power is taken to come late, which makes
  the stated error hold for the profiles of 3GPP TR 38.901. Dividing by the estimate leaves no
  bias, whatever the estimate.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from jaxtyping import Bool, Complex64, Complex128, Float32, Float64

from semlink.core.phy.grid import ResourceGrid

LEAST_NOISE = 1e-9  # relative to the pilots; keeps the interpolation well conditioned
BUNDLE = 288  # subcarriers that are interpolated together, at most
LATE = 0.02  # share of the power that comes with a delay spread so many times as long:
LATE_SPREAD = 5.0
ARRIVALS = 512  # directions over which the spectrum of Jakes is averaged


@dataclass(frozen=True)
class ChannelEstimate:
    """Gains of whole slots, flattened as the stream's symbols are.

    Attributes:
        gains: of every resource element; 0 in slots without pilots: for a single carrier if all
            of them were erased, for OFDM if any was.
        error_variance: mean of |estimated - true gain|^2; of no meaning where the gain is 0.
        complete: whether all pilots of its slot arrived.
    """

    gains: Complex64[np.ndarray, "uses"]
    error_variance: Float32[np.ndarray, "uses"]
    complete: Bool[np.ndarray, "uses"]


def estimate_channel(
    symbols: Complex64[np.ndarray, "uses"],
    noise_power: float,
    mean_power: float,
    grid: ResourceGrid,
) -> ChannelEstimate:
    """Gains of a stream as its pilots tell.

    Args:
        symbols: whole slots as received; a pilot that is exactly 0 was erased.
        noise_power: N0 per channel use.
        mean_power: Es of the stream as sent, hence of its pilots.
        grid: with at least one row of pilots.
    """
    at_pilots = least_squares(symbols, mean_power, grid)
    noise = noise_power / grid.pilot_amplitude(mean_power) ** 2
    complete = (at_pilots != 0).all(axis=(1, 2), keepdims=True)
    if grid.is_ofdm:
        gains, variance = _interpolated(at_pilots, noise, grid)
        gains = gains * complete
    else:
        gains, variance = _averaged(at_pilots, noise)
    shape = (at_pilots.shape[0], grid.rows, grid.subcarriers)
    return ChannelEstimate(
        np.broadcast_to(gains, shape).astype(np.complex64).reshape(-1),
        np.broadcast_to(variance, shape).astype(np.float32).reshape(-1),
        np.broadcast_to(complete, shape).reshape(-1),
    )


def least_squares(
    symbols: Complex64[np.ndarray, "uses"], mean_power: float, grid: ResourceGrid
) -> Complex64[np.ndarray, "slots pilots subcarriers"]:
    """Gains at the pilots: what arrived over what was sent."""
    slots = symbols.reshape(-1, grid.rows, grid.subcarriers)
    # QPSK of unit power: dividing by a pilot is multiplying by its conjugate
    pilots = grid.pilot_symbols(slots.shape[0]).conj()
    amplitude = np.float32(grid.pilot_amplitude(mean_power))
    return np.asarray(slots[:, list(grid.pilot_rows)] * pilots / amplitude)


def _averaged(
    at_pilots: Complex64[np.ndarray, "slots pilots subcarriers"], noise: float
) -> tuple[Complex64[np.ndarray, "slots 1 1"], Float64[np.ndarray, "slots 1 1"]]:
    """Mean over the pilots of a slot that arrived, and its error."""
    arrived = np.maximum(np.count_nonzero(at_pilots, axis=(1, 2), keepdims=True), 1)
    mean = at_pilots.sum(axis=(1, 2), keepdims=True) / arrived.astype(np.float32)
    return mean, noise / arrived


def _interpolated(
    at_pilots: Complex64[np.ndarray, "slots pilots subcarriers"], noise: float, grid: ResourceGrid
) -> tuple[
    Complex64[np.ndarray, "slots rows subcarriers"], Float64[np.ndarray, "1 rows subcarriers"]
]:
    """LMMSE in bundles of neighbouring subcarriers."""
    bundles = np.array_split(at_pilots, -(-grid.subcarriers // BUNDLE), axis=2)
    filters = [lmmse_filter(grid, bundle.shape[2], noise) for bundle in bundles]
    gains = [f(bundle) for f, bundle in zip(filters, bundles, strict=True)]
    variances = [f.error_variance for f in filters]
    return np.concatenate(gains, axis=2), np.concatenate(variances, axis=1)[None]


@dataclass(frozen=True)
class LmmseFilter:
    """H = (B (W * (V^H G conj(U)))) U^T for the least-squares gains G at the pilots of a slot.

    With R_f = U diag(l) U^H the covariance in frequency, R_p = V diag(g) V^H that in time at the
    pilots, and R_tp that between all rows and the pilots, this is the LMMSE estimate

        (R_tp x R_f) (R_p x R_f + s^2 I)^-1 vec(G),   x the Kronecker product,

    for B = R_tp V and W_ij = l_j / (g_i l_j + s^2); no matrix of the size of a slot appears. Its
    error is 1 - sum_ij |B_ti|^2 W_ij l_j |U_fj|^2 (Kay, Estimation Theory, 1993, eq. 12.21).

    Attributes:
        into_time: V^H.
        weights: W.
        out_of_time: B.
        frequency: U.
        error_variance: of every resource element of a slot.
    """

    into_time: Complex64[np.ndarray, "pilots pilots"]
    weights: Float32[np.ndarray, "pilots subcarriers"]
    out_of_time: Complex64[np.ndarray, "rows pilots"]
    frequency: Complex64[np.ndarray, "subcarriers subcarriers"]
    error_variance: Float64[np.ndarray, "rows subcarriers"]

    def __call__(
        self, at_pilots: Complex64[np.ndarray, "slots pilots subcarriers"]
    ) -> Complex64[np.ndarray, "slots rows subcarriers"]:
        """Gains everywhere."""
        decorrelated = self.into_time @ (at_pilots @ self.frequency.conj())
        return np.asarray(self.out_of_time @ (self.weights * decorrelated) @ self.frequency.T)


@lru_cache(maxsize=16)
def lmmse_filter(grid: ResourceGrid, subcarriers: int, noise: float) -> LmmseFilter:
    """The filter for so many neighbouring subcarriers of a grid.

    Args:
        grid: for its pilots and statistics.
        subcarriers: 1 or more.
        noise: N0 over the power of a pilot.
    """
    delays, frequency = _spectrum(frequency_covariance(grid, subcarriers))
    time = time_covariance(grid)
    pilots = list(grid.pilot_rows)
    dopplers, basis = _spectrum(time[np.ix_(pilots, pilots)])
    out_of_time = time[:, pilots] @ basis
    weights = delays / (np.outer(dopplers, delays) + max(noise, LEAST_NOISE))
    explained = np.abs(out_of_time) ** 2 @ (weights * delays) @ (np.abs(frequency) ** 2).T
    return LmmseFilter(
        basis.conj().T.astype(np.complex64),
        weights.astype(np.float32),
        out_of_time.astype(np.complex64),
        frequency.astype(np.complex64),
        np.maximum(1.0 - explained, 0.0),
    )


def frequency_covariance(
    grid: ResourceGrid, subcarriers: int
) -> Complex128[np.ndarray, "subcarriers subcarriers"]:
    """E[h(f) h(f')*], 1 / (1 + j 2 pi (f - f') tau) for an exponential profile.

    Mean delay and RMS delay spread of that profile are tau (van de Beek et al., VTC 1995).
    """
    offsets_hz = np.arange(subcarriers) * grid.subcarrier_spacing_hz
    turns = (offsets_hz[:, None] - offsets_hz) * grid.delay_spread_s
    early, late = (1.0 / (1.0 + 2j * np.pi * turns * spread) for spread in (1.0, LATE_SPREAD))
    return np.asarray((1.0 - LATE) * early + LATE * late)


def time_covariance(grid: ResourceGrid) -> Float64[np.ndarray, "rows rows"]:
    """E[h(t) h(t')*] = J0(2 pi f_D (t - t')): waves from all sides (Clarke 1968, Jakes 1974)."""
    times_s = np.arange(grid.rows) * grid.symbol_duration_s
    phase = 2.0 * np.pi * grid.doppler_hz * (times_s[:, None] - times_s)
    angles = np.linspace(0.0, 2.0 * np.pi, ARRIVALS, endpoint=False)
    return np.asarray(np.cos(phase[..., None] * np.cos(angles)).mean(axis=-1))


def _spectrum(
    covariance: Complex128[np.ndarray, "n n"] | Float64[np.ndarray, "n n"],
) -> tuple[Float64[np.ndarray, "n"], Complex128[np.ndarray, "n n"]]:
    """Eigenvalues, which rounding must not make negative, and eigenvectors."""
    values, vectors = np.linalg.eigh(covariance)
    return np.maximum(values, 0.0), vectors.astype(np.complex128)
