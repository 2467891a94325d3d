from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
import torch
from jaxtyping import Complex64, Float32, UInt8
from sionna.phy.fec.ldpc import LDPC5GDecoder, LDPC5GEncoder

from semlink.core.phy.coding import decode_blocks, encode_blocks
from semlink.core.phy.layouts import CodedLayout, coded_layout
from semlink.core.phy.ldpc import CodeSize, block_code
from semlink.core.phy.mcs import MCS
from semlink.core.phy.qam import demap, map_bits

Symbols = Complex64[np.ndarray, "uses"]
Variances = Float32[np.ndarray, "uses"]
Ratios = Float32[np.ndarray, "blocks bits"]

SINGLE: dict[str, Any] = {"precision": "single", "device": "cpu"}


def random_bytes(size: int, seed: int = 0) -> bytes:
    return np.random.default_rng(seed).bytes(size)


def constant(value: float, like: Symbols) -> Variances:
    return np.full(like.shape, value, np.float32)


def noisy(symbols: Symbols, snr_db: float, seed: int = 1) -> tuple[Symbols, Variances]:
    variance = 10 ** (-snr_db / 10)
    parts = np.random.default_rng(seed).standard_normal(2 * symbols.size).astype(np.float32)
    noise = parts.view(np.complex64) * np.float32(np.sqrt(variance / 2))
    return (symbols + noise).astype(np.complex64), constant(variance, symbols)


def bit_by_bit_crc(bits: UInt8[np.ndarray, "bits"], polynomial: int, degree: int) -> int:
    """Remainder of long division, TS 38.212, 5.1."""
    register = 0
    for bit in [*bits.tolist(), *[0] * degree]:
        register = register << 1 | bit
        if register >> degree:
            register ^= polynomial
    return register


def stock_decoder(layout: CodedLayout) -> Any:
    """Sionna's, with its defaults: 20 iterations."""
    encoder = LDPC5GEncoder(
        layout.info_bits, layout.coded_bits, layout.scheme.bits_per_symbol, **SINGLE
    )
    return LDPC5GDecoder(encoder, **SINGLE)


# Without noise


@pytest.mark.parametrize("mcs", MCS)
def test_nothing_is_lost_without_noise(mcs: str) -> None:
    for size in (1, 2, 61):
        data, layout = random_bytes(size), coded_layout(size, mcs)
        symbols = encode_blocks(data, layout)
        assert symbols.shape == (layout.channel_uses,)
        assert decode_blocks(symbols, constant(0, symbols), layout) == (data, (True,))


@pytest.mark.parametrize(
    ("size", "mcs", "blocks"),
    [
        (957, "qpsk-1/5", 3),
        (1053, "16qam-1/3", 1),
        (2107, "64qam-2/3", 3),
        (3001, "256qam-5/6", 3),
    ],
)
def test_nothing_is_lost_in_large_and_several_blocks(size: int, mcs: str, blocks: int) -> None:
    data, layout = random_bytes(size), coded_layout(size, mcs)
    assert layout.blocks == blocks
    symbols = encode_blocks(data, layout)
    assert decode_blocks(symbols, constant(0, symbols), layout) == (data, (True,) * blocks)


@pytest.mark.parametrize("factor", [1.5, 1.9, 9])
@pytest.mark.parametrize(("size", "mcs"), [(478, "16qam-1/2"), (11, "256qam-5/6")])
def test_nothing_is_lost_at_the_rate_of_a_grant(size: int, mcs: str, factor: float) -> None:
    data = random_bytes(size)
    granted = int(coded_layout(size, mcs).channel_uses * factor)
    layout = coded_layout(size, mcs, granted)
    symbols = encode_blocks(data, layout)
    assert decode_blocks(symbols, constant(0, symbols), layout) == (data, (True,))


def test_tiny_noise_gives_finite_ratios() -> None:
    data, layout = random_bytes(61), coded_layout(61, "256qam-5/6")
    symbols = encode_blocks(data, layout)
    for variance in (1e-30, 1e-45, 1e-9):
        assert decode_blocks(symbols, constant(variance, symbols), layout) == (data, (True,))


