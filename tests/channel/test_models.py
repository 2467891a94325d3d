"""Laws that every medium keeps."""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from semlink.channel.models import MODELS, propagate
from semlink.core.channel_settings import ChannelModel, ChannelSettings
from semlink.core.errors import InvalidInput
from semlink.core.frame import Frame, Gains, Propagation, Symbols
from semlink.core.message import BitsPayload, Message, Payload, SamplesPayload
from semlink.core.noise import NoiseKind, noise_power
from semlink.core.phy.modulation import modulate
from semlink.core.phy.radio import Radio
from semlink.core.schemes import Scheme
from semlink.core.transmission import Transmission

TRANSMISSION = Transmission("0f", seed=7, photo_digest="ab" * 32)
KINDS = ("samples", "bits")


def medium(model: ChannelModel, **fields: float) -> ChannelSettings:
    """Small blocks, so that a short stream has many; packets that are lost in every test."""
    small = {"subcarriers": 12, "coherence_uses": 16, "packet_uses": 5, "erasure_rate": 0.4}
    return ChannelSettings.model_validate({"model": model} | small | fields)


def samples(name: str, size: int, peak: float = 1.0) -> SamplesPayload:
    generator = np.random.default_rng(size)
    return SamplesPayload(name, generator.random(size, np.float32) * np.float32(peak), peak)


def frame_of(settings: ChannelSettings, *payloads: Payload) -> Frame:
    radio = Radio(grid=settings.grid(estimated=False), free_header=True)
    return modulate(Message(Scheme.GESCO, b"header", payloads), radio)


@cache
def frame(model: ChannelModel, kind: str) -> Frame:
    """Two streams of different length; on the grid several slots, the last partly empty."""
    if kind == "samples":
        return frame_of(medium(model), samples("map", 1001), samples("edges", 31, peak=3.0))
    return frame_of(medium(model), BitsPayload("map", bytes(range(100))), BitsPayload("x", b"!"))


def symbols(propagation: Propagation) -> list[bytes]:
    return [stream.symbols.tobytes() for stream in propagation.frame.streams]


def gains(propagation: Propagation) -> list[bytes]:
    return [gain.values.tobytes() for gain in propagation.gains]


def faded(sent: Frame, arrived: Propagation, index: int = 0) -> Symbols:
    """What would have been received without noise."""
    sent_symbols = sent.streams[index].symbols
    product: Symbols = sent_symbols * arrived.gains[index].per_symbol(sent_symbols.size)
    return product


def noise(sent: Frame, arrived: Propagation, index: int = 0) -> Symbols:
    """What was added, where anything arrived."""
    arrives = arrived.gains[index].per_symbol(sent.streams[index].symbols.size) != 0
    difference = arrived.frame.streams[index].symbols - faded(sent, arrived, index)
    found: Symbols = difference[arrives]
    return found


def test_every_medium_has_a_model() -> None:
    assert set(MODELS) == set(ChannelModel)


@pytest.fixture(params=ChannelModel)
def model(request: pytest.FixtureRequest) -> ChannelModel:
    found: ChannelModel = request.param
    return found


@pytest.mark.parametrize("kind", KINDS)
def test_only_the_symbols_change(model: ChannelModel, kind: str) -> None:
    sent = frame(model, kind)
    before = [stream.symbols.tobytes() for stream in sent.streams]
    arrived = propagate(sent, medium(model), TRANSMISSION)
    assert [stream.symbols.tobytes() for stream in sent.streams] == before
    assert [draw.name for draw in arrived.draws] == [stream.name for stream in sent.streams]
    for one, other in zip(arrived.frame.streams, sent.streams, strict=True):
        assert one.symbols.shape == other.symbols.shape
        assert one.symbols.dtype == np.complex64
        assert (one.symbols != other.symbols).any()
        assert replace(one, symbols=other.symbols) == other
    assert replace(arrived.frame, streams=sent.streams) == sent


@pytest.mark.parametrize("kind", KINDS)
def test_every_symbol_has_a_gain(model: ChannelModel, kind: str) -> None:
    arrived = propagate(frame(model, kind), medium(model), TRANSMISSION)
    for stream, draw, gain in zip(
        arrived.frame.streams, arrived.draws, arrived.gains, strict=True
    ):
        assert gain.values.dtype == np.complex64
        assert gain.values.size == Gains.count(stream.symbols.size, gain.hold)
        each = gain.per_symbol(stream.symbols.size)
        power = float(np.mean(np.abs(each) ** 2))
        measured = 10 ** (draw.measured_gain_db / 10)
        assert measured == pytest.approx(power, rel=1e-5)
        erased = each == 0
        assert not stream.symbols[erased].any()
        assert stream.symbols[~erased].all()


