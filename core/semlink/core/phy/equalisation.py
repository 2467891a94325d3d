"""Undoing the channel: what was sent plus noise, symbol by symbol."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Complex64, Float32

from semlink.core.choices import Csi
from semlink.core.errors import InvalidInput
from semlink.core.frame import Gains, Stream
from semlink.core.phy.estimation import estimate_channel
from semlink.core.phy.grid import ResourceGrid
from semlink.core.phy.layouts import CodedLayout

LEAST_GAIN_POWER = 1e-20  # what is weaker has not arrived


@dataclass(frozen=True)
class Equalised:
    """Data symbols of one stream.

    Attributes:
        symbols: as sent plus noise, without a bias; 0 where nothing arrived.
        noise_variance: of each, (N0 + Es e) / |h|^2, with e the variance of the error of an
            estimated gain h; infinite where nothing arrived.
    """

    symbols: Complex64[np.ndarray, "data"]
    noise_variance: Float32[np.ndarray, "data"]


def equalise(
    stream: Stream, noise_power: float, gains: Gains, grid: ResourceGrid | None, csi: Csi
) -> Equalised:
    """Divides by the channel's gain, as granted or as estimated from pilots.

    Args:
        stream: as received.
        noise_power: N0 per channel use.
        gains: of the channel; ignored where they have to be estimated.
        grid: where the pilots are.
        csi: how the receiver knows the gains.

    Raises:
        InvalidInput: they have to be estimated and there are no pilots.
    """
    if csi is Csi.ESTIMATED:
        return _by_pilots(stream, noise_power, _with_pilots(grid))
    symbols, h = stream.symbols, gains.per_symbol(stream.symbols.size)
    if grid:
        symbols = grid.extract(symbols, stream.layout.channel_uses)
        h = grid.extract(h, stream.layout.channel_uses)
    return divided(symbols, h, np.float32(noise_power))


def _by_pilots(stream: Stream, noise_power: float, grid: ResourceGrid) -> Equalised:
    estimate = estimate_channel(stream.symbols, noise_power, stream.mean_power, grid)
    data = stream.layout.channel_uses
    symbols = grid.extract(stream.symbols, data)
    gains = grid.extract(estimate.gains, data)
    errors = grid.extract(estimate.error_variance, data) * np.float32(stream.mean_power)
    erased = symbols == 0
    if noise_power == 0 and not isinstance(stream.layout, CodedLayout):
        erased &= ~grid.extract(estimate.complete, data)  # samples may be 0 themselves
    return divided(symbols, np.where(erased, 0, gains), np.float32(noise_power) + errors)


def _with_pilots(grid: ResourceGrid | None) -> ResourceGrid:
    if grid and grid.pilots:
        return grid
    raise InvalidInput(
        "the channel cannot be estimated from a frame without pilots.",
        field="csi",
        value=Csi.ESTIMATED,
        cure="Send pilots, or use csi=perfect.",
    )


def divided(
    symbols: Complex64[np.ndarray, "data"],
    gains: Complex64[np.ndarray, "data"],
    noise_power: Float32[np.ndarray, "data"] | np.float32,
) -> Equalised:
    """Zero forcing, which for one antenna is the unbiased LMMSE equaliser.

    Args:
        symbols: as received.
        gains: of the channel.
        noise_power: of what was added, per symbol or of all.
    """
    power = np.square(gains.real) + np.square(gains.imag)
    arrived = power > LEAST_GAIN_POWER
    safe = np.where(arrived, power, np.float32(1))
    equalised = np.where(arrived, symbols * gains.conj() / safe, 0).astype(np.complex64)
    variance = np.where(arrived, noise_power / safe, np.inf).astype(np.float32)
    return Equalised(equalised, variance)