@pytest.mark.parametrize("mcs", ["qpsk-1/2", "16qam-3/4", "64qam-5/6", "256qam-5/6"])
@pytest.mark.parametrize("byte", [b"\0", b"\xff", b"U"])
def test_mean_power_is_one_even_of_constant_data(mcs: str, byte: bytes) -> None:
    symbols = encode_blocks(byte * 20_000, coded_layout(20_000, mcs))
    assert np.mean(np.abs(symbols) ** 2) == pytest.approx(1.0, abs=0.02)


# Against the standard


@pytest.mark.parametrize(
    ("size", "polynomial", "degree"), [(100, 0x11021, 16), (600, 0x1864CFB, 24)]
)
def test_a_block_carries_its_inverted_crc(size: int, polynomial: int, degree: int) -> None:
    data, layout = random_bytes(size), coded_layout(size, "qpsk-1/2")
    bits = np.unpackbits(np.frombuffer(data, np.uint8))
    coded = block_code(CodeSize.of(layout)).encode(bits[None])
    info = stock_decoder(layout)(20 * torch.from_numpy(2.0 * coded - 1).float())[0].numpy()
    np.testing.assert_array_equal(info[:-degree], bits)
    sent = int("".join(str(int(bit)) for bit in info[-degree:]), 2)
    assert sent == bit_by_bit_crc(bits, polynomial, degree) ^ (1 << degree) - 1


def amplitudes(b: UInt8[np.ndarray, "uses bits"]) -> Complex64[np.ndarray, "uses"]:
    """TS 38.211, 5.1.3 to 5.1.6, as they stand there."""
    s = 1.0 - 2.0 * b.T
    match len(s):
        case 2:
            x = s[0] + 1j * s[1]
            return np.asarray(x / np.sqrt(2), np.complex64)
        case 4:
            x = s[0] * (2 - s[2]) + 1j * s[1] * (2 - s[3])
            return np.asarray(x / np.sqrt(10), np.complex64)
        case 6:
            x = s[0] * (4 - s[2] * (2 - s[4])) + 1j * s[1] * (4 - s[3] * (2 - s[5]))
            return np.asarray(x / np.sqrt(42), np.complex64)
        case _:
            inner = (4 - s[4] * (2 - s[6])) * s[2] + 1j * (4 - s[5] * (2 - s[7])) * s[3]
            x = s[0] * (8 - inner.real) + 1j * s[1] * (8 - inner.imag)
            return np.asarray(x / np.sqrt(170), np.complex64)


def all_labels(bits_per_symbol: int) -> UInt8[np.ndarray, "points bits"]:
    points = np.arange(2**bits_per_symbol, dtype=np.uint8)[:, None]
    return np.unpackbits(points, axis=1)[:, -bits_per_symbol:]


@pytest.mark.parametrize("bits_per_symbol", [2, 4, 6, 8])
def test_mapping_is_that_of_the_standard(bits_per_symbol: int) -> None:
    labels = all_labels(bits_per_symbol)
    expected = amplitudes(labels)
    np.testing.assert_allclose(map_bits(labels.reshape(-1), bits_per_symbol), expected, atol=1e-6)
    assert np.mean(np.abs(expected) ** 2) == pytest.approx(1.0)


@pytest.mark.parametrize("bits_per_symbol", [2, 4, 6, 8])
def test_demapping_is_max_log_over_all_points(bits_per_symbol: int) -> None:
    rng = np.random.default_rng(bits_per_symbol)
    y = rng.standard_normal(200) + 1j * rng.standard_normal(200)
    variance = rng.uniform(0.01, 2, 200)
    labels = all_labels(bits_per_symbol)
    exponents = -(np.abs(y[:, None] - amplitudes(labels)) ** 2) / variance[:, None]
    best = [[np.max(exponents[:, row == bit], axis=1) for bit in (0, 1)] for row in labels.T]
    expected = np.stack([one - zero for zero, one in best], axis=1)
    ratios = demap(y.astype(np.complex64), variance.astype(np.float32), bits_per_symbol)
    np.testing.assert_allclose(ratios.reshape(200, -1), expected, rtol=1e-3, atol=1e-3)


def test_what_did_not_arrive_says_nothing() -> None:
    symbols = np.array([0, 1 + 1j, 3e38, 1 + 0.5j], np.complex64)
    variance = np.array([np.inf, np.inf, np.inf, 0], np.float32)
    ratios = demap(symbols, variance, 4)
    assert not ratios[:12].any()
    assert np.isfinite(ratios).all()
    assert ratios[12:].all()


