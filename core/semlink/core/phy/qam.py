"""Coded bits to QAM symbols, and back to log-likelihood ratios (3GPP TS 38.211, 5.1)."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from jaxtyping import Complex64, Float32, UInt8

from semlink.core.phy.loading import load_sionna

LEAST_NOISE_VARIANCE = 1e-8  # below it a symbol counts as noise-free
MOST_AMPLITUDE = 1e6  # of a received symbol, so that its square is a number


def map_bits(
    bits: UInt8[np.ndarray, "*blocks bits"], bits_per_symbol: int
) -> Complex64[np.ndarray, "*blocks uses"]:
    """Gray-mapped symbols; all of them together have unit mean power.

    Args:
        bits: a multiple of `bits_per_symbol`.
        bits_per_symbol: 2, 4, 6 or 8.
    """
    import torch

    symbols: Complex64[np.ndarray, "*blocks uses"] = _mapper(bits_per_symbol)(
        torch.from_numpy(bits.astype(np.float32))
    ).numpy()
    return symbols


def demap(
    symbols: Complex64[np.ndarray, "*blocks uses"],
    noise_variance: Float32[np.ndarray, "*blocks uses"],
    bits_per_symbol: int,
) -> Float32[np.ndarray, "*blocks bits"]:
    """Max-log ratios log p(bit = 1) / p(bit = 0) of every bit; finite.

    Real and imaginary part of a Gray-mapped symbol carry alternate bits and are independent, so
    that demapping each of them as PAM gives what demapping the whole symbol would.

    Args:
        symbols: as sent plus noise.
        noise_variance: complex, of each symbol; infinite for one that did not arrive, whose
            ratios are zero.
        bits_per_symbol: 2, 4, 6 or 8.
    """
    import torch

    # PAM of unit power has the amplitudes of one real dimension of QAM times sqrt(2).
    parts = np.ascontiguousarray(symbols).view(np.float32).reshape(*symbols.shape, 2)
    parts = np.clip(parts, -MOST_AMPLITUDE, MOST_AMPLITUDE) * np.float32(np.sqrt(2))
    variance = 2 * np.maximum(noise_variance, np.float32(LEAST_NOISE_VARIANCE))
    variance = np.broadcast_to(variance[..., None], parts.shape)
    ratios = _demapper(bits_per_symbol // 2)(
        torch.from_numpy(parts)[..., None], torch.from_numpy(variance.copy())[..., None]
    )
    alternate = ratios.transpose(-1, -2).reshape(*symbols.shape[:-1], -1)
    return np.ascontiguousarray(alternate.numpy())


@cache
def _mapper(bits_per_symbol: int) -> Any:
    load_sionna()
    from sionna.phy.mapping import Mapper

    return Mapper("qam", bits_per_symbol, precision="single", device="cpu")


@cache
def _demapper(bits_per_sample: int) -> Any:
    load_sionna()
    from sionna.phy.mapping import Demapper

    return Demapper("maxlog", "pam", bits_per_sample, precision="single", device="cpu")
