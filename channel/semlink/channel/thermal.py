"""Additive white Gaussian noise, drawn by Sionna."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from jaxtyping import Float32

from semlink.channel.generators import generator
from semlink.core.frame import Symbols

# Symbols per draw, which fit the cache. A longer stream starts with the noise of a shorter one.
CHUNK = 16384


def with_noise(symbols: Symbols, power: float, seed: int) -> tuple[Symbols, float]:
    """Adds noise of variance `power` / 2 per real dimension.

    Args:
        symbols: left alone.
        power: N0 per symbol, >= 0; only the noise's scale depends on it.
        seed: of the draw.

    Returns:
        What is received, and the mean of |noise|^2 as drawn.
    """
    own = generator(seed)
    received = np.empty_like(symbols)
    amplitude = np.float32(math.sqrt(power))
    energy = 0.0
    for start in range(0, symbols.size, CHUNK):
        sent = symbols[start : start + CHUNK]
        parts = _unit_noise(own)[: 2 * sent.size]
        energy += float(np.square(parts).sum())
        parts *= amplitude
        np.add(sent, parts.view(np.complex64), out=received[start : start + CHUNK])
    return received, power * energy / max(symbols.size, 1)


def _unit_noise(own: Any) -> Float32[np.ndarray, "parts"]:
    """Real and imaginary parts in turn; faster than Sionna's complex_normal, which joins two."""
    import torch
    from sionna.phy.utils import normal

    drawn: Float32[np.ndarray, "parts"] = normal(
        (2 * CHUNK,), std=math.sqrt(0.5), dtype=torch.float32, device="cpu", generator=own
    ).numpy()
    return drawn