@pytest.mark.parametrize("kind", KINDS)
def test_without_noise_only_the_gain_is_left(model: ChannelModel, kind: str) -> None:
    sent = frame(model, kind)
    arrived = propagate(sent, medium(model, level=math.inf), TRANSMISSION)
    for index, stream in enumerate(arrived.frame.streams):
        np.testing.assert_array_equal(stream.symbols, faded(sent, arrived, index))
    for draw in arrived.draws:
        assert (draw.noise_power, draw.measured_noise_power) == (0.0, 0.0)
        assert (draw.measured_snr_db, draw.measured_psnr_db) == (math.inf, math.inf)


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_transmission_gets_the_same_draw(model: ChannelModel, kind: str) -> None:
    sent = frame(model, kind)
    one, other = (propagate(sent, medium(model), TRANSMISSION) for _ in range(2))
    assert symbols(one) == symbols(other)
    assert gains(one) == gains(other)
    assert one.draws == other.draws


@pytest.mark.parametrize(
    "transmission",
    [replace(TRANSMISSION, seed=8), replace(TRANSMISSION, photo_digest="cd" * 32)],
)
def test_another_transmission_gets_another_draw(
    model: ChannelModel, transmission: Transmission
) -> None:
    sent = frame(model, "samples")
    one = propagate(sent, medium(model), TRANSMISSION)
    other = propagate(sent, medium(model), transmission)
    assert symbols(one)[0] != symbols(other)[0]
    assert (gains(one)[0] == gains(other)[0]) is (model is ChannelModel.AWGN)


def test_names_and_company_do_not_change_a_draw(model: ChannelModel) -> None:
    """Neither the identifier, the scheme, the header nor the other streams."""
    sent = frame(model, "samples")
    stream = sent.streams[1]
    alone = Frame(Scheme.ANALOG, b"another", (stream,), sent.grid)
    renamed = replace(TRANSMISSION, transmission_id="another")
    together = propagate(sent, medium(model), TRANSMISSION)
    arrived = propagate(alone, medium(model), renamed)
    assert symbols(arrived)[0] == symbols(together)[1]
    assert gains(arrived)[0] == gains(together)[1]


def test_streams_of_one_frame_get_draws_of_their_own(model: ChannelModel) -> None:
    sent = frame(model, "samples")
    twice = replace(sent, streams=(sent.streams[0], replace(sent.streams[0], name="other")))
    arrived = propagate(twice, medium(model), TRANSMISSION)
    assert symbols(arrived)[0] != symbols(arrived)[1]
    assert (gains(arrived)[0] == gains(arrived)[1]) is (model is ChannelModel.AWGN)


def test_a_longer_stream_starts_with_the_draw_of_a_shorter_one(model: ChannelModel) -> None:
    """Schemes are compared on paired draws, whatever the sizes of their payloads."""
    settings = medium(model)
    short, long = (frame_of(settings, samples("map", size)) for size in (401, 40_000))
    one, other = (propagate(sent, settings, TRANSMISSION) for sent in (short, long))
    count = short.streams[0].symbols.size
    expected = one.gains[0].per_symbol(count)
    np.testing.assert_allclose(other.gains[0].per_symbol(count), expected, atol=1e-5)
    # The noise is compared where the streams are silent.
    silent = [
        replace(sent, streams=(replace(stream, symbols=np.zeros_like(stream.symbols)),))
        for sent in (short, long)
        for stream in sent.streams
    ]
    one, other = (propagate(sent, settings, TRANSMISSION) for sent in silent)
    drawn = one.frame.streams[0].symbols
    np.testing.assert_array_equal(drawn, other.frame.streams[0].symbols[:count])


