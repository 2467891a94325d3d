from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from semlink.core.choices import Csi, Denoiser, Sampler
from semlink.core.codecs import label_coder
from semlink.core.errors import CorruptData, InvalidInput, NotFound, SemlinkError
from semlink.core.events import (
    Demodulated,
    Denoised,
    Event,
    Lost,
    Outcome,
    PayloadVerdict,
    Progress,
    Reconstructed,
)
from semlink.core.frame import Frame, Gains, Propagation, StreamDraw
from semlink.core.headers import MapHeader
from semlink.core.message import BitsPayload, Message, SamplesPayload
from semlink.core.phy.demodulation import demodulate
from semlink.core.phy.modulation import modulate
from semlink.core.phy.radio import Radio
from semlink.core.pictures import Size
from semlink.core.received import ReceivedSamples
from semlink.core.schemes import Scheme
from semlink.core.settings import ReceiverSettings
from semlink.core.transmission import Transmission
from semlink.receiver.denoising.fds import fds
from semlink.receiver.diffusion.guidance import guided
from semlink.receiver.diffusion.samplers import Denoise, ddim, run, spaced_timesteps
from semlink.receiver.engine import Engine
from semlink.receiver.networks import DiffusionNetwork
from semlink.receiver.painting import to_rgb
from semlink.receiver.receiver import Receiver
from semlink.receiver.schemes import DECODERS

NAME = "tiny-gesco"
FAST = ReceiverSettings(network=NAME, steps=3)
TRANSMISSION = Transmission("t", 0, "d" * 64)


@pytest.fixture(scope="module")
def receiver(tiny_gesco: Path) -> Receiver:
    return Receiver.load((str(tiny_gesco),), "cpu")


@pytest.fixture
def reconstruct(receiver: Receiver, arrived: Propagation) -> Callable[..., list[Event]]:
    def events(
        settings: ReceiverSettings = FAST, transmission: Transmission = TRANSMISSION
    ) -> list[Event]:
        return list(receiver.reconstruct(arrived, settings, transmission))

    return events


def painted(events: list[Event]) -> Reconstructed:
    assert isinstance(events[-1], Reconstructed)
    return events[-1]


class Spy(DiffusionNetwork):
    """A network that keeps the maps it is conditioned on and counts its calls."""

    maps: list[Tensor]
    calls: int

    def denoiser(
        self, class_map: Tensor, guidance: float, low_res: Tensor | None = None
    ) -> Denoise:
        self.__dict__.setdefault("maps", []).append(class_map)
        self.__dict__.setdefault("calls", 0)
        denoise = super().denoiser(class_map, guidance, low_res)

        def counted(x: Tensor, t: Tensor) -> Tensor:
            self.__dict__["calls"] += 1
            return denoise(x, t)

        return counted


@pytest.fixture
def spy(receiver: Receiver) -> Spy:
    network = receiver.networks[NAME]
    assert isinstance(network, DiffusionNetwork)
    return Spy(network.net, network.process, network.taxonomy)


def test_every_scheme_has_a_decoder() -> None:
    assert set(DECODERS) == set(Scheme)


@pytest.mark.parametrize("sampler", Sampler)
def test_events_come_in_order_and_size(
    reconstruct: Callable[..., list[Event]], sampler: Sampler
) -> None:
    events = reconstruct(FAST.model_copy(update={"sampler": sampler}))
    kinds = [Demodulated, Denoised, *[Progress] * 3, Reconstructed]
    assert [type(event) for event in events] == kinds
    steps = [(event.step, event.steps) for event in events if isinstance(event, Progress)]
    assert steps == [(1, 3), (2, 3), (3, 3)]
    assert painted(events).picture.shape == (70, 110, 3)
    assert painted(events).working_picture.shape == (64, 96, 3)


@pytest.mark.parametrize("sampler", Sampler)
def test_the_same_transmission_gives_the_same_picture(
    reconstruct: Callable[..., list[Event]], sampler: Sampler
) -> None:
    settings = FAST.model_copy(update={"sampler": sampler})
    first = painted(reconstruct(settings)).picture
    again = painted(reconstruct(settings, replace(TRANSMISSION, transmission_id="u"))).picture
    np.testing.assert_array_equal(first, again)


@pytest.mark.parametrize("change", [{"seed": 1}, {"photo_digest": "e" * 64}])
def test_another_seed_or_photo_gives_another_picture(
    reconstruct: Callable[..., list[Event]], change: dict[str, object]
) -> None:
    first = painted(reconstruct()).picture
    other = painted(reconstruct(FAST, replace(TRANSMISSION, **change))).picture  # type: ignore[arg-type]
    assert (first != other).mean() > 0.5


