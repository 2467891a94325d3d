"""The media that a frame can cross.

Sionna's blocks draw from one generator per process, so that two calls at a time would change each
other's noise. Here every stream has a generator of its own, on the CPU, seeded by what is sent.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from typing import Any, NamedTuple

import numpy as np

from semlink.core.frame import Frame, Propagation, Stream, StreamDraw, Symbols
from semlink.core.noise import noise_power, ratio_to_db
from semlink.core.channel_settings import ChannelModel, ChannelSettings
from semlink.core.transmission import Transmission


class Crossing(NamedTuple):
    """One stream behind the medium.

    Attributes:
        symbols: as received.
        noise: what was added to them.
    """

    symbols: Symbols
    noise: Symbols


# symbols as sent, noise power N0 per channel use, seed of the draw
Medium = Callable[[Symbols, float, int], Crossing]


def propagate(frame: Frame, settings: ChannelSettings, transmission: Transmission) -> Propagation:
    """Sends a frame through the medium.

    The draw of a stream depends on the transmission's seed, the photo and the stream's name, and
    on nothing else: not on the scheme, the other streams, the noise level or other calls.

    Raises:
        InvalidInput: the noise level is not defined for a stream, see `core.noise`.
    """
    crossed = [_cross(stream, settings, transmission) for stream in frame.streams]
    streams = tuple(stream for stream, _ in crossed)
    return Propagation(replace(frame, streams=streams), tuple(draw for _, draw in crossed))


def preload() -> None:
    """Imports Sionna, which takes seconds; calls that follow find it loaded."""
    _awgn_block()


def awgn(symbols: Symbols, power: float, seed: int) -> Crossing:
    """Additive white Gaussian noise, `power` / 2 per real dimension, drawn by Sionna."""
    block = _awgn_block()(seed)
    # Sionna adds to zero here, so that the noise is known exactly, not as a rounded difference.
    noise: Symbols = block(np.zeros_like(symbols), power).numpy()
    return Crossing(symbols + noise, noise)


MODELS: dict[ChannelModel, Medium] = {ChannelModel.AWGN: awgn}


def _cross(
    stream: Stream, settings: ChannelSettings, transmission: Transmission
) -> tuple[Stream, StreamDraw]:
    power = noise_power(settings.noise, settings.level, stream.power)
    seed = transmission.seed_for(stream.name)
    crossing = MODELS[settings.model](stream.symbols, power, seed)
    draw = _draw(stream, power, _mean_power(crossing.noise))
    return replace(stream, symbols=crossing.symbols), draw


def _draw(stream: Stream, power: float, measured: float) -> StreamDraw:
    return StreamDraw(
        name=stream.name,
        noise_power=power,
        measured_noise_power=measured,
        measured_snr_db=_over_noise_db(stream.mean_power, measured),
        measured_psnr_db=_over_noise_db(stream.peak**2, measured / 2.0),
    )


def _over_noise_db(power: float, noise: float) -> float:
    return ratio_to_db(power / noise if noise else np.inf)


def _mean_power(symbols: Symbols) -> float:
    parts = symbols.view(np.float32)
    return 2.0 * float(np.mean(np.square(parts, dtype=np.float64))) if parts.size else 0.0


@cache
def _awgn_block() -> Callable[[int], Any]:
    """Sionna's AWGN block with a generator of its own, as a class built from a seed."""
    import torch
    from sionna.phy.channel import AWGN

    class SeededAWGN(AWGN):  # type: ignore[misc]  # Sionna ships no types
        def __init__(self, seed: int):
            super().__init__(precision="single", device="cpu")
            self._generator = torch.Generator("cpu").manual_seed(seed)

        @property
        def torch_rng(self) -> torch.Generator:
            return self._generator

    return SeededAWGN
