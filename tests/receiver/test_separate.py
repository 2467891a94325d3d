from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from semlink.core.choices import Csi
from semlink.core.codecs.table import CODECS
from semlink.core.errors import CorruptData
from semlink.core.events import Event, Lost, Outcome, Reconstructed
from semlink.core.frame import Frame, Gains, Propagation, StreamDraw
from semlink.core.headers import PictureHeader
from semlink.core.message import BitsPayload, Message, SamplesPayload
from semlink.core.phy.demodulation import demodulate
from semlink.core.phy.modulation import modulate
from semlink.core.phy.radio import Radio
from semlink.core.pictures import Rgb, Size, read_photo, resize
from semlink.core.received import Received, ReceivedBits, ReceivedSamples
from semlink.core.schemes import SEPARATE, Scheme
from semlink.core.settings import ReceiverSettings
from semlink.core.transmission import Transmission
from semlink.lab.sending import demo_photo
from semlink.receiver.networks import DiffusionNetwork
from semlink.receiver.schemes.analog import decode as decode_samples
from semlink.receiver.schemes.job import Job
from semlink.receiver.schemes.separate import decode as decode_bits

PHOTO = Size(150, 230)
WORKING = Size(128, 192)
SENT = Size(64, 96)
TRANSMISSION = Transmission("t", 1, "digest")
NOISE_POWER = 0.01


@pytest.fixture(scope="module")
def picture() -> Rgb:
    """A photo at the working size."""
    return resize(read_photo(demo_photo("flower.jpg").read_bytes()), WORKING)


def decode(received: Received) -> list[Event]:
    def network(name: str) -> DiffusionNetwork:
        raise AssertionError("nobody needs a network")

    decoder = decode_samples if received.scheme is Scheme.ANALOG else decode_bits
    return list(decoder(Job(received, ReceiverSettings(), TRANSMISSION, network)))


def reconstructed(received: Received) -> Reconstructed:
    (event,) = decode(received)
    assert isinstance(event, Reconstructed)
    return event


