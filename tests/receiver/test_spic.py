"""SPIC's decoder: from the coarse picture on, and without it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from semlink.core.choices import Sampler, Start
from semlink.core.codecs import label_coder
from semlink.core.codecs.thumbnail import encode_thumbnail, thumbnail_size
from semlink.core.errors import CorruptData, InvalidInput
from semlink.core.events import Denoised, Event, Lost, Outcome, Progress, Reconstructed
from semlink.core.headers import CoarseMapHeader, MapHeader
from semlink.core.pictures import Rgb, Size
from semlink.core.received import Received, ReceivedBits
from semlink.core.schemes import Scheme
from semlink.core.settings import ReceiverSettings
from semlink.core.transmission import Transmission
from semlink.receiver.diffusion.guidance import guided
from semlink.receiver.diffusion.samplers import ddim, run, spaced_timesteps
from semlink.receiver.diffusion.unet import enlarged
from semlink.receiver.networks import DiffusionNetwork
from semlink.receiver.painting import published_timesteps, to_rgb
from semlink.receiver.receiver import Receiver
from semlink.receiver.schemes import DECODERS
from semlink.receiver.schemes.job import Job
from semlink.receiver.schemes.spic import to_picture

NAME = "tiny-spic"
WORKING = Size(64, 96)
HEADER = CoarseMapHeader(MapHeader(Size(70, 110), WORKING, "camvid", 12, (0, 3, 7)), 4)
FAST = ReceiverSettings(
    network=NAME, steps=3, start_timestep=200, guidance=1.5, sampler=Sampler.DDIM
)
TRANSMISSION = Transmission("t", 0, "d" * 64)

Decode = Callable[..., list[Event]]


@pytest.fixture(scope="module")
def receiver(tiny_spic: Path, tiny_gesco: Path) -> Receiver:
    return Receiver.load((str(tiny_spic), str(tiny_gesco)), "cpu")


@pytest.fixture(scope="module")
def labels() -> np.ndarray:
    labels = np.zeros(WORKING, np.uint8)
    labels[30:], labels[40:, 50:] = 3, 7
    return labels


@pytest.fixture(scope="module")
def thumbnail() -> Rgb:
    down, across = np.mgrid[:16, :24] * 9
    return np.stack([down, across, 200 - down], -1).astype(np.uint8)


def whole(name: str, data: bytes) -> ReceivedBits:
    return ReceivedBits(name, data, (True,), len(data))


@pytest.fixture
def payloads(labels: np.ndarray, thumbnail: Rgb) -> tuple[ReceivedBits, ReceivedBits]:
    label_map = label_coder.encode(labels, HEADER.map.present)
    coarse = encode_thumbnail(thumbnail, Scheme.JPEGXL, 99.0)
    return whole("map", label_map), whole("coarse", coarse)


@pytest.fixture
def decode(receiver: Receiver, payloads: tuple[ReceivedBits, ReceivedBits]) -> Decode:
    def events(
        settings: ReceiverSettings = FAST,
        transmission: Transmission = TRANSMISSION,
        header: CoarseMapHeader = HEADER,
        **changed: ReceivedBits | None,
    ) -> list[Event]:
        arrived = tuple(changed.get(one.name, one) for one in payloads)
        kept = tuple(one for one in arrived if one is not None)
        received = Received(Scheme.SPIC, header.to_bytes(), (), kept)
        job = Job(received, settings, transmission, receiver.network)
        return list(DECODERS[Scheme.SPIC](job))

    return events


def painted(events: list[Event]) -> Reconstructed:
    assert isinstance(events[-1], Reconstructed)
    return events[-1]


def lost(payload: ReceivedBits) -> ReceivedBits:
    return replace(payload, data=bytes(len(payload.data)), blocks_ok=(False,))


@pytest.mark.parametrize("sampler", Sampler)
@pytest.mark.parametrize("start", Start)
def test_events_come_in_order_and_size(
    decode: Decode, labels: np.ndarray, sampler: Sampler, start: Start
) -> None:
    events = decode(FAST.model_copy(update={"sampler": sampler, "start": start}))
    assert [type(event) for event in events] == [Denoised, *[Progress] * 3, Reconstructed]
    first = events[0]
    assert isinstance(first, Denoised)
    np.testing.assert_array_equal(first.received_map, labels)
    np.testing.assert_array_equal(first.denoised_map, labels)
    assert painted(events).picture.shape == (70, 110, 3)
    assert painted(events).working_picture.shape == (*WORKING, 3)
    assert painted(events).lost == ()


@pytest.mark.parametrize("settings", [FAST, FAST.model_copy(update={"sampler": Sampler.DDPM})])
def test_the_same_transmission_gives_the_same_picture(
    decode: Decode, settings: ReceiverSettings
) -> None:
    first, again = painted(decode(settings)), painted(decode(settings))
    np.testing.assert_array_equal(first.picture, again.picture)
    other = painted(decode(settings, replace(TRANSMISSION, seed=1)))
    assert (first.picture != other.picture).mean() > 0.1


@pytest.mark.parametrize("start", Start)
def test_the_picture_is_what_the_sampler_alone_paints(
    receiver: Receiver, decode: Decode, labels: np.ndarray, thumbnail: Rgb, start: Start
) -> None:
    """Published: the clean coarse picture is passed off as the noisy one."""
    network = receiver.networks[NAME]
    assert isinstance(network, DiffusionNetwork)
    class_map = (torch.arange(12)[:, None, None] == torch.from_numpy(labels)).float()[None]
    generator = torch.Generator().manual_seed(TRANSMISSION.seed_for("diffusion"))
    noise = torch.randn(1, 3, *WORKING, generator=generator)
    x = coarse = enlarged(to_picture(thumbnail), WORKING)
    timesteps = [133, 67, 0]
    if start is Start.NOISED:
        timesteps = [199, 132, 66]
        alpha_bar = float(network.process.schedule.alpha_bar[199])
        x = alpha_bar**0.5 * coarse + (1 - alpha_bar) ** 0.5 * noise
    denoise = guided(network.net, class_map, scale=1.5, low_res=coarse)
    picture = run(ddim(denoise, x, timesteps, network.process))
    events = decode(FAST.model_copy(update={"start": start}))
    given = painted(events).working_picture.astype(int)
    assert np.abs(given - to_rgb(picture)).mean() < 3  # the thumbnail is not quite lossless


def test_without_the_coarse_picture_the_map_alone_is_painted_from_noise(
    receiver: Receiver,
    decode: Decode,
    labels: np.ndarray,
    payloads: tuple[ReceivedBits, ReceivedBits],
) -> None:
    events = decode(coarse=lost(payloads[1]))
    assert painted(events).lost == ("coarse",)
    network = receiver.networks[NAME]
    assert isinstance(network, DiffusionNetwork)
    class_map = (torch.arange(12)[:, None, None] == torch.from_numpy(labels)).float()[None]
    generator = torch.Generator().manual_seed(TRANSMISSION.seed_for("diffusion"))
    noise = torch.randn(1, 3, *WORKING, generator=generator)
    grey = torch.zeros(1, 3, *WORKING)
    denoise = guided(network.net, class_map, scale=1.5, low_res=grey)
    picture = run(ddim(denoise, noise, spaced_timesteps(1000, 3), network.process))
    np.testing.assert_array_equal(painted(events).working_picture, to_rgb(picture))


@pytest.mark.parametrize("both", [False, True])
def test_without_the_map_there_is_no_picture(
    decode: Decode, payloads: tuple[ReceivedBits, ReceivedBits], both: bool
) -> None:
    changed = {"coarse": lost(payloads[1])} if both else {}
    events = decode(map=lost(payloads[0]), **changed)
    assert events == [Lost(Outcome.LOST, ("map", "coarse") if both else ("map",))]


def test_errors_that_the_crcs_missed_are_losses(decode: Decode) -> None:
    assert decode(map=whole("map", b"\x55" * 40)) == [Lost(Outcome.LOST, ("map",))]
    assert painted(decode(coarse=whole("coarse", b"\0" + b"\x55" * 40))).lost == ("coarse",)


@pytest.mark.parametrize("name", ["map", "coarse"])
def test_a_payload_that_was_not_sent_is_corrupt(decode: Decode, name: str) -> None:
    with pytest.raises(CorruptData, match=f"payload={name}"):
        decode(**{name: None})


def test_a_network_of_another_scheme_is_refused(decode: Decode) -> None:
    with pytest.raises(InvalidInput, match="network"):
        decode(FAST.model_copy(update={"network": "tiny-gesco"}))


def test_more_steps_than_timesteps_are_refused(decode: Decode) -> None:
    with pytest.raises(InvalidInput, match=r"steps=3: .*1 to 2"):
        decode(FAST.model_copy(update={"start_timestep": 2}))


def test_all_timesteps_start_from_noise_and_know_the_coarse_picture(
    decode: Decode, payloads: tuple[ReceivedBits, ReceivedBits]
) -> None:
    settings = FAST.model_copy(update={"start_timestep": 1000})
    known = painted(decode(settings)).picture
    unknown = painted(decode(settings, coarse=lost(payloads[1]))).picture
    assert (known != unknown).mean() > 0.1


def test_the_published_timesteps() -> None:
    """The 20 below 200 of 100 evenly spaced ones, as guided diffusion divides them."""
    divided = [round(value) for value in np.linspace(0, 999, 100)]
    assert published_timesteps(1000, 200, 20) == [t for t in divided if t < 200][::-1]
    assert published_timesteps(1000, 1000, 1000) == list(range(999, -1, -1))
    assert published_timesteps(1000, 1000, 1) == [0]


def test_a_thumbnail_of_another_factor_is_lost(decode: Decode) -> None:
    other = replace(HEADER, factor=3)
    assert thumbnail_size(WORKING, 3) != thumbnail_size(WORKING, 4)
    assert painted(decode(header=other)).lost == ("coarse",)


def test_both_kinds_of_networks_warm_up(receiver: Receiver) -> None:
    receiver.warm()
