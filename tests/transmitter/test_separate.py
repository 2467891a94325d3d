from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from semlink.core.codecs.codec import PictureCodec
from semlink.core.codecs.table import CODECS
from semlink.core.errors import InvalidInput
from semlink.core.headers import PictureHeader
from semlink.core.message import BitsPayload, Message, SamplesPayload
from semlink.core.phy.modulation import modulate, sent_bytes
from semlink.core.phy.radio import Radio
from semlink.core.pictures import Rgb, Size, read_photo, resize, working_size
from semlink.core.schemes import SEPARATE, Scheme
from semlink.core.settings import MULTIPLE, TransmissionSettings, settings_from_fields
from semlink.lab.sending import DEMO_PHOTOS, demo_photo
from semlink.transmitter.schemes.analog import encode as encode_samples
from semlink.transmitter.schemes.rate_search import MOST_ENCODES, fit
from semlink.transmitter.schemes.separate import DEFAULT_CPP, encoder
from semlink.transmitter.schemes.source import Scene, Source

SIZE = 96
FAST = tuple(scheme for scheme in SEPARATE if scheme is not Scheme.AVIF)

Counted = Callable[[PictureCodec], tuple[PictureCodec, list[int]]]  # the sizes it made so far


@pytest.fixture(scope="module")
def photos() -> list[Rgb]:
    """Two natural photos of 160x240 and the like."""
    read = [read_photo(demo_photo(name).read_bytes()) for name in DEMO_PHOTOS]
    return [resize(photo, working_size(Size(*photo.shape[:2]), 160, 1)) for photo in read]


def source_of(photo: Rgb, **fields: object) -> Source:
    settings: TransmissionSettings = settings_from_fields({"size": SIZE} | fields)
    working = working_size(Size(*photo.shape[:2]), settings.size, MULTIPLE)

    def segment() -> Scene:
        raise AssertionError("nobody needs a map")

    return Source(photo, working, settings, Radio.of(settings, working), segment)


def encode(scheme: Scheme, source: Source) -> Message:
    return encode_samples(source) if scheme is Scheme.ANALOG else encoder(scheme)(source)


def only_bits(message: Message) -> BitsPayload:
    (payload,) = message.payloads
    assert isinstance(payload, BitsPayload)
    return payload


def only_samples(message: Message) -> SamplesPayload:
    (payload,) = message.payloads
    assert isinstance(payload, SamplesPayload)
    return payload


@pytest.mark.parametrize("bpp", [0.8, 1.6])
@pytest.mark.parametrize("scheme", SEPARATE)
def test_bits_per_pixel_are_met(scheme: Scheme, bpp: float, photos: list[Rgb]) -> None:
    for photo in photos:
        source = source_of(photo, bpp=bpp)
        message = encode(scheme, source)
        granted = source.radio.most_bytes
        assert granted is not None
        assert 0.97 * granted <= sent_bytes(message, source.radio) <= granted


@pytest.mark.parametrize("scheme", FAST)
def test_channel_uses_are_met(scheme: Scheme, photos: list[Rgb]) -> None:
    source = source_of(photos[0], cpp=0.5, channel="tdl-a", csi="estimated")
    frame = modulate(encode(scheme, source), source.radio)
    uses = sum(frame.channel_uses(stream) for stream in frame.streams)
    granted = source.radio.granted_uses
    assert granted is not None
    assert 0.97 * granted <= uses <= granted


def test_a_stronger_code_leaves_fewer_bytes(photos: list[Rgb]) -> None:
    sizes = [
        len(only_bits(encode(Scheme.JPEG2000, source_of(photos[0], cpp=0.4, mcs=mcs))).data)
        for mcs in ("qpsk-1/3", "16qam-1/2", "64qam-3/4")
    ]
    assert sizes[1] / sizes[0] == pytest.approx(3, rel=0.15)
    assert sizes[2] / sizes[1] == pytest.approx(2.25, rel=0.1)


def test_without_a_budget(photos: list[Rgb]) -> None:
    free = source_of(photos[0])
    granted = source_of(photos[0], cpp=DEFAULT_CPP)
    assert encode(Scheme.JPEG2000, free) == encode(Scheme.JPEG2000, granted)


def test_message(photos: list[Rgb]) -> None:
    source = source_of(photos[0], cpp=0.5)
    message = encode(Scheme.HEIC, source)
    payload = only_bits(message)
    assert message.scheme is Scheme.HEIC
    assert PictureHeader.from_bytes(message.header) == PictureHeader(
        source.size, source.working, source.working
    )
    assert payload.name == "picture"
    assert payload.container_bytes == CODECS[Scheme.HEIC].container_bytes(payload.data) > 0


@pytest.mark.parametrize("scheme", [s for s in SEPARATE if s is not Scheme.JPEG2000])
def test_less_than_the_format_can(scheme: Scheme, photos: list[Rgb]) -> None:
    with pytest.raises(InvalidInput, match=r"takes at least \d+ bytes"):
        encode(scheme, source_of(photos[0], bpp=0.05))