def received_bits(
    scheme: Scheme, data: bytes, blocks_ok: tuple[bool, ...] = (True,), sent: Size = WORKING
) -> Received:
    """Blocks of equal size, those that failed being zero, as from the radio."""
    header = PictureHeader(PHOTO, WORKING, sent).to_bytes()
    block_bytes = -(-len(data) // len(blocks_ok))
    blocks = [data[i * block_bytes : (i + 1) * block_bytes] for i in range(len(blocks_ok))]
    arrived = b"".join(
        block if ok else bytes(len(block)) for block, ok in zip(blocks, blocks_ok, strict=True)
    )
    payload = ReceivedBits("picture", arrived, blocks_ok, block_bytes)
    return Received(scheme, header, (True,), (payload,))


def received_samples(samples: np.ndarray, variance: np.ndarray) -> Received:
    size = Size(*samples.shape[1:])
    header = PictureHeader(PHOTO, WORKING, size).to_bytes()
    payload = ReceivedSamples(
        "picture", np.where(np.isinf(variance), 0, samples).astype(np.float32), variance
    )
    return Received(Scheme.ANALOG, header, (True,), (payload,))


def samples_of(picture: Rgb) -> np.ndarray:
    return (picture.transpose(2, 0, 1) / 127.5 - 1).astype(np.float32)


def psnr_db(picture: Rgb, reference: Rgb) -> float:
    return float(10 * np.log10(255**2 / np.mean((picture.astype(float) - reference) ** 2)))


def encoded(scheme: Scheme, picture: Rgb) -> bytes:
    worst, best = CODECS[scheme].qualities
    return CODECS[scheme].encode(picture, worst + 0.7 * (best - worst))


@pytest.mark.parametrize("scheme", SEPARATE)
def test_a_whole_picture(scheme: Scheme, picture: Rgb) -> None:
    event = reconstructed(received_bits(scheme, encoded(scheme, picture), (True,) * 4))
    assert event.picture.shape == (*PHOTO, 3)
    assert psnr_db(event.working_picture, picture) > 28
    assert event.lost == ()
    assert event.network_s == 0.0


def test_a_picture_that_travelled_smaller(picture: Rgb) -> None:
    data = encoded(Scheme.WEBP, resize(picture, SENT))
    event = reconstructed(received_bits(Scheme.WEBP, data, sent=SENT))
    assert event.working_picture.shape == (*WORKING, 3)
    assert psnr_db(event.working_picture, picture) > 20


@pytest.mark.parametrize("scheme", SEPARATE)
@pytest.mark.parametrize("first", [0, 5], ids=["first block lost", "last block lost"])
def test_lost_blocks(scheme: Scheme, first: int, picture: Rgb) -> None:
    blocks_ok = tuple(i != first for i in range(6))
    (event,) = decode(received_bits(scheme, encoded(scheme, picture), blocks_ok))
    if scheme is Scheme.JPEG2000 and first:
        assert isinstance(event, Reconstructed)
        assert event.lost == ("picture",)
        assert 22 < psnr_db(event.working_picture, picture) < 48
    else:
        assert event == Lost(Outcome.LOST, ("picture",))


@pytest.mark.parametrize("scheme", SEPARATE)
def test_what_no_crc_noticed(scheme: Scheme) -> None:
    assert decode(received_bits(scheme, b"\xff" * 500)) == [Lost(Outcome.LOST, ("picture",))]


@pytest.mark.parametrize("scheme", [*SEPARATE, Scheme.ANALOG])
def test_a_payload_of_another_name(scheme: Scheme) -> None:
    header = PictureHeader(PHOTO, WORKING, WORKING).to_bytes()
    with pytest.raises(CorruptData, match="payload"):
        decode(Received(scheme, header, (True,), ()))


def test_samples_without_noise(picture: Rgb) -> None:
    samples = samples_of(picture)
    event = reconstructed(received_samples(samples, np.zeros_like(samples)))
    np.testing.assert_array_equal(event.working_picture, picture)
    assert event.picture.shape == (*PHOTO, 3)
    assert event.lost == ()


def test_noise_is_clipped_not_wrapped() -> None:
    samples = np.stack([np.full(WORKING, level, np.float32) for level in (-9, 0, 9)])
    event = reconstructed(received_samples(samples, np.ones_like(samples)))
    assert [int(event.working_picture[..., i].max()) for i in range(3)] == [0, 128, 255]


def test_the_error_of_the_picture_is_that_of_the_samples(picture: Rgb) -> None:
    inside = picture // 2 + 64  # noise of this level never leaves the range
    sigma = 0.05
    noise = sigma * np.random.default_rng(1).standard_normal((3, *WORKING))
    samples = (samples_of(inside) + noise).astype(np.float32)
    variance = np.full_like(samples, sigma**2)
    event = reconstructed(received_samples(samples, variance))
    # The range -1 .. 1 is 255 levels, so an error of sigma is one of 127.5 sigma.
    expected = 20 * np.log10(2 / sigma)
    assert psnr_db(event.working_picture, inside) == pytest.approx(expected, abs=0.1)


@pytest.mark.parametrize("lost_share", [0.01, 0.3, 0.9])
def test_erased_samples_are_interpolated(lost_share: float, picture: Rgb) -> None:
    samples = samples_of(picture)
    erased = np.random.default_rng(2).random(samples.shape) < lost_share
    variance = np.where(erased, np.inf, 0).astype(np.float32)
    event = reconstructed(received_samples(samples, variance))
    assert event.lost == ("picture",)
    kept = ~erased.transpose(1, 2, 0)
    np.testing.assert_array_equal(event.working_picture[kept], picture[kept])
    grey = np.where(kept, picture, 128).astype(np.uint8)
    assert psnr_db(event.working_picture, picture) > psnr_db(grey, picture) + 6


def test_a_constant_stays_constant_whatever_is_erased() -> None:
    samples = np.full((3, 65, 97), 0.5, np.float32)
    variance = np.zeros_like(samples)
    variance[:, 10:60, 3:] = np.inf
    event = reconstructed(received_samples(samples, variance))
    assert set(np.unique(event.working_picture)) == {191}


def test_a_colour_of_which_nothing_arrived(picture: Rgb) -> None:
    samples = samples_of(picture)
    variance = np.zeros_like(samples)
    variance[1] = np.inf
    working = reconstructed(received_samples(samples, variance)).working_picture
    between = (picture[..., 0].astype(float) + picture[..., 2]) / 2
    np.testing.assert_allclose(working[..., 1], between, atol=1)


def test_nothing_arrived() -> None:
    samples = np.zeros((3, *WORKING), np.float32)
    received = received_samples(samples, np.full_like(samples, np.inf))
    assert decode(received) == [Lost(Outcome.LOST, ("picture",))]


def test_samples_of_another_shape() -> None:
    received = received_samples(np.zeros((3, 8, 8), np.float32), np.zeros((3, 8, 8), np.float32))
    header = PictureHeader(PHOTO, WORKING, WORKING).to_bytes()
    with pytest.raises(CorruptData, match="shape"):
        decode(replace(received, header=header))


def propagated(frame: Frame, erased: slice) -> Propagation:
    """Noise of the stated power, and symbols of the last stream erased."""
    generator = np.random.default_rng(4)
    streams, draws, gains = [], [], []
    for stream in frame.streams:
        gain = np.ones(stream.symbols.size, np.complex64)
        if stream is frame.streams[-1]:
            gain[erased] = 0
        noise = generator.standard_normal((stream.symbols.size, 2)) @ (1, 1j)
        symbols = gain * (stream.symbols + noise * np.sqrt(NOISE_POWER / 2))
        streams.append(replace(stream, symbols=symbols.astype(np.complex64)))
        draws.append(StreamDraw(stream.name, NOISE_POWER, NOISE_POWER, 20.0, 20.0, 0.0))
        gains.append(Gains(gain, 1))
    return Propagation(replace(frame, streams=tuple(streams)), tuple(draws), tuple(gains))


def over_the_radio(message: Message, erased: slice = slice(0)) -> Received:
    return demodulate(propagated(modulate(message, Radio()), erased), Csi.PERFECT)


def bits_message(scheme: Scheme, picture: Rgb) -> Message:
    header = PictureHeader(PHOTO, WORKING, WORKING).to_bytes()
    return Message(scheme, header, (BitsPayload("picture", encoded(scheme, picture)),))


def test_over_the_coded_radio(picture: Rgb) -> None:
    message = bits_message(Scheme.WEBP, picture)
    event = reconstructed(over_the_radio(message))
    (payload,) = message.payloads
    assert isinstance(payload, BitsPayload)
    sent = CODECS[Scheme.WEBP].decode(payload.data, WORKING)
    np.testing.assert_array_equal(event.working_picture, sent)


def test_a_burst_in_the_end_of_a_layered_picture(picture: Rgb) -> None:
    received = over_the_radio(bits_message(Scheme.JPEG2000, picture), slice(-3000, None))
    event = reconstructed(received)
    assert event.lost == ("picture",)
    assert psnr_db(event.working_picture, picture) > 22


def test_samples_over_the_radio(picture: Rgb) -> None:
    header = PictureHeader(PHOTO, WORKING, WORKING).to_bytes()
    payload = SamplesPayload("picture", samples_of(picture), peak=1.0)
    received = over_the_radio(Message(Scheme.ANALOG, header, (payload,)), slice(0, 400))
    event = reconstructed(received)
    assert event.lost == ("picture",)
    assert psnr_db(event.working_picture, picture) > 26
