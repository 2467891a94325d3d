"""Packets that never arrive: the gain of all their symbols is zero."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool

from semlink.core.channel_settings import ChannelSettings
from semlink.core.frame import Gains
from semlink.core.phy.grid import ResourceGrid

BATCH = 1024  # pairs of runs per draw

Packets = Bool[np.ndarray, "packets"]


def erasure(
    symbols: int, grid: ResourceGrid | None, settings: ChannelSettings, seed: int
) -> Gains:
    """Packets of `packet_uses` symbols, each lost with probability `erasure_rate`."""
    random = np.random.Generator(np.random.PCG64(seed))
    packets = Gains.count(symbols, settings.packet_uses)
    return _gains(random.random(packets) < settings.erasure_rate, settings)


def burst(symbols: int, grid: ResourceGrid | None, settings: ChannelSettings, seed: int) -> Gains:
    """Packets lost in runs of geometric length, `burst_packets` on average.

    A chain of two states in equilibrium: in one all packets arrive, in the other none does
    (Gilbert, Capacity of a burst-noise channel, 1960). A packet is lost with probability
    `erasure_rate`.
    """
    random = np.random.Generator(np.random.PCG64(seed))
    packets = Gains.count(symbols, settings.packet_uses)
    rate = settings.erasure_rate
    if rate in (0.0, 1.0):
        return _gains(np.full(packets, rate == 1.0), settings)
    return _gains(_chain(packets, rate, settings.burst_packets, random), settings)


def _chain(packets: int, rate: float, run: float, random: np.random.Generator) -> Packets:
    """Which packets are lost: runs of lost and of arrived ones, in turn."""
    lost_first = bool(random.random() < rate)
    recovers, fails = 1 / run, min(1.0, rate / (1 - rate) / run)
    leaves = (recovers, fails) if lost_first else (fails, recovers)
    ends = [np.zeros(1, np.int64)]
    while ends[-1][-1] < packets:
        runs = np.minimum(random.geometric(leaves, (BATCH, 2)), packets).reshape(-1)
        ends.append(np.minimum(ends[-1][-1] + np.cumsum(runs), packets))
    lengths = np.diff(np.concatenate(ends)).astype(np.int64)
    lost: Packets = (np.arange(lengths.size) % 2 == 0) == lost_first
    return np.repeat(lost, lengths)


def _gains(lost: Packets, settings: ChannelSettings) -> Gains:
    return Gains((~lost).astype(np.complex64), settings.packet_uses)
