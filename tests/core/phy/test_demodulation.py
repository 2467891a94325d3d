from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from semlink.core.choices import Csi
from semlink.core.errors import CorruptData, InvalidInput
from semlink.core.frame import Frame, Gains, Propagation, StreamDraw
from semlink.core.message import BitsPayload, Message, Payload, SamplesPayload
from semlink.core.phy.demodulation import demodulate
from semlink.core.phy.grid import ResourceGrid
from semlink.core.phy.layouts import CodedLayout, coded_layout
from semlink.core.phy.modulation import modulate
from semlink.core.phy.radio import Radio
from semlink.core.schemes import Scheme

OFDM = ResourceGrid(14, 24, 2, 30e3, delay_spread_s=100e-9, doppler_hz=10.0)
BLOCK = ResourceGrid(100, 1, 8)
GRIDS = [None, OFDM, BLOCK]
TOKENS = BitsPayload("tokens", bytes(range(200)), "qpsk-1/2")


def propagated(
    frame: Frame, noise_power: float = 0.0, gain: complex = 0.6 - 0.8j, seed: int = 0
) -> Propagation:
    """One gain for all, and white noise."""
    rng = np.random.default_rng(seed)
    streams, gains, draws = [], [], []
    for stream in frame.streams:
        size = stream.symbols.size
        noise = np.sqrt(noise_power / 2) * rng.standard_normal((2, size))
        symbols = gain * stream.symbols + noise[0] + 1j * noise[1]
        streams.append(replace(stream, symbols=symbols.astype(np.complex64)))
        gains.append(Gains(np.full(1, gain, np.complex64), size))
        draws.append(StreamDraw(stream.name, noise_power, noise_power, 0.0, 0.0, 0.0))
    return Propagation(replace(frame, streams=tuple(streams)), tuple(draws), tuple(gains))


def message(*payloads: Payload) -> Message:
    return Message(Scheme.GESCO, b"side information", payloads)


bits_payloads = st.builds(  # few sizes: every other one is a code to build
    BitsPayload,
    name=st.just(""),
    data=st.binary(min_size=40, max_size=40) | st.binary(min_size=1, max_size=1),
    mcs=st.sampled_from(["qpsk-1/2", "256qam-5/6"]),
)
samples_payloads = st.builds(
    lambda shape, seed: SamplesPayload(
        "", np.asarray(np.random.default_rng(seed).uniform(-3, 3, shape), np.float32), 3.0
    ),
    st.lists(st.integers(1, 6), max_size=4).map(tuple),
    st.integers(0, 99),
)
payload_lists = st.lists(bits_payloads | samples_payloads, max_size=3)


@settings(max_examples=20)
@given(payload_lists, st.sampled_from(GRIDS), st.booleans(), st.sampled_from(Csi))
def test_without_noise_the_message_comes_back(
    payloads: list[Payload], grid: ResourceGrid | None, free: bool, csi: Csi
) -> None:
    named = tuple(replace(payload, name=f"p{i}") for i, payload in enumerate(payloads))
    sent = message(*named)
    frame = modulate(sent, Radio(grid=grid, free_header=free))
    received = demodulate(propagated(frame), csi if grid else Csi.PERFECT)
    assert (received.scheme, received.header) == (sent.scheme, sent.header)
    assert received.header_blocks_ok == (() if free else (True,))
    for payload in named:
        if isinstance(payload, BitsPayload):
            arrived = received.bits(payload.name)
            assert arrived.intact
            assert arrived.data == payload.data
        else:
            samples = received.samples(payload.name)
            np.testing.assert_allclose(samples.samples, payload.samples, atol=2e-3)
            assert samples.samples.shape == samples.noise_variance.shape == payload.samples.shape
            assert samples.noise_variance.max() < 1e-6