def test_the_picture_is_what_the_sampler_alone_paints(
    receiver: Receiver, reconstruct: Callable[..., list[Event]], arrived: Propagation
) -> None:
    network = receiver.networks[NAME]
    assert isinstance(network, DiffusionNetwork)
    generator = torch.Generator().manual_seed(TRANSMISSION.seed_for("diffusion"))
    noise = torch.randn(1, 3, 64, 96, generator=generator)
    class_map = torch.zeros(1, 12, 64, 96)
    (payload,) = demodulate(arrived, Csi.PERFECT).payloads
    assert isinstance(payload, ReceivedSamples)
    class_map[0, [0, 3, 7]] = fds(torch.from_numpy(payload.samples.copy()))
    denoise = guided(network.net, class_map, scale=3.0)
    picture = run(ddim(denoise, noise, spaced_timesteps(1000, 4), network.process))
    settings = ReceiverSettings(
        network=NAME, steps=4, guidance=3.0, sampler=Sampler.DDIM, denoiser=Denoiser.FDS
    )
    working_picture = painted(reconstruct(settings)).working_picture
    np.testing.assert_array_equal(working_picture, to_rgb(picture))


def test_previews_come_when_asked_for(reconstruct: Callable[..., list[Event]]) -> None:
    events = reconstruct(FAST.model_copy(update={"steps": 5, "preview_steps": 2}))
    previews = [event.preview for event in events if isinstance(event, Progress)]
    assert [preview is not None for preview in previews] == [False, True, False, True, False]
    assert all(preview.shape == (64, 96, 3) for preview in previews if preview is not None)
    assert not any(event.preview is not None for event in reconstruct()[2:-1])  # type: ignore[union-attr]


@pytest.mark.parametrize("denoiser", Denoiser)
def test_maps_name_present_classes_only(
    reconstruct: Callable[..., list[Event]], denoiser: Denoiser
) -> None:
    denoised = reconstruct(FAST.model_copy(update={"denoiser": denoiser}))[1]
    assert isinstance(denoised, Denoised)
    for labels in (denoised.received_map, denoised.denoised_map):
        assert labels.shape == (64, 96)
        assert set(np.unique(labels)) == {0, 3, 7}
    same = (denoised.received_map == denoised.denoised_map).all()
    assert same == (denoiser is Denoiser.NONE)


def test_absent_classes_condition_as_exact_zeros(spy: Spy, arrived: Propagation) -> None:
    list(Receiver({NAME: spy}).reconstruct(arrived, FAST, TRANSMISSION))
    (class_map,) = spy.maps
    alive = [label for label in range(12) if class_map[0, label].any()]
    assert class_map.shape == (1, 12, 64, 96)
    assert alive == [0, 3, 7]


def test_closing_stops_the_network(spy: Spy, arrived: Propagation) -> None:
    settings = FAST.model_copy(update={"steps": 100})
    events = Receiver({NAME: spy}).reconstruct(arrived, settings, TRANSMISSION)
    for event in events:
        if isinstance(event, Progress) and event.step == 3:
            break
    events.close()
    assert spy.calls <= 4
    assert list(events) == []


def test_seconds_add_up(reconstruct: Callable[..., list[Event]]) -> None:
    end = painted(reconstruct())
    assert 0.0 < end.network_s < end.sample_s
    assert end.finish_s > 0.0


def test_eight_at_once_are_bit_equal_to_each_alone(
    receiver: Receiver, reconstruct: Callable[..., list[Event]], arrived: Propagation
) -> None:
    sent = [Transmission("t", seed, "d" * 64) for seed in range(8)]

    async def one(engine: Engine, transmission: Transmission) -> list[Event]:
        async with aclosing(
            engine.run(receiver.reconstruct(arrived, FAST, transmission))
        ) as events:
            return [event async for event in events]

    async def main() -> list[list[Event]]:
        engine = Engine(8)
        return await asyncio.gather(*(one(engine, transmission) for transmission in sent))

    for transmission, together in zip(sent, asyncio.run(main()), strict=True):
        alone = painted(reconstruct(FAST, transmission)).picture
        np.testing.assert_array_equal(painted(together).picture, alone)


def test_warm_asks_every_network(spy: Spy) -> None:
    Receiver({NAME: spy}).warm()
    assert spy.calls == 1


# What the radio loses


LABELS = np.arange(64 * 96, dtype=np.uint8).reshape(64, 96) // 32 % 3 * 3


PRESENT = (0, 3, 6)


def digital(data: bytes = label_coder.encode(LABELS, PRESENT)) -> Propagation:
    """A GESCO frame whose map travels as bits, behind a channel that changes nothing."""
    header = MapHeader(Size(70, 110), Size(64, 96), "camvid", 12, PRESENT)
    payload = BitsPayload("map", data, "qpsk-1/2")
    return unharmed(modulate(Message(Scheme.GESCO, header.to_bytes(), (payload,)), Radio()))


def unharmed(frame: Frame) -> Propagation:
    draws = tuple(StreamDraw(s.name, 0.0, 0.0, np.inf, np.inf, 0.0) for s in frame.streams)
    gains = (Gains(np.ones(1, np.complex64), max(s.symbols.size, 1)) for s in frame.streams)
    return Propagation(frame, draws, tuple(gains))