@pytest.mark.parametrize("kind", KINDS)
def test_the_level_scales_the_noise_and_nothing_else(model: ChannelModel, kind: str) -> None:
    sent = frame(model, kind)
    levels = [-30.0, 1.0, 30.0]
    several = [propagate(sent, medium(model, level=level), TRANSMISSION) for level in levels]
    directions = [
        noise(sent, arrived) / math.sqrt(arrived.draws[0].noise_power) for arrived in several
    ]
    for arrived, direction in zip(several, directions, strict=True):
        assert gains(arrived) == gains(several[0])
        np.testing.assert_allclose(direction, directions[0], atol=1e-4)
    measured = [arrived.draws[0].measured_psnr_db for arrived in several]
    np.testing.assert_allclose(np.diff(measured), np.diff(levels), atol=1e-4)
    errors = [float(np.abs(noise(sent, arrived)).mean()) for arrived in several]
    assert errors == sorted(errors, reverse=True)


def test_all_media_have_the_noise_of_awgn(model: ChannelModel) -> None:
    settings = medium(model)
    sent = frame(model, "samples")
    plain = propagate(replace(sent, grid=None), medium(ChannelModel.AWGN), TRANSMISSION)
    arrived = propagate(sent, settings, TRANSMISSION)
    arrives = arrived.gains[0].per_symbol(sent.streams[0].symbols.size) != 0
    expected = noise(sent, plain)[arrives]
    np.testing.assert_allclose(noise(sent, arrived), expected, atol=1e-5)
    assert arrived.draws[0].measured_noise_power == plain.draws[0].measured_noise_power


LEVELS = [
    (NoiseKind.PSNR_DB, 10.0),
    (NoiseKind.SNR_DB, 10.0),
    (NoiseKind.EBNO_DB, 6.0),
    (NoiseKind.SIGMA, 0.3),
    (NoiseKind.GESCO_TABLE_DB, 10.0),
]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("unit", "level"), LEVELS)
def test_noise_has_the_power_of_its_definition(
    model: ChannelModel, kind: str, unit: NoiseKind, level: float
) -> None:
    sent = frame(model, kind)
    settings = medium(model).model_copy(update={"noise": unit, "level": level})
    if unit is NoiseKind.EBNO_DB and kind == "samples":
        with pytest.raises(InvalidInput, match="ebno_db=6"):
            propagate(sent, settings, TRANSMISSION)
        return
    arrived = propagate(sent, settings, TRANSMISSION)
    for stream, draw in zip(sent.streams, arrived.draws, strict=True):
        power = noise_power(unit, level, stream.power)
        assert draw.noise_power == power
        spread = 5 / math.sqrt(stream.symbols.size)  # of the mean of exponential variables
        assert draw.measured_noise_power == pytest.approx(power, rel=spread)
        snr_db = 10 * math.log10(stream.mean_power / draw.measured_noise_power)
        assert draw.measured_snr_db == pytest.approx(snr_db)
        if kind == "bits":
            assert draw.measured_psnr_db == draw.measured_snr_db


def test_calls_side_by_side_do_not_change_each_other(model: ChannelModel) -> None:
    """Sionna's own generator would be shared by the whole process."""
    sent = frame(model, "samples")
    transmissions = [replace(TRANSMISSION, seed=seed) for seed in range(4)]

    def draw(transmission: Transmission) -> list[bytes]:
        arrived = propagate(sent, medium(model), transmission)
        return symbols(arrived) + gains(arrived)

    alone = [draw(transmission) for transmission in transmissions]
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(draw, transmissions * 2)) == alone * 2


def test_sionnas_process_wide_state_is_neither_used_nor_moved(model: ChannelModel) -> None:
    import torch
    from sionna.phy import config

    sent = frame(model, "samples")
    expected = symbols(propagate(sent, medium(model), TRANSMISSION))
    before = config.seed
    for seed in (1, 2):
        config.seed = seed
        sionnas, torchs = config.torch_rng("cpu").get_state(), torch.get_rng_state()
        assert symbols(propagate(sent, medium(model), TRANSMISSION)) == expected
        assert torch.equal(config.torch_rng("cpu").get_state(), sionnas)
        assert torch.equal(torch.get_rng_state(), torchs)
    config.seed = before


def test_a_frame_without_streams(model: ChannelModel) -> None:
    sent = frame_of(medium(model))
    assert propagate(sent, medium(model), TRANSMISSION) == Propagation(sent, (), ())


def test_silence_has_no_snr(model: ChannelModel) -> None:
    silence = frame_of(medium(model), SamplesPayload("map", np.zeros(8, np.float32), 1.0))
    draw = propagate(silence, medium(model), TRANSMISSION).draws[0]
    assert draw.measured_snr_db == -math.inf
    assert math.isfinite(draw.measured_psnr_db)