def test_more_than_the_format_can(photos: list[Rgb]) -> None:
    with pytest.raises(InvalidInput, match=r"WebP comes no closer than \d+ bytes"):
        encode(Scheme.WEBP, source_of(photos[0], bpp=20.0))
    source = source_of(photos[0], cpp=12.0)  # the channel code takes what is left
    assert len(only_bits(encode(Scheme.WEBP, source)).data) < source.working.pixels * 2


def test_the_header_alone_is_too_much(photos: list[Rgb]) -> None:
    for scheme in (Scheme.WEBP, Scheme.ANALOG):
        with pytest.raises(InvalidInput, match="header"):
            encode(scheme, source_of(photos[0], cpp=0.001))


@pytest.fixture
def counted() -> Counted:
    def count(codec: PictureCodec) -> tuple[PictureCodec, list[int]]:
        sizes: list[int] = []

        def encode(picture: Rgb, quality: float) -> bytes:
            data = codec.encode(picture, quality)
            sizes.append(len(data))
            return data

        return replace(codec, encode=encode, others=()), sizes

    return count


def test_the_search_is_short_and_remembered(counted: Counted, photos: list[Rgb]) -> None:
    codec, sizes = counted(CODECS[Scheme.WEBP])
    found = fit(codec, photos[0], 3000)
    assert len(sizes) <= MOST_ENCODES
    assert fit(codec, photos[0].copy(), 3000) is found
    first = len(sizes)
    fit(codec, photos[0], 2900)
    assert len(sizes) > first


def test_the_least_bytes_are_those_of_the_worst_quality(
    counted: Counted, photos: list[Rgb]
) -> None:
    codec, sizes = counted(CODECS[Scheme.WEBP])
    found = fit(codec, photos[0], 100)
    assert found.data is None
    assert found.least_bytes == sizes[-1] == len(codec.encode(photos[0], 0.0))


def test_of_what_fits_the_best_is_kept() -> None:
    """A codec whose bytes jump over the budget, and whose other way is better than its own."""
    picture = np.full((16, 16, 3), 100, np.uint8)

    def data(level: int, count: int) -> bytes:
        return bytes([level]) * count

    codec = PictureCodec(
        "toy",
        (0.0, 1.0),
        encode=lambda picture, quality: data(90, 940 if quality < 0.6 else 1100),
        decode=lambda data, size: np.full((*size, 3), data[0], np.uint8),
        others=(
            lambda picture, quality: data(95, 960),
            lambda picture, quality: data(99, 980),
        ),
    )
    assert fit(codec, picture, 1000).data == data(99, 980)


@pytest.mark.parametrize("cpp", [0.2, 0.5, 1.0, 1.4])
@pytest.mark.parametrize("fields", [{}, {"channel": "tdl-a", "subcarriers": 24}], ids=str)
def test_samples_fill_their_budget(
    cpp: float, fields: dict[str, object], photos: list[Rgb]
) -> None:
    source = source_of(photos[0], cpp=cpp, **fields)
    message = encode(Scheme.ANALOG, source)
    frame = modulate(message, source.radio)
    uses = sum(frame.channel_uses(stream) for stream in frame.streams)
    granted = source.radio.granted_uses
    assert granted is not None
    assert 0.97 * granted <= uses <= granted
    sent = PictureHeader.from_bytes(message.header).sent
    aspect = sent.width / sent.height
    assert aspect == pytest.approx(source.working.width / source.working.height, rel=0.05)
    assert only_samples(message).samples.shape == (3, *sent)


@pytest.mark.parametrize("cpp", [None, 2.0])
def test_samples_of_the_whole_picture(cpp: float | None, photos: list[Rgb]) -> None:
    source = source_of(photos[0], cpp=cpp)
    payload = only_samples(encode(Scheme.ANALOG, source))
    assert payload.samples.dtype == np.float32
    np.testing.assert_allclose(
        payload.samples.transpose(1, 2, 0) * 127.5 + 127.5, source.picture, atol=1e-4
    )
    assert payload.peak == 1.0


def test_samples_have_no_bits(photos: list[Rgb]) -> None:
    with pytest.raises(InvalidInput, match="samples have no bits"):
        encode(Scheme.ANALOG, source_of(photos[0], bpp=1.0))


@pytest.fixture(scope="module")
def kodak(data_root: Path) -> Path:
    if "SEMLINK_DATA" not in os.environ or not (data_root / "kodak").is_dir():
        pytest.skip("needs the Kodak pictures; point SEMLINK_DATA at the folder that holds kodak/")
    return data_root / "kodak"


@pytest.mark.parametrize("scheme", FAST)
def test_kodak(scheme: Scheme, kodak: Path) -> None:
    photo = np.asarray(Image.open(kodak / "15.png").convert("RGB"))
    for bpp in (0.5, 2.0):
        source = source_of(photo, bpp=bpp, size=192)
        message = encode(scheme, source)
        granted = source.radio.most_bytes
        assert granted is not None
        size = len(only_bits(message).data)
        most = granted - len(message.header) - source.radio.control_bytes([size])
        assert 0.97 * most <= size <= most
