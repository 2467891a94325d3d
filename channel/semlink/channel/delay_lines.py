"""Multipath channels of 3GPP TR 38.901 as OFDM meets them, drawn by Sionna."""

from __future__ import annotations

from typing import Any

import numpy as np
from jaxtyping import Complex64

from semlink.channel.generators import seeded
from semlink.core.channel_settings import ChannelSettings
from semlink.core.errors import InvalidInput
from semlink.core.frame import Gains
from semlink.core.phy.grid import ResourceGrid

SLOTS = 100  # of one realisation, which bounds the memory that it takes
SLOT_SPACINGS = 15  # a slot with normal cyclic prefix lasts 15 / spacing (TS 38.211, 4.3.2)


def tapped(symbols: int, grid: ResourceGrid | None, settings: ChannelSettings, seed: int) -> Gains:
    """Tapped delay lines TDL-A .. TDL-E (TR 38.901, 7.7.2), taps with Jakes' spectrum.

    One gain per resource element: the frequency response at each subcarrier, at the start of each
    OFDM symbol, so that neither symbols nor subcarriers interfere. The response is continuous in
    time over the slots of a stream, but every 100 slots an independent realisation begins. Mean
    power is one over the realisations, not over each.

    Raises:
        InvalidInput: the frame is not OFDM.
    """
    return _gains(_tapped(settings), symbols, _ofdm(grid, settings), seed)


def clustered(
    symbols: int, grid: ResourceGrid | None, settings: ChannelSettings, seed: int
) -> Gains:
    """Clustered delay lines CDL-A .. CDL-E (TR 38.901, 7.7.1), downlink, otherwise as `tapped`.

    Both ends have one vertical antenna without directivity; the receiver moves in a direction of
    its own in each realisation.

    Raises:
        InvalidInput: the frame is not OFDM.
    """
    return _gains(_clustered(settings), symbols, _ofdm(grid, settings), seed)


def _ofdm(grid: ResourceGrid | None, settings: ChannelSettings) -> ResourceGrid:
    if grid is None or not grid.is_ofdm:
        raise InvalidInput(
            "this medium needs OFDM, and the frame has no subcarriers.",
            field="channel",
            value=settings.model,
            cure="Modulate the frame and propagate it with the same settings.",
        )
    return grid


def _tapped(settings: ChannelSettings) -> Any:
    from sionna.phy.channel.tr38901 import TDL

    return TDL(
        _profile(settings),
        settings.delay_spread_ns * 1e-9,
        settings.carrier_ghz * 1e9,
        min_speed=settings.speed_mps,
        precision="single",
        device="cpu",
    )


def _clustered(settings: ChannelSettings) -> Any:
    from sionna.phy.channel.tr38901 import CDL

    antenna = _antenna(settings.carrier_ghz * 1e9)
    return CDL(
        _profile(settings),
        settings.delay_spread_ns * 1e-9,
        settings.carrier_ghz * 1e9,
        ut_array=antenna,
        bs_array=antenna,
        min_speed=settings.speed_mps,
        max_speed=settings.speed_mps,
        precision="single",
        device="cpu",
    )


def _antenna(carrier_hz: float) -> Any:
    from sionna.phy.channel.tr38901 import PanelArray

    return PanelArray(
        num_rows_per_panel=1,
        num_cols_per_panel=1,
        polarization="single",
        polarization_type="V",
        antenna_pattern="omni",
        carrier_frequency=carrier_hz,
        precision="single",
        device="cpu",
    )


def _profile(settings: ChannelSettings) -> str:
    return settings.model.value[-1].upper()


def _gains(model: Any, symbols: int, grid: ResourceGrid, seed: int) -> Gains:
    model = seeded(model, seed)
    gains = np.empty(symbols, np.complex64)
    for start in range(0, symbols, SLOTS * grid.size):
        realisation = gains[start : start + SLOTS * grid.size]
        realisation[:] = _response(model, grid, realisation.size // grid.size)
    return Gains(gains, 1)


def _response(model: Any, grid: ResourceGrid, slots: int) -> Complex64[np.ndarray, "elements"]:
    from sionna.phy.channel import cir_to_ofdm_channel, subcarrier_frequencies

    spacing_hz = grid.subcarrier_spacing_hz
    rows_per_s = grid.rows * spacing_hz / SLOT_SPACINGS
    paths, delays = model(1, slots * grid.rows, rows_per_s)
    frequencies = subcarrier_frequencies(grid.subcarriers, spacing_hz, "single", "cpu")
    response: Complex64[np.ndarray, "elements"] = (
        cir_to_ofdm_channel(frequencies, paths, delays).numpy().reshape(-1)
    )
    return response
