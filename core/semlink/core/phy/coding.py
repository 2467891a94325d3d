"""Transport blocks: CRC, LDPC, rate matching, scrambling, QAM and back."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Complex64, Float32, UInt8

from semlink.core.phy.layouts import CodedLayout
from semlink.core.phy.ldpc import CodeSize, block_code
from semlink.core.phy.qam import demap, map_bits
from semlink.core.phy.scrambling import scrambling_sequence

DataBits = UInt8[np.ndarray, "blocks data_bits"]

BATCH_CODED_BITS = 1 << 17  # decoding takes about 150 bytes of memory for each


def encode_blocks(data: bytes, layout: CodedLayout) -> Complex64[np.ndarray, "uses"]:
    """Data symbols of a payload, block after block.

    Scrambling makes their mean power one, but for chance, whatever the data.

    Args:
        data: `layout.payload_bytes` bytes.
        layout: of the payload.
    """
    code = block_code(CodeSize.of(layout))
    blocks = _data_bits(data, layout)
    scrambling = _scrambling(layout)
    symbols = np.empty((layout.blocks, layout.block_uses), np.complex64)
    for batch in _batches(layout):
        coded = code.encode(blocks[batch]) ^ scrambling[batch]
        symbols[batch] = map_bits(coded, layout.scheme.bits_per_symbol)
    return symbols.reshape(-1)


def decode_blocks(
    symbols: Complex64[np.ndarray, "uses"],
    noise_variance: Float32[np.ndarray, "uses"],
    layout: CodedLayout,
) -> tuple[bytes, tuple[bool, ...]]:
    """The payload, with the verdict of each block's CRC.

    Args:
        symbols: as sent plus noise, equalised.
        noise_variance: complex, of each symbol; infinite for one that did not arrive.
        layout: of the payload.

    Returns:
        `layout.payload_bytes` bytes, zero in blocks that failed, and a verdict for each block.
    """
    bits, verdicts = decode_bits(symbols, noise_variance, layout)
    bits[~verdicts] = 0
    return np.packbits(bits).tobytes()[: layout.payload_bytes], tuple(verdicts.tolist())


def decode_bits(
    symbols: Complex64[np.ndarray, "uses"],
    noise_variance: Float32[np.ndarray, "uses"],
    layout: CodedLayout,
) -> tuple[DataBits, Bool[np.ndarray, "blocks"]]:
    """As `decode_blocks`, with the decoder's hard decisions where a block failed."""
    code = block_code(CodeSize.of(layout))
    blocks = symbols.reshape(layout.blocks, layout.block_uses)
    variances = noise_variance.reshape(blocks.shape)
    signs = 1 - 2 * _scrambling(layout).astype(np.float32)
    data = np.empty((layout.blocks, 8 * layout.block_bytes), np.uint8)
    verdicts = np.empty(layout.blocks, bool)
    for batch in _batches(layout):
        ratios = demap(blocks[batch], variances[batch], layout.scheme.bits_per_symbol)
        data[batch], verdicts[batch] = code.decode(ratios * signs[batch])
    return data, verdicts


def _data_bits(data: bytes, layout: CodedLayout) -> DataBits:
    padded = data.ljust(layout.blocks * layout.block_bytes, b"\0")
    return np.unpackbits(np.frombuffer(padded, np.uint8)).reshape(layout.blocks, -1)


def _scrambling(layout: CodedLayout) -> UInt8[np.ndarray, "blocks coded_bits"]:
    sequence = scrambling_sequence(layout.blocks * layout.coded_bits)
    return sequence.reshape(layout.blocks, layout.coded_bits)


def _batches(layout: CodedLayout) -> list[slice]:
    size = max(1, BATCH_CODED_BITS // layout.coded_bits)
    return [slice(start, start + size) for start in range(0, layout.blocks, size)]
