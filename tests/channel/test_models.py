from __future__ import annotations

import math
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest

from semlink.channel.models import MODELS, propagate
from semlink.core.errors import InvalidInput
from semlink.core.frame import Frame, Propagation, Symbols
from semlink.core.message import Message, SamplesPayload
from semlink.core.noise import GESCO_TABLE, NoiseKind
from semlink.core.phy import modulate
from semlink.core.schemes import Scheme
from semlink.core.channel_settings import ChannelModel, ChannelSettings
from semlink.core.transmission import Transmission

TRANSMISSION = Transmission("0f", seed=7, photo_digest="ab" * 32)
TEN_DB = ChannelSettings(level=10.0)
LARGE = 400_001  # samples, odd; 200,001 channel uses


def payload(name: str, size: int, peak: float = 1.0) -> SamplesPayload:
    generator = np.random.default_rng(size)
    return SamplesPayload(name, generator.random(size, np.float32) * np.float32(peak), peak)


def frame_of(*payloads: SamplesPayload) -> Frame:
    return modulate(Message(Scheme.GESCO, b"header", payloads))


def noise(sent: Frame, arrived: Propagation, index: int = 0) -> Symbols:
    difference: Symbols = arrived.frame.streams[index].symbols - sent.streams[index].symbols
    return difference


def symbols(propagation: Propagation) -> list[bytes]:
    return [stream.symbols.tobytes() for stream in propagation.frame.streams]


# Laws of every medium


def test_every_medium_has_a_model() -> None:
    assert set(MODELS) == set(ChannelModel)


@pytest.fixture(params=ChannelModel)
def settings(request: pytest.FixtureRequest) -> ChannelSettings:
    return ChannelSettings(model=request.param, level=10.0)


@pytest.mark.parametrize("sizes", [(1,), (2,), (31,), (5, 40, 3), ()])
def test_only_the_symbols_change(settings: ChannelSettings, sizes: Sequence[int]) -> None:
    sent = frame_of(*(payload(f"p{index}", size) for index, size in enumerate(sizes)))
    before = symbols(Propagation(sent, ()))
    arrived = propagate(sent, settings, TRANSMISSION)
    assert symbols(Propagation(sent, ())) == before  # the frame as sent is left alone
    assert [draw.name for draw in arrived.draws] == [stream.name for stream in sent.streams]
    for one, other in zip(arrived.frame.streams, sent.streams, strict=True):
        assert one.symbols.shape == other.symbols.shape
        assert one.symbols.dtype == np.complex64
        assert (one.symbols != other.symbols).all()
        assert replace(one, symbols=other.symbols) == other
    assert replace(arrived.frame, streams=sent.streams) == sent


def test_the_same_transmission_gets_the_same_draw(settings: ChannelSettings) -> None:
    sent = frame_of(payload("map", 1001))
    one, other = (propagate(sent, settings, TRANSMISSION) for _ in range(2))
    assert symbols(one) == symbols(other)
    assert one.draws == other.draws


@pytest.mark.parametrize(
    "transmission",
    [replace(TRANSMISSION, seed=8), replace(TRANSMISSION, photo_digest="cd" * 32)],
)
def test_another_transmission_gets_another_draw(
    settings: ChannelSettings, transmission: Transmission
) -> None:
    sent = frame_of(payload("map", 1001))
    one, other = propagate(sent, settings, TRANSMISSION), propagate(sent, settings, transmission)
    assert symbols(one) != symbols(other)


def test_the_identifier_only_names(settings: ChannelSettings) -> None:
    sent = frame_of(payload("map", 11))
    renamed = replace(TRANSMISSION, transmission_id="another")
    assert symbols(propagate(sent, settings, renamed)) == symbols(
        propagate(sent, settings, TRANSMISSION)
    )


def test_other_streams_do_not_change_a_draw(settings: ChannelSettings) -> None:
    one, two, three = payload("map", 101), payload("edges", 7), payload("colours", 33)
    alone = propagate(frame_of(one), settings, TRANSMISSION)
    for company in ((one, two), (two, one), (three, one, two)):
        sent = frame_of(*company)
        together = propagate(sent, settings, TRANSMISSION)
        assert symbols(together)[company.index(one)] == symbols(alone)[0]


def test_streams_of_one_frame_get_draws_of_their_own(settings: ChannelSettings) -> None:
    same = np.zeros(200, np.float32)
    sent = frame_of(SamplesPayload("a", same, 1.0), SamplesPayload("b", same, 1.0))
    arrived = propagate(sent, settings, TRANSMISSION)
    assert symbols(arrived)[0] != symbols(arrived)[1]


@pytest.mark.parametrize("kind", [NoiseKind.PSNR_DB, NoiseKind.SNR_DB])
def test_an_infinite_level_changes_nothing(settings: ChannelSettings, kind: NoiseKind) -> None:
    sent = frame_of(payload("map", 101))
    noiseless = settings.model_copy(update={"noise": kind, "level": math.inf})
    arrived = propagate(sent, noiseless, TRANSMISSION)
    assert symbols(arrived) == symbols(Propagation(sent, ()))
    draw = arrived.draws[0]
    assert (draw.noise_power, draw.measured_noise_power) == (0.0, 0.0)
    assert (draw.measured_snr_db, draw.measured_psnr_db) == (math.inf, math.inf)


