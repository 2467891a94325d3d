"""Additive white Gaussian noise against its theory."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from semlink.channel.models import propagate
from semlink.channel.thermal import CHUNK, with_noise
from semlink.core.channel_settings import ChannelSettings
from semlink.core.frame import Frame, Propagation, Symbols
from semlink.core.message import Message, SamplesPayload
from semlink.core.noise import GESCO_TABLE, NoiseKind
from semlink.core.phy.modulation import modulate
from semlink.core.phy.radio import Radio
from semlink.core.schemes import Scheme
from semlink.core.transmission import Transmission

TRANSMISSION = Transmission("0f", seed=7, photo_digest="ab" * 32)
LARGE = 400_001  # samples, odd; 200,001 channel uses


def frame_of(*payloads: SamplesPayload) -> Frame:
    return modulate(Message(Scheme.GESCO, b"header", payloads), Radio(free_header=True))


@pytest.fixture(scope="module")
def large() -> Frame:
    samples = 2 * np.random.default_rng(1).random(LARGE, np.float32)
    return frame_of(SamplesPayload("map", samples, peak=2.0))


def noise(sent: Frame, arrived: Propagation, index: int = 0) -> Symbols:
    difference: Symbols = arrived.frame.streams[index].symbols - sent.streams[index].symbols
    return difference


def mean_power(symbols: Symbols) -> float:
    return float(np.mean(np.abs(symbols) ** 2, dtype=np.float64))


@pytest.mark.parametrize("level", [-5.0, 1.0, 10.0, 25.0, 40.0])
def test_measured_levels_are_those_asked_for(large: Frame, level: float) -> None:
    arrived = propagate(large, ChannelSettings(level=level), TRANSMISSION)
    assert arrived.draws[0].measured_psnr_db == pytest.approx(level, abs=0.1)
    snr = ChannelSettings(noise=NoiseKind.SNR_DB, level=level)
    arrived = propagate(large, snr, TRANSMISSION)
    assert arrived.draws[0].measured_snr_db == pytest.approx(level, abs=0.1)


def test_what_is_reported_is_what_happened(large: Frame) -> None:
    arrived = propagate(large, ChannelSettings(level=10.0), TRANSMISSION)
    draw = arrived.draws[0]
    power = mean_power(noise(large, arrived))
    signal = mean_power(large.streams[0].symbols)
    assert draw.measured_noise_power == pytest.approx(power, rel=1e-5)
    assert draw.measured_snr_db == pytest.approx(10 * math.log10(signal / power), abs=1e-4)
    assert draw.measured_psnr_db == pytest.approx(10 * math.log10(2.0**2 / (power / 2)), abs=1e-4)
    assert draw.measured_gain_db == 0.0


@pytest.mark.parametrize("level", GESCO_TABLE)
def test_the_published_table_is_met(large: Frame, level: float) -> None:
    settings = ChannelSettings(noise=NoiseKind.GESCO_TABLE_DB, level=level)
    arrived = propagate(large, settings, TRANSMISSION)
    sigma = GESCO_TABLE[level] * 2.0  # in units of the peak
    assert arrived.draws[0].noise_power == pytest.approx(2 * sigma**2, rel=1e-6)
    samples = noise(large, arrived).view(np.float32).astype(np.float64)
    assert samples.std() == pytest.approx(sigma, rel=0.01, abs=1e-12)


def test_noise_is_white_and_gaussian(large: Frame) -> None:
    arrived = propagate(large, ChannelSettings(level=10.0), TRANSMISSION)
    drawn = noise(large, arrived).astype(np.complex128)
    real, imaginary = drawn.real, drawn.imag
    count, variance = drawn.size, float(real.var())
    assert imaginary.var() == pytest.approx(variance, rel=0.02)
    assert abs(drawn.mean()) < 5 * math.sqrt(2 * variance / count)
    for one, other in ((real, imaginary), (real[1:], real[:-1]), (imaginary[1:], real[:-1])):
        correlation = float(np.corrcoef(one, other)[0, 1])
        assert abs(correlation) < 5 / math.sqrt(count)
    for part in (real, imaginary):
        normal = part / part.std()
        assert np.mean(normal**3) == pytest.approx(0, abs=5 * math.sqrt(6 / count))
        assert np.mean(normal**4) == pytest.approx(3, abs=5 * math.sqrt(24 / count))
        assert np.mean(np.abs(normal) > 3) == pytest.approx(0.0027, rel=0.3)  # the tails


def test_every_picture_keeps_its_level() -> None:
    """One that is 20 dB louder does not drown the others, as a common noise level would."""
    generator = np.random.default_rng(2)
    quiet = [generator.random(LARGE, np.float32) for _ in range(3)]
    sent = frame_of(
        *(
            SamplesPayload(f"p{index}", samples * np.float32(gain), gain)
            for index, (samples, gain) in enumerate(zip(quiet, (1.0, 10.0, 1.0), strict=True))
        )
    )
    for kind in (NoiseKind.PSNR_DB, NoiseKind.SNR_DB):
        arrived = propagate(sent, ChannelSettings(noise=kind, level=15.0), TRANSMISSION)
        for index, (stream, draw) in enumerate(zip(sent.streams, arrived.draws, strict=True)):
            power = mean_power(noise(sent, arrived, index))
            signal = stream.mean_power if kind is NoiseKind.SNR_DB else 2 * (stream.peak or 0) ** 2
            assert 10 * math.log10(signal / power) == pytest.approx(15.0, abs=0.1)
            measured = draw.measured_snr_db if kind is NoiseKind.SNR_DB else draw.measured_psnr_db
            assert measured == pytest.approx(15.0, abs=0.1)


def test_it_has_the_statistics_of_sionnas_block(large: Frame) -> None:
    import torch
    from sionna.phy.channel import AWGN

    symbols = large.streams[0].symbols
    theirs = AWGN(precision="single", device="cpu")(torch.from_numpy(symbols), 0.3).numpy()
    ours, measured = with_noise(symbols, 0.3, seed=1)
    assert mean_power(theirs - symbols) == pytest.approx(0.3, rel=0.02)
    assert mean_power(ours - symbols) == pytest.approx(0.3, rel=0.02)
    assert measured == pytest.approx(mean_power(ours - symbols), rel=1e-5)


@pytest.mark.parametrize("size", [0, 1, CHUNK - 1, CHUNK, CHUNK + 1])
def test_streams_of_any_length(size: int) -> None:
    symbols = np.ones(size, np.complex64)
    received, measured = with_noise(symbols, 1.0, seed=1)
    assert received.shape == symbols.shape
    assert (symbols == 1).all()
    assert np.unique(received).size == size
    assert (measured > 0) is (size > 0)


def test_weak_noise_is_measured() -> None:
    """Its squares are below what single precision can hold."""
    _, measured = with_noise(np.zeros(10_000, np.complex64), 1e-50, seed=1)
    assert measured == pytest.approx(1e-50, rel=0.05, abs=0)


def test_another_seed_is_another_draw(large: Frame) -> None:
    several = [
        propagate(large, ChannelSettings(), replace(TRANSMISSION, seed=seed)) for seed in range(3)
    ]
    drawn = [noise(large, arrived).view(np.float32).astype(np.float64) for arrived in several]
    for one, other in ((0, 1), (0, 2), (1, 2)):
        correlation = float(np.corrcoef(drawn[one], drawn[other])[0, 1])
        assert abs(correlation) < 5 / math.sqrt(2 * LARGE)
