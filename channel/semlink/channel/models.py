"""The media that a frame can cross: y = h x + n for every symbol of every stream."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from semlink.channel.delay_lines import clustered, tapped
from semlink.channel.fading import clear, rayleigh, rician
from semlink.channel.losses import burst, erasure
from semlink.channel.thermal import with_noise
from semlink.core.channel_settings import ChannelModel, ChannelSettings
from semlink.core.frame import Frame, Gains, Propagation, Stream, StreamDraw, Symbols
from semlink.core.noise import noise_power, ratio_to_db
from semlink.core.phy.grid import ResourceGrid
from semlink.core.phy.loading import load_sionna
from semlink.core.transmission import Transmission

# number of symbols, how they lie in time and frequency, the medium, seed of the draw
Medium = Callable[[int, ResourceGrid | None, ChannelSettings, int], Gains]

MODELS: dict[ChannelModel, Medium] = {
    ChannelModel.AWGN: clear,
    ChannelModel.RAYLEIGH: rayleigh,
    ChannelModel.RICIAN: rician,
    ChannelModel.TDL_A: tapped,
    ChannelModel.TDL_B: tapped,
    ChannelModel.TDL_C: tapped,
    ChannelModel.TDL_D: tapped,
    ChannelModel.TDL_E: tapped,
    ChannelModel.CDL_A: clustered,
    ChannelModel.CDL_B: clustered,
    ChannelModel.CDL_C: clustered,
    ChannelModel.CDL_D: clustered,
    ChannelModel.CDL_E: clustered,
    ChannelModel.ERASURE: erasure,
    ChannelModel.BURST: burst,
}


def propagate(frame: Frame, settings: ChannelSettings, transmission: Transmission) -> Propagation:
    """Sends a frame through the medium.

    Gains and noise of a stream depend on the transmission's seed, the photo and the stream's
    name; not on the scheme, the other streams or other calls. The gains do not depend on the
    noise level, and the noise but for its scale on neither level nor medium. The level is that
    against the power as sent, before the gain. Pilots and empty resource elements are noisy too.
    What was erased is exactly zero, without noise.

    Raises:
        InvalidInput: the noise level is not defined for a stream, see `core.noise`; or the frame
            was not modulated for this medium.
    """
    load_sionna()
    crossed = [_cross(stream, frame.grid, settings, transmission) for stream in frame.streams]
    streams, draws, gains = zip(*crossed, strict=True) if crossed else ((), (), ())
    return Propagation(replace(frame, streams=streams), draws, gains)


def preload() -> None:
    """Imports Sionna, which takes seconds; `propagate` does so if it has to."""
    load_sionna()


def _cross(
    stream: Stream,
    grid: ResourceGrid | None,
    settings: ChannelSettings,
    transmission: Transmission,
) -> tuple[Stream, StreamDraw, Gains]:
    power = noise_power(settings.noise, settings.level, stream.power)
    seed = transmission.seed_for(f"{stream.name}/gains")
    gains = MODELS[settings.model](stream.symbols.size, grid, settings, seed)
    faded = _faded(stream.symbols, gains)
    symbols, measured = with_noise(faded, power, transmission.seed_for(stream.name))
    _erase(symbols, gains)
    draw = _draw(stream, power, measured, _mean_power(gains, symbols.size))
    return replace(stream, symbols=symbols), draw, gains


def _faded(symbols: Symbols, gains: Gains) -> Symbols:
    if gains.values.size == 1 and gains.values[0] == 1:
        return symbols
    faded: Symbols = symbols * gains.per_symbol(symbols.size)
    return faded


def _erase(symbols: Symbols, gains: Gains) -> None:
    erased = gains.values == 0
    if erased.any():
        held = min(gains.hold, symbols.size)
        symbols[np.repeat(erased, held)[: symbols.size]] = 0


def _mean_power(gains: Gains, symbols: int) -> float:
    """Mean of |gain|^2 over the symbols, of which the last few may share a gain of their own."""
    missing = gains.values.size * gains.hold - symbols
    energy = gains.hold * _energy(gains.values) - missing * _energy(gains.values[-1:])
    return energy / max(symbols, 1)


def _energy(values: Symbols) -> float:
    return float(np.square(values.view(np.float32)).sum())


def _draw(stream: Stream, power: float, measured: float, gain: float) -> StreamDraw:
    snr_db = _over_noise_db(stream.mean_power, measured)
    psnr_db = snr_db if stream.peak is None else _over_noise_db(stream.peak**2, measured / 2.0)
    return StreamDraw(
        name=stream.name,
        noise_power=power,
        measured_noise_power=measured,
        measured_snr_db=snr_db,
        measured_psnr_db=psnr_db,
        measured_gain_db=ratio_to_db(gain),
    )


def _over_noise_db(power: float, noise: float) -> float:
    return ratio_to_db(power / noise if noise else math.inf)
