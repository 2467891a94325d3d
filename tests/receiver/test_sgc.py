"""SGC's decoder: from the noised colours on, and without them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import DDIMScheduler
from torch.nn import functional

from semlink.core.choices import Sampler
from semlink.core.codecs import label_coder
from semlink.core.codecs.colour_map import decode_colours, encode_colours
from semlink.core.errors import CorruptData, InvalidInput, NotFound
from semlink.core.events import Denoised, Event, Lost, Outcome, Progress, Reconstructed
from semlink.core.headers import ColouredMapHeader, MapHeader
from semlink.core.pictures import Rgb, Size
from semlink.core.received import Received, ReceivedBits
from semlink.core.schemes import Scheme
from semlink.core.settings import ReceiverSettings
from semlink.core.transmission import Transmission
from semlink.receiver.diffusion.samplers import ddim, dpm_solver, run, spaced_timesteps
from semlink.receiver.latent.network import LatentNetwork
from semlink.receiver.latent.scheduling import PREDICTIONS, process_of
from semlink.receiver.painting import to_rgb
from semlink.receiver.receiver import Receiver
from semlink.receiver.schemes import DECODERS
from semlink.receiver.schemes.job import Job
from semlink.receiver.schemes.sgc import enlarged_map
from semlink.receiver.schemes.spic import to_picture

NAME = "tiny-sgc"
WORKING = Size(64, 96)
HEADER = ColouredMapHeader(MapHeader(Size(70, 110), WORKING, "camvid", 12, (0, 3, 7)), 16, 8)
FAST = ReceiverSettings(
    network=NAME, steps=3, start_timestep=700, guidance=2.0, sampler=Sampler.DDIM
)
TRANSMISSION = Transmission("t", 0, "d" * 64)

Decode = Callable[..., list[Event]]


@pytest.fixture(scope="module")
def receiver(tiny_sgc: Path, tiny_gesco: Path) -> Receiver:
    return Receiver.load((str(tiny_sgc), str(tiny_gesco)), "cpu")


@pytest.fixture(scope="module")
def network(receiver: Receiver) -> LatentNetwork:
    network = receiver.networks[NAME]
    assert isinstance(network, LatentNetwork)
    return network


@pytest.fixture(scope="module")
def labels() -> np.ndarray:
    """As they travel."""
    labels = np.zeros((16, 24), np.uint8)
    labels[7:], labels[10:, 12:] = 3, 7
    return labels


@pytest.fixture(scope="module")
def colours() -> Rgb:
    down, across = np.mgrid[:8, :12] * 18
    picture = np.stack([down, across, 200 - down], -1).astype(np.uint8)
    return decode_colours(encode_colours(picture, 40), Size(8, 12))


def whole(name: str, data: bytes) -> ReceivedBits:
    return ReceivedBits(name, data, (True,), len(data))


@pytest.fixture
def payloads(labels: np.ndarray) -> tuple[ReceivedBits, ReceivedBits]:
    down, across = np.mgrid[:8, :12] * 18
    picture = np.stack([down, across, 200 - down], -1).astype(np.uint8)
    label_map = label_coder.encode(labels, HEADER.map.present)
    return whole("map", label_map), whole("colours", encode_colours(picture, 40))


@pytest.fixture
def decode(receiver: Receiver, payloads: tuple[ReceivedBits, ReceivedBits]) -> Decode:
    def events(
        settings: ReceiverSettings = FAST,
        transmission: Transmission = TRANSMISSION,
        header: ColouredMapHeader = HEADER,
        **changed: ReceivedBits | None,
    ) -> list[Event]:
        arrived = tuple(changed.get(one.name, one) for one in payloads)
        kept = tuple(one for one in arrived if one is not None)
        received = Received(Scheme.SGC, header.to_bytes(), (), kept)
        job = Job(received, settings, transmission, receiver.network)
        return list(DECODERS[Scheme.SGC](job))

    return events


def painted(events: list[Event]) -> Reconstructed:
    assert isinstance(events[-1], Reconstructed)
    return events[-1]


def lost(payload: ReceivedBits) -> ReceivedBits:
    return replace(payload, data=bytes(len(payload.data)), blocks_ok=(False,))


@pytest.mark.parametrize("sampler", Sampler)
def test_events_come_in_order_and_size(
    decode: Decode, labels: np.ndarray, sampler: Sampler
) -> None:
    events = decode(FAST.model_copy(update={"sampler": sampler, "preview_steps": 2}))
    assert [type(event) for event in events] == [Denoised, *[Progress] * 3, Reconstructed]
    first, *steps, last = events
    assert isinstance(first, Denoised)
    np.testing.assert_array_equal(first.received_map, labels.repeat(4, 0).repeat(4, 1))
    np.testing.assert_array_equal(first.denoised_map, first.received_map)
    shown = [step.preview for step in steps if isinstance(step, Progress)]
    assert [preview is not None for preview in shown] == [False, True, False]
    assert shown[1] is not None
    assert shown[1].shape == (*WORKING, 3)
    assert isinstance(last, Reconstructed)
    assert last.picture.shape == (70, 110, 3)
    assert last.working_picture.shape == (*WORKING, 3)
    assert last.lost == ()


@pytest.mark.parametrize("sampler", [Sampler.DDIM, Sampler.DDPM])
def test_the_same_transmission_gives_the_same_picture(decode: Decode, sampler: Sampler) -> None:
    settings = FAST.model_copy(update={"sampler": sampler})
    first, again = painted(decode(settings)), painted(decode(settings))
    np.testing.assert_array_equal(first.picture, again.picture)
    other = painted(decode(settings, replace(TRANSMISSION, seed=1)))
    assert (first.picture != other.picture).mean() > 0.1


def by_hand(
    network: LatentNetwork, labels: np.ndarray, colours: Rgb | None, guidance: float = 2.0
) -> Rgb:
    """The whole decoder in a few lines."""
    large = torch.from_numpy(labels.repeat(4, 0).repeat(4, 1)).long()
    class_map = functional.one_hot(large, 12).permute(2, 0, 1)[None].float()
    told = functional.avg_pool2d(class_map, 4)
    unet, autoencoder = network.models.unet, network.models.autoencoder

    def denoise(x: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
        informed = unet(torch.cat([x, told], 1), t).sample
        blind = unet(torch.cat([x, 0 * told], 1), t).sample
        answer: torch.Tensor = blind + guidance * (informed - blind)
        return answer

    generator = torch.Generator().manual_seed(TRANSMISSION.seed_for("diffusion"))
    x = torch.randn(1, 3, 16, 24, generator=generator)
    timesteps = spaced_timesteps(1000, 3)
    with torch.inference_mode():
        if colours is not None:
            picture = functional.interpolate(to_picture(colours), WORKING, mode="bilinear")
            timesteps = [699, 466, 232]
            alpha_bar = float(network.process.schedule.alpha_bar[699])
            latent = autoencoder.encode(picture).latents
            x = alpha_bar**0.5 * latent + (1 - alpha_bar) ** 0.5 * x
        x = run(ddim(denoise, x, timesteps, network.process))
        return to_rgb(autoencoder.decode(x).sample)


def differing(one: Rgb, other: Rgb) -> float:
    """Share of the levels that are not equal but for rounding."""
    return float((np.abs(one.astype(int) - other) > 1).mean())


def test_the_picture_is_what_the_parts_alone_paint(
    network: LatentNetwork, decode: Decode, labels: np.ndarray, colours: Rgb
) -> None:
    expected = by_hand(network, labels, colours)
    assert differing(painted(decode()).working_picture, expected) < 0.02
    assert differing(expected, by_hand(network, labels, None)) > 0.1
    assert differing(expected, by_hand(network, labels, colours, guidance=1.0)) > 0.1


def test_without_the_colours_the_map_alone_is_painted_from_noise(
    network: LatentNetwork,
    decode: Decode,
    labels: np.ndarray,
    payloads: tuple[ReceivedBits, ReceivedBits],
) -> None:
    events = decode(colours=lost(payloads[1]))
    assert painted(events).lost == ("colours",)
    assert differing(painted(events).working_picture, by_hand(network, labels, None)) < 0.02


def test_without_guidance_the_blind_pass_is_left_out(
    network: LatentNetwork, decode: Decode, labels: np.ndarray, colours: Rgb
) -> None:
    plain = painted(decode(FAST.model_copy(update={"guidance": 1.0})))
    expected = by_hand(network, labels, colours, guidance=1.0)
    assert differing(plain.working_picture, expected) < 0.02


@pytest.mark.parametrize("both", [False, True])
def test_without_the_map_there_is_no_picture(
    decode: Decode, payloads: tuple[ReceivedBits, ReceivedBits], both: bool
) -> None:
    changed = {"colours": lost(payloads[1])} if both else {}
    events = decode(map=lost(payloads[0]), **changed)
    assert events == [Lost(Outcome.LOST, ("map", "colours") if both else ("map",))]


def test_errors_that_the_crcs_missed_are_losses(decode: Decode) -> None:
    assert decode(map=whole("map", b"\x55" * 40)) == [Lost(Outcome.LOST, ("map",))]
    assert painted(decode(colours=whole("colours", b"\xff" * 40))).lost == ("colours",)


def test_colours_of_another_size_are_lost_or_others(decode: Decode) -> None:
    assert painted(decode(header=replace(HEADER, colour_side=64))).lost == ("colours",)


@pytest.mark.parametrize("name", ["map", "colours"])
def test_a_payload_that_was_not_sent_is_corrupt(decode: Decode, name: str) -> None:
    with pytest.raises(CorruptData, match=f"payload={name}"):
        decode(**{name: None})


def test_a_network_that_is_not_served_is_not_found(decode: Decode) -> None:
    with pytest.raises(NotFound, match=r"network=sgc-camvid: .*Use tiny-sgc"):
        decode(FAST.model_copy(update={"network": "sgc-camvid"}))


def test_a_network_of_another_scheme_is_refused(decode: Decode) -> None:
    with pytest.raises(InvalidInput, match="not made for scheme sgc"):
        decode(FAST.model_copy(update={"network": "tiny-gesco"}))


def test_more_steps_than_timesteps_are_refused(decode: Decode) -> None:
    with pytest.raises(InvalidInput, match=r"steps=3: .*1 to 2"):
        decode(FAST.model_copy(update={"start_timestep": 2}))


def test_every_pixel_gets_the_label_of_its_cell() -> None:
    small = np.arange(6, dtype=np.uint8).reshape(2, 3)
    assert enlarged_map(small, Size(3, 4)).tolist() == [[0, 0, 1, 2], [0, 0, 1, 2], [3, 3, 4, 5]]


def test_networks_warm_up(receiver: Receiver) -> None:
    receiver.warm()


@pytest.mark.parametrize("steps", [4, 10])
def test_our_ddim_agrees_with_diffusers_on_the_same_unet(
    network: LatentNetwork, steps: int
) -> None:
    theirs: Any = DDIMScheduler(  # type: ignore[no-untyped-call]
        **network.models.scheduler, timestep_spacing="trailing", set_alpha_to_one=True
    )
    theirs.set_timesteps(steps)
    assert theirs.timesteps.tolist() == spaced_timesteps(1000, steps)
    generator = torch.Generator().manual_seed(5)
    start = torch.randn(1, 3, 16, 24, generator=generator)
    told = torch.randn(1, 12, 16, 24, generator=generator)

    @torch.inference_mode()
    def denoise(x: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
        answer: torch.Tensor = network.models.unet(torch.cat([x, told], 1), t).sample
        return answer

    x = start
    for t in theirs.timesteps:
        x = theirs.step(denoise(x, t), t, x).prev_sample
    ours = run(ddim(denoise, start, spaced_timesteps(1000, steps), network.process))
    torch.testing.assert_close(ours, x, rtol=2e-3, atol=2e-3 * float(x.abs().max()))
    others = run(dpm_solver(denoise, start, spaced_timesteps(1000, steps), network.process))
    assert not torch.allclose(others, x, rtol=1e-2)


SCHEDULERS: dict[str, dict[str, object]] = {
    "diffusers' defaults": {},
    "latent diffusion": {
        "beta_schedule": "scaled_linear",
        "beta_start": 0.0015,
        "beta_end": 0.0205,
        "clip_sample": False,
    },
    "cosine, v": {"beta_schedule": "squaredcos_cap_v2", "prediction_type": "v_prediction"},
    "few, of their own": {"trained_betas": [0.1, 0.2, 0.5], "prediction_type": "sample"},
}


@pytest.mark.parametrize("name", SCHEDULERS)
def test_schedules_are_those_of_diffusers(name: str) -> None:
    config = SCHEDULERS[name]
    ours = process_of(config)
    theirs: Any = DDIMScheduler(**config)  # type: ignore[no-untyped-call]
    alpha_bar = theirs.alphas_cumprod.double()
    torch.testing.assert_close(ours.schedule.alpha_bar, alpha_bar, rtol=1e-4, atol=1e-7)
    assert ours.clip == theirs.config.clip_sample
    assert ours.prediction == PREDICTIONS[theirs.config.prediction_type]


@pytest.mark.parametrize(
    "config",
    [{"beta_schedule": "x"}, {"prediction_type": "x"}, {"rescale_betas_zero_snr": True}],
)
def test_unknown_schedules_are_refused(config: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="unknown"):
        process_of(config)