# Verdicts


@pytest.mark.parametrize("size", [1, 20, 100, 478, 600])
@pytest.mark.parametrize("mcs", ["qpsk-1/5", "16qam-1/2", "64qam-5/6"])
def test_an_erased_block_is_not_taken_for_zeros(size: int, mcs: str) -> None:
    layout = coded_layout(size, mcs)
    symbols = np.zeros(layout.channel_uses, np.complex64)
    data, verdicts = decode_blocks(symbols, constant(np.inf, symbols), layout)
    assert (data, verdicts) == (bytes(size), (False,) * layout.blocks)


def test_a_block_of_which_little_arrived_fails_whatever_it_was() -> None:
    layout = coded_layout(100, "qpsk-1/2")
    for data in (bytes(100), b"\xff" * 100, random_bytes(100)):
        symbols = encode_blocks(data, layout)
        for arrived in (1, 10, 100, 300):
            variance = constant(np.inf, symbols)
            variance[:arrived] = 0.01
            assert decode_blocks(symbols, variance, layout) == (bytes(100), (False,))


def test_enough_of_a_block_suffices() -> None:
    data, layout = random_bytes(100), coded_layout(100, "qpsk-1/2")
    symbols = encode_blocks(data, layout)
    variance = constant(0.1, symbols)
    variance[::4] = np.inf
    assert decode_blocks(symbols, variance, layout) == (data, (True,))


def test_a_lost_block_is_zeros_and_the_others_are_kept() -> None:
    layout = coded_layout(2107, "64qam-2/3")
    data = random_bytes(layout.payload_bytes)
    symbols = encode_blocks(data, layout)
    variance = constant(0.0, symbols)
    variance[layout.block_uses : 2 * layout.block_uses] = np.inf
    received, verdicts = decode_blocks(symbols, variance, layout)
    lost = slice(layout.block_bytes, 2 * layout.block_bytes)
    expected = bytearray(data)
    expected[lost] = bytes(layout.block_bytes)
    assert (received, verdicts) == (bytes(expected), (True, False, True))


def waterfall(blocks: int, snr_db: float) -> tuple[CodedLayout, Ratios, UInt8[np.ndarray, "..."]]:
    """Ratios of many codewords of 16-QAM near the threshold, and the data."""
    layout = coded_layout(30, "16qam-1/2")
    data = np.random.default_rng(2).integers(0, 2, (blocks, 240), np.uint8)
    coded = block_code(CodeSize.of(layout)).encode(data)
    received, variance = noisy(map_bits(coded, 4).reshape(-1), snr_db)
    return layout, demap(received, variance, 4).reshape(coded.shape), data


def test_stopping_early_decides_as_all_iterations_do() -> None:
    layout, ratios, data = waterfall(300, 6.3)
    decided, holds = block_code(CodeSize.of(layout)).decode(ratios)
    stock = stock_decoder(layout)(torch.from_numpy(ratios)).numpy()[:, : -layout.crc_bits]
    assert 20 < np.sum(~holds) < 200
    np.testing.assert_array_equal(holds, (stock == data).all(axis=1))
    np.testing.assert_array_equal(decided[holds], data[holds])
    np.testing.assert_array_equal(decided[~holds], stock[~holds])


def test_fewer_blocks_fail_with_less_noise() -> None:
    failed = []
    for snr_db in (4.5, 6.0, 6.8, 8.5):
        layout, ratios, _ = waterfall(100, snr_db)
        failed.append(int(np.sum(~block_code(CodeSize.of(layout)).decode(ratios)[1])))
    assert failed == sorted(failed, reverse=True)
    assert failed[0] == 100
    assert failed[-1] == 0


def test_threads_and_repetition_change_nothing() -> None:
    block_code.cache_clear()  # so that all threads build the code at once
    layout = coded_layout(2107, "16qam-1/2")
    data = random_bytes(layout.payload_bytes)

    def crossing(_: int) -> tuple[bytes, bytes, tuple[bool, ...]]:
        symbols = encode_blocks(data, layout)
        return (symbols.tobytes(), *decode_blocks(*noisy(symbols, 6.6), layout))

    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(crossing, range(6)))
    assert results == [crossing(0)] * 6
