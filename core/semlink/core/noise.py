"""The one definition of noise that everything shares.

The channel adds complex white Gaussian noise of power N0 per channel use (complex symbol), that
is a variance of N0 / 2 per real dimension; Sionna uses the same convention for its `no`. A noise
level is stated in one of five kinds; `noise_power` turns any of them into N0 for one stream:

    psnr_db         samples: sigma^2 = A^2 10^(-psnr/10) per real dimension, A the payload's peak
                    bits:    Es/N0
    snr_db          Es/N0, Es the mean power of the stream
    ebno_db         Eb/N0, Eb = Es / (information bits per channel use); bits only
    sigma           standard deviation per real dimension, in units of the peak
    gesco_table_db  the noise levels of the published GESCO code, which are sigmas with a label
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum

from semlink.core.errors import InvalidInput


class NoiseKind(StrEnum):
    """In which unit a noise level is stated."""

    PSNR_DB = "psnr_db"
    SNR_DB = "snr_db"
    EBNO_DB = "ebno_db"
    SIGMA = "sigma"
    GESCO_TABLE_DB = "gesco_table_db"


# ispamm/GESCO, image_sample.py: nominal level in dB -> standard deviation on the one-hot map.
# The labels are not exact: sigma 0.36 is a PSNR of 8.9 dB, not 10.
GESCO_TABLE: dict[float, float] = {
    1.0: 0.9,
    5.0: 0.6,
    10.0: 0.36,
    15.0: 0.22,
    20.0: 0.13,
    25.0: 0.08,
    30.0: 0.05,
    100.0: 0.0,
}


@dataclass(frozen=True)
class SignalPower:
    """What has to be known of a stream to turn a level into a noise power.

    Attributes:
        peak: A, the largest absolute value per real dimension; None for a stream of coded bits.
        mean_power: Es, the mean of |x|^2 over the stream's channel uses.
        bits_per_use: information bits per channel use; None for samples.
    """

    peak: float | None
    mean_power: float
    bits_per_use: float | None = None


def db_to_ratio(level_db: float) -> float:
    """Power ratio of a level in dB; infinity stays infinity."""
    return math.inf if math.isinf(level_db) and level_db > 0 else 10.0 ** (level_db / 10.0)


def ratio_to_db(ratio: float) -> float:
    """Level in dB of a power ratio >= 0; infinity and zero are allowed."""
    if ratio == 0.0:
        return -math.inf
    return math.inf if math.isinf(ratio) else 10.0 * math.log10(ratio)


def sigma_from_psnr(psnr_db: float, peak: float = 1.0) -> float:
    """Standard deviation per real dimension at a PSNR: A 10^(-psnr/20)."""
    return peak / math.sqrt(db_to_ratio(psnr_db))


def psnr_from_sigma(sigma: float, peak: float = 1.0) -> float:
    """PSNR in dB of a standard deviation per real dimension: 20 log10(A / sigma)."""
    return math.inf if sigma == 0.0 else 20.0 * math.log10(peak / sigma)


def gesco_table_sigma(level_db: float) -> float:
    """Sigma of a published nominal level.

    Raises:
        InvalidInput: the table has no such level.
    """
    if level_db not in GESCO_TABLE:
        levels = ", ".join(f"{level:g}" for level in GESCO_TABLE)
        raise InvalidInput(
            "the published table has no such level.",
            field=NoiseKind.GESCO_TABLE_DB,
            value=f"{level_db:g}",
            cure=f"Use one of {levels}, or state the level as psnr_db or sigma.",
        )
    return GESCO_TABLE[level_db]


def noise_power(kind: NoiseKind, level: float, signal: SignalPower) -> float:
    """N0, the noise power per channel use, of a level for one stream.

    Raises:
        InvalidInput: `ebno_db` was asked for samples, which carry no bits, or the table of
            `gesco_table_db` lacks the level.
    """
    if kind is NoiseKind.PSNR_DB and signal.peak is not None:
        return 2.0 * sigma_from_psnr(level, signal.peak) ** 2
    if kind in (NoiseKind.PSNR_DB, NoiseKind.SNR_DB):
        return signal.mean_power / db_to_ratio(level)
    if kind is NoiseKind.EBNO_DB:
        return signal.mean_power / (_bits_per_use(level, signal) * db_to_ratio(level))
    sigma = gesco_table_sigma(level) if kind is NoiseKind.GESCO_TABLE_DB else level
    amplitude = signal.peak if signal.peak is not None else math.sqrt(signal.mean_power)
    return 2.0 * (sigma * amplitude) ** 2


def _bits_per_use(level: float, signal: SignalPower) -> float:
    if not signal.bits_per_use:
        raise InvalidInput(
            "Eb/N0 is defined for coded bits; this payload travels as samples.",
            field=NoiseKind.EBNO_DB,
            value=f"{level:g}",
            cure="State the level as psnr_db, snr_db or sigma.",
        )
    return signal.bits_per_use