@pytest.mark.parametrize(("grid", "csi"), [(None, Csi.PERFECT), (BLOCK, Csi.ESTIMATED)])
def test_samples_arrive_with_the_noise_that_is_stated(grid: ResourceGrid | None, csi: Csi) -> None:
    samples = np.random.default_rng(1).uniform(-3, 3, (200, 101)).astype(np.float32)
    frame = modulate(message(SamplesPayload("map", samples, 3.0)), Radio(grid=grid))
    received = demodulate(propagated(frame, 0.4), csi).samples("map")
    squares = (received.samples - samples) ** 2 / received.noise_variance
    assert squares.mean() == pytest.approx(1.0, rel=0.05)
    if csi is Csi.PERFECT:
        np.testing.assert_allclose(received.noise_variance, 0.4 / 2, rtol=1e-5)


@pytest.mark.parametrize("csi", Csi)
def test_noise_that_the_code_bears_costs_nothing(csi: Csi) -> None:
    frame = modulate(message(TOKENS), Radio(grid=OFDM))
    received = demodulate(propagated(frame, 0.3), csi)
    assert received.header == b"side information"
    assert received.bits("tokens").data == TOKENS.data


def test_a_lost_header_is_an_outage() -> None:
    frame = modulate(message(TOKENS), Radio())
    propagation = propagated(frame, 1e-3)
    header, tokens = propagation.frame.streams
    noise = np.random.default_rng(2).standard_normal((2, header.symbols.size))
    jammed = replace(header, symbols=(noise[0] + 1j * noise[1]).astype(np.complex64))
    frame = replace(propagation.frame, streams=(jammed, tokens))
    received = demodulate(replace(propagation, frame=frame), Csi.PERFECT)
    assert received.header is None
    assert received.header_blocks_ok == (False,)
    assert received.payloads == ()


def test_payloads_that_never_arrived_are_lost() -> None:
    samples = SamplesPayload("map", np.ones((3, 5), np.float32), 1.0)
    frame = modulate(message(TOKENS, samples), Radio(free_header=True))
    received = demodulate(propagated(frame, gain=0.0), Csi.PERFECT)
    assert received.bits("tokens").blocks_ok == (False,)
    assert received.bits("tokens").data == bytes(200)
    assert received.samples("map").lost
    assert not received.samples("map").samples.any()


@pytest.mark.parametrize(
    "layout", [coded_layout(200, "qpsk-2/3"), coded_layout(199, "qpsk-1/2")], ids=["mcs", "length"]
)
def test_control_information_of_another_frame_is_found_out(layout: CodedLayout) -> None:
    frame = modulate(message(TOKENS), Radio())
    header, tokens = frame.streams
    symbols = np.resize(tokens.symbols, layout.channel_uses)
    doctored = replace(tokens, layout=layout, symbols=symbols)
    with pytest.raises(CorruptData, match="the header describes other payloads"):
        demodulate(propagated(replace(frame, streams=(header, doctored))), Csi.PERFECT)


def test_another_number_of_payloads_is_found_out() -> None:
    frame = modulate(message(TOKENS), Radio())
    header, tokens = frame.streams
    twice = replace(frame, streams=(header, tokens, tokens))
    with pytest.raises(CorruptData, match="the header describes other payloads"):
        demodulate(propagated(twice), Csi.PERFECT)


@pytest.mark.parametrize("streams", [0, 1])
def test_a_frame_without_a_header_is_corrupt(streams: int) -> None:
    frame = modulate(message(TOKENS), Radio(free_header=True))
    frame = replace(frame, header=None, streams=frame.streams[:streams])
    with pytest.raises(CorruptData, match="first stream is not its header"):
        demodulate(propagated(frame), Csi.PERFECT)


def test_gains_that_are_not_granted_need_pilots() -> None:
    with pytest.raises(InvalidInput, match="csi=estimated"):
        demodulate(propagated(modulate(message(TOKENS), Radio())), Csi.ESTIMATED)


def test_a_missing_payload_is_said_to_be_missing() -> None:
    received = demodulate(propagated(modulate(message(TOKENS), Radio())), Csi.PERFECT)
    with pytest.raises(CorruptData, match="payload=map"):
        received.samples("map")