def erased(propagation: Propagation, name: str) -> Propagation:
    """The same, with a stream of which nothing arrived."""
    streams = tuple(
        replace(stream, symbols=0 * stream.symbols) if stream.name == name else stream
        for stream in propagation.frame.streams
    )
    gains = tuple(
        Gains(0 * gain.values, gain.hold) if stream.name == name else gain
        for stream, gain in zip(streams, propagation.gains, strict=True)
    )
    return replace(propagation, frame=replace(propagation.frame, streams=streams), gains=gains)


def test_a_map_that_travels_as_bits_arrives_exactly(receiver: Receiver) -> None:
    events = list(receiver.reconstruct(digital(), FAST, TRANSMISSION))
    demodulated, denoised = events[:2]
    assert isinstance(demodulated, Demodulated)
    assert [payload.name for payload in demodulated.payloads] == ["header", "map"]
    assert demodulated.blocks_lost == 0
    assert isinstance(denoised, Denoised)
    np.testing.assert_array_equal(denoised.denoised_map, LABELS)
    assert painted(events).lost == ()


def test_a_lost_header_is_an_outage(receiver: Receiver) -> None:
    events = list(receiver.reconstruct(erased(digital(), "header"), FAST, TRANSMISSION))
    demodulated, end = events
    assert isinstance(demodulated, Demodulated)
    assert demodulated.payloads == (PayloadVerdict("header", 1, 1, True),)
    assert end == Lost(Outcome.OUTAGE, ("header",))


def test_a_lost_map_gives_no_picture(receiver: Receiver) -> None:
    events = list(receiver.reconstruct(erased(digital(), "map"), FAST, TRANSMISSION))
    assert events[1:] == [Lost(Outcome.LOST, ("map",))]


def test_a_map_with_an_error_that_no_crc_saw_is_lost(receiver: Receiver) -> None:
    events = list(receiver.reconstruct(digital(b"no map"), FAST, TRANSMISSION))
    assert events[1:] == [Lost(Outcome.LOST, ("map",))]


def test_samples_of_which_none_arrived_give_no_picture(
    receiver: Receiver, arrived: Propagation
) -> None:
    events = list(receiver.reconstruct(erased(arrived, "map"), FAST, TRANSMISSION))
    assert events[1:] == [Lost(Outcome.LOST, ("map",))]


# Frames and settings that cannot be used


def header_of(frame: Frame, **changes: object) -> Frame:
    assert frame.header is not None
    header = replace(MapHeader.from_bytes(frame.header), **changes)  # type: ignore[arg-type]
    return replace(frame, header=header.to_bytes())


def renamed(frame: Frame) -> Frame:
    return replace(frame, streams=(replace(frame.streams[0], name="picture"),))


def odd_size(frame: Frame) -> Frame:
    samples = np.ones((1, 60, 90), np.float32)
    header = MapHeader(Size(70, 110), Size(60, 90), "camvid", 12, (0,))
    payload = SamplesPayload("map", samples, peak=1.0)
    return modulate(Message(Scheme.GESCO, header.to_bytes(), (payload,)), Radio(free_header=True))


@pytest.mark.parametrize(
    ("spoil", "error", "said"),
    [
        (lambda frame: replace(frame, header=b"\x93"), CorruptData, "header"),
        (lambda frame: header_of(frame, present=(0, 3)), CorruptData, "announces"),
        (lambda frame: header_of(frame, working=Size(96, 64)), CorruptData, "announces"),
        (renamed, CorruptData, "map"),
        (lambda frame: header_of(frame, classes=19), InvalidInput, "12 classes"),
        (odd_size, InvalidInput, "multiples of 8"),
    ],
)
def test_inconsistent_frames_are_refused(
    receiver: Receiver,
    arrived: Propagation,
    spoil: Callable[[Frame], Frame],
    error: type[SemlinkError],
    said: str,
) -> None:
    frame = spoil(arrived.frame)
    spoilt = replace(arrived, frame=frame)
    with pytest.raises(error, match=said) as caught:
        list(receiver.reconstruct(spoilt, FAST, TRANSMISSION))
    assert caught.value.cure


def test_networks_that_are_not_served_are_not_found(
    receiver: Receiver, arrived: Propagation, tiny_gesco: Path
) -> None:
    with pytest.raises(NotFound, match="Use tiny-gesco"):
        list(receiver.reconstruct(arrived, ReceiverSettings(network="other"), TRANSMISSION))
    with pytest.raises(NotFound, match="no-such"):
        Receiver.load(("no-such",), "cpu")


def test_damaged_weights_are_refused(tiny_gesco: Path, tmp_path: Path) -> None:
    for file in ("config.json", "model.safetensors"):
        (tmp_path / file).write_bytes((tiny_gesco / file).read_bytes())
    (tmp_path / "model.safetensors").write_bytes(b"no weights at all")
    with pytest.raises(CorruptData):
        Receiver.load((str(tmp_path),), "cpu")
