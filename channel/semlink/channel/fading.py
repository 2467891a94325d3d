"""Flat block fading: one gain per coherence block, independent from block to block."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from jaxtyping import Complex64

from semlink.channel.generators import seeded
from semlink.core.channel_settings import ChannelSettings
from semlink.core.errors import InvalidInput
from semlink.core.frame import Gains
from semlink.core.phy.grid import ResourceGrid

BATCH = 16384  # blocks per draw; a longer stream starts with the same gains as a shorter one

BlockGains = Complex64[np.ndarray, "blocks"]


def clear(symbols: int, grid: ResourceGrid | None, settings: ChannelSettings, seed: int) -> Gains:
    """No fading: gain one."""
    hold = max(symbols, 1)
    return Gains(np.ones(Gains.count(symbols, hold), np.complex64), hold)


def rayleigh(
    symbols: int, grid: ResourceGrid | None, settings: ChannelSettings, seed: int
) -> Gains:
    """Rayleigh: complex normal gains of mean power one, drawn by Sionna.

    Raises:
        InvalidInput: the frame's coherence blocks are not those of the settings.
    """
    fading = _rayleigh(seed)
    return _held(lambda: _scattered(fading), symbols, _coherence(grid, settings))


def rician(symbols: int, grid: ResourceGrid | None, settings: ChannelSettings, seed: int) -> Gains:
    """Rician: a line of sight with K times the power of the scattered rest, mean power one.

    h = sqrt(K / (K + 1)) e^(j theta) + sqrt(1 / (K + 1)) CN(0, 1), with theta uniform and, like
    the rest, independent from block to block (Tse and Viswanath, Fundamentals of Wireless
    Communication, equation 2.55).

    Raises:
        InvalidInput: as `rayleigh`.
    """
    fading = _rayleigh(seed)
    total = settings.k_factor + 1
    sight, rest = math.sqrt(settings.k_factor / total), math.sqrt(1 / total)

    def draw() -> BlockGains:
        gains: BlockGains = sight * _phasors(fading.torch_rng) + rest * _scattered(fading)
        return gains

    return _held(draw, symbols, _coherence(grid, settings))


def _rayleigh(seed: int) -> Any:
    from sionna.phy.channel import RayleighBlockFading

    return seeded(RayleighBlockFading(1, 1, 1, 1, precision="single", device="cpu"), seed)


def _scattered(fading: Any) -> BlockGains:
    gains, _ = fading(BATCH, 1)
    drawn: BlockGains = gains.numpy().reshape(-1)
    return drawn


def _phasors(generator: Any) -> BlockGains:
    from sionna.phy.utils import rand

    turns = rand((BATCH,), device="cpu", generator=generator).numpy()
    phasors: BlockGains = np.exp(2j * np.pi * turns).astype(np.complex64)
    return phasors


def _held(draw: Callable[[], BlockGains], symbols: int, hold: int) -> Gains:
    gains = np.empty(Gains.count(symbols, hold), np.complex64)
    for start in range(0, gains.size, BATCH):
        batch = gains[start : start + BATCH]
        batch[:] = draw()[: batch.size]
    return Gains(gains, hold)


def _coherence(grid: ResourceGrid | None, settings: ChannelSettings) -> int:
    if grid and not grid.is_ofdm and grid.rows != settings.coherence_uses:
        raise InvalidInput(
            f"the frame's coherence blocks have {grid.rows} symbols.",
            field="coherence_uses",
            value=settings.coherence_uses,
            cure="Modulate the frame and propagate it with the same settings.",
        )
    return settings.coherence_uses