def test_more_psnr_is_less_noise(settings: ChannelSettings) -> None:
    sent = frame_of(payload("map", 1001))
    levels = [-30.0, -10.0, 0.0, 1.0, 10.0, 20.0, 30.0, 60.0, 100.0]
    propagations = [
        propagate(sent, settings.model_copy(update={"level": level}), TRANSMISSION)
        for level in levels
    ]
    measured = [propagation.draws[0].measured_psnr_db for propagation in propagations]
    assert measured == sorted(measured)
    errors = [float(np.abs(noise(sent, propagation)).mean()) for propagation in propagations]
    assert errors == sorted(errors, reverse=True)


def test_calls_side_by_side_do_not_change_each_other(settings: ChannelSettings) -> None:
    """Sionna's own generator would be shared by the whole process."""
    sent = frame_of(payload("map", 3001), payload("edges", 501))
    transmissions = [replace(TRANSMISSION, seed=seed) for seed in range(60)]

    def draw(transmission: Transmission) -> list[bytes]:
        return symbols(propagate(sent, settings, transmission))

    alone = [draw(transmission) for transmission in transmissions]
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(draw, transmissions * 3))
    assert together == alone * 3


def test_sionnas_process_wide_state_is_neither_used_nor_moved(settings: ChannelSettings) -> None:
    import torch
    from sionna.phy import config

    sent = frame_of(payload("map", 101))
    expected = symbols(propagate(sent, settings, TRANSMISSION))
    for seed in (1, 2):
        config.seed = seed
        torch.manual_seed(seed)
        sionnas, torchs = config.torch_rng("cpu").get_state(), torch.get_rng_state()
        assert symbols(propagate(sent, settings, TRANSMISSION)) == expected
        assert torch.equal(config.torch_rng("cpu").get_state(), sionnas)
        assert torch.equal(torch.get_rng_state(), torchs)


# Statistics of AWGN


@pytest.fixture(scope="module")
def large() -> Frame:
    return frame_of(payload("map", LARGE, peak=2.0))


@pytest.mark.parametrize("level", [-5.0, 1.0, 10.0, 25.0, 40.0])
def test_measured_levels_are_those_asked_for(large: Frame, level: float) -> None:
    arrived = propagate(large, ChannelSettings(level=level), TRANSMISSION)
    assert arrived.draws[0].measured_psnr_db == pytest.approx(level, abs=0.1)
    snr = ChannelSettings(noise=NoiseKind.SNR_DB, level=level)
    arrived = propagate(large, snr, TRANSMISSION)
    assert arrived.draws[0].measured_snr_db == pytest.approx(level, abs=0.1)


def test_what_is_reported_is_what_happened(large: Frame) -> None:
    arrived = propagate(large, TEN_DB, TRANSMISSION)
    stream, draw = large.streams[0], arrived.draws[0]
    power = float(np.mean(np.abs(noise(large, arrived)) ** 2, dtype=np.float64))
    signal = float(np.mean(np.abs(stream.symbols) ** 2, dtype=np.float64))
    assert draw.measured_noise_power == pytest.approx(power, rel=1e-5)
    assert draw.measured_snr_db == pytest.approx(10 * math.log10(signal / power), abs=1e-4)
    assert draw.measured_psnr_db == pytest.approx(10 * math.log10(2.0**2 / (power / 2)), abs=1e-4)


@pytest.mark.parametrize("level", GESCO_TABLE)
def test_the_published_table_is_met(large: Frame, level: float) -> None:
    settings = ChannelSettings(noise=NoiseKind.GESCO_TABLE_DB, level=level)
    arrived = propagate(large, settings, TRANSMISSION)
    sigma = GESCO_TABLE[level] * 2.0  # in units of the peak
    assert arrived.draws[0].noise_power == pytest.approx(2 * sigma**2, rel=1e-6)
    samples = noise(large, arrived).view(np.float32).astype(np.float64)
    assert samples.std() == pytest.approx(sigma, rel=0.01, abs=1e-12)


def test_noise_is_white_and_gaussian(large: Frame) -> None:
    drawn = noise(large, propagate(large, TEN_DB, TRANSMISSION)).astype(np.complex128)
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


def test_it_agrees_with_sionna(large: Frame) -> None:
    """Same statistics as the stock block, and the same samples from the same generator."""
    import torch
    from sionna.phy import config
    from sionna.phy.channel import AWGN

    arrived = propagate(large, TEN_DB, TRANSMISSION)
    power = arrived.draws[0].noise_power
    config.torch_rng("cpu").manual_seed(TRANSMISSION.seed_for("map"))
    stock = AWGN(precision="single", device="cpu")
    theirs = stock(torch.from_numpy(large.streams[0].symbols), power).numpy()
    np.testing.assert_array_equal(arrived.frame.streams[0].symbols, theirs)
    fresh = stock(torch.zeros(200_000, dtype=torch.complex64), power).numpy()
    measured = float(np.mean(np.abs(fresh) ** 2))
    assert arrived.draws[0].measured_noise_power == pytest.approx(measured, rel=0.02)


def test_a_level_that_means_nothing_here_is_refused() -> None:
    ebno = ChannelSettings(noise=NoiseKind.EBNO_DB, level=3.0)
    with pytest.raises(InvalidInput, match="ebno_db=3"):
        propagate(frame_of(payload("map", 5)), ebno, TRANSMISSION)


def test_silence_has_no_snr() -> None:
    silence = frame_of(SamplesPayload("map", np.zeros(8, np.float32), 1.0))
    draw = propagate(silence, TEN_DB, TRANSMISSION).draws[0]
    assert draw.measured_snr_db == -math.inf
    assert math.isfinite(draw.measured_psnr_db)
