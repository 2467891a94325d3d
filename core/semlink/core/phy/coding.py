"""Transport blocks: CRC, LDPC, rate matching, QAM and back."""

from __future__ import annotations

import numpy as np
from jaxtyping import Complex64, Float32

from semlink.core.phy.layouts import CodedLayout


def encode_blocks(data: bytes, layout: CodedLayout) -> Complex64[np.ndarray, "uses"]:
    """Data symbols of a payload, of unit mean power, block after block."""
    raise NotImplementedError


def decode_blocks(
    symbols: Complex64[np.ndarray, "uses"],
    noise_variance: Float32[np.ndarray, "uses"],
    layout: CodedLayout,
) -> tuple[bytes, tuple[bool, ...]]:
    """The payload, with the verdict of each block's CRC."""
    raise NotImplementedError
