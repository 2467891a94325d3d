"""Real samples to complex symbols and back."""

from __future__ import annotations

import numpy as np
from jaxtyping import Complex64, Float32

from semlink.core.phy.layouts import SamplesLayout

Symbols = Complex64[np.ndarray, "uses"]


def samples_to_symbols(samples: Float32[np.ndarray, "..."]) -> Symbols:
    """Two samples per complex symbol, in C order, amplitudes unchanged."""
    flat = np.ascontiguousarray(samples, dtype=np.float32).reshape(-1)
    return np.pad(flat, (0, flat.size % 2)).view(np.complex64)


def symbols_to_samples(symbols: Symbols, layout: SamplesLayout) -> Float32[np.ndarray, "..."]:
    """Inverse of `samples_to_symbols`."""
    flat = np.ascontiguousarray(symbols).view(np.float32)
    return flat[: layout.sample_count].reshape(layout.shape)


def variance_per_sample(
    variance_per_use: Float32[np.ndarray, "uses"], layout: SamplesLayout
) -> Float32[np.ndarray, "..."]:
    """Half of the noise power of its symbol for every sample."""
    flat = np.repeat(variance_per_use * np.float32(0.5), 2)
    return flat[: layout.sample_count].reshape(layout.shape)
