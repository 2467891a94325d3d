"""SPIC's encoder: what is sent, and what a budget makes of it."""

from __future__ import annotations

import numpy as np
import pytest

from semlink.core.codecs import label_coder
from semlink.core.codecs.table import CODECS
from semlink.core.codecs.thumbnail import (
    CANDIDATES,
    codec_of,
    decode_thumbnail,
    encode_thumbnail,
    thumbnail_size,
)
from semlink.core.errors import InvalidInput
from semlink.core.headers import CoarseMapHeader
from semlink.core.message import BitsPayload, Message
from semlink.core.phy.mcs import mcs_named
from semlink.core.phy.modulation import modulate, sent_bytes
from semlink.core.phy.radio import Radio
from semlink.core.pictures import LabelMap, Rgb, Size, resize
from semlink.core.schemes import Scheme
from semlink.core.settings import TransmissionSettings, settings_from_fields
from semlink.transmitter.schemes import ENCODERS
from semlink.transmitter.schemes.source import Scene, Source
from semlink.transmitter.schemes.spic import best_thumbnail

WORKING = Size(96, 128)


@pytest.fixture(scope="module")
def photo() -> Rgb:
    """Waves, 120x160."""
    down, across = np.mgrid[:120, :160] / 15
    waves = np.stack([np.sin(down), np.cos(across), np.sin(down * across / 4)], -1)
    return (128 + 90 * waves).astype(np.uint8)


@pytest.fixture(scope="module")
def labels() -> LabelMap:
    """Three classes."""
    labels = np.full(WORKING, 3, np.uint8)
    labels[40:], labels[60:, 70:] = 0, 9
    return labels


def encoded(photo: Rgb, labels: LabelMap, radio: Radio | None = None, **fields: object) -> Message:
    settings = settings_from_fields({"scheme": "spic", "size": 96} | fields)
    scene = Scene(labels, "camvid", 12)
    radio = radio or Radio.of(settings, WORKING)
    return ENCODERS[Scheme.SPIC](Source(photo, WORKING, settings, radio, lambda: scene))


def parts(message: Message) -> tuple[CoarseMapHeader, BitsPayload, BitsPayload]:
    label_map, coarse = message.payloads
    assert isinstance(label_map, BitsPayload)
    assert isinstance(coarse, BitsPayload)
    return CoarseMapHeader.from_bytes(message.header), label_map, coarse


@pytest.mark.parametrize("factor", [2, 3, 4, 16])
def test_the_map_is_exact_and_the_picture_coarse(
    photo: Rgb, labels: LabelMap, factor: int
) -> None:
    header, label_map, coarse = parts(encoded(photo, labels, coarse_factor=factor))
    assert (label_map.name, coarse.name) == ("map", "coarse")
    assert (header.factor, header.map.photo, header.map.working) == (factor, (120, 160), WORKING)
    assert (header.map.taxonomy, header.map.classes) == ("camvid", 12)
    assert header.map.present == (0, 3, 9)
    np.testing.assert_array_equal(
        label_coder.decode(label_map.data, WORKING, header.map.present), labels
    )
    size = thumbnail_size(WORKING, factor)
    error = decode_thumbnail(coarse.data, size) - resize(resize(photo, WORKING), size).astype(
        float
    )
    assert np.sqrt(np.mean(np.square(error))) < 20


def test_the_map_is_better_protected(photo: Rgb, labels: LabelMap) -> None:
    _, label_map, coarse = parts(encoded(photo, labels))
    assert mcs_named(label_map.mcs).efficiency < mcs_named(coarse.mcs).efficiency


def test_the_paper_sends_hevc(photo: Rgb, labels: LabelMap) -> None:
    *_, ours = parts(encoded(photo, labels))
    *_, published = parts(encoded(photo, labels, preset="paper"))
    assert codec_of(ours.data) is CODECS[Scheme.AVIF]
    assert codec_of(published.data) is CODECS[Scheme.HEIC]


@pytest.mark.parametrize("free_header", [False, True])
@pytest.mark.parametrize("most_bytes", [250, 320, 500])
def test_a_budget_of_bytes_is_kept_and_used(
    photo: Rgb, labels: LabelMap, most_bytes: int, free_header: bool
) -> None:
    radio = Radio(most_bytes=most_bytes, free_header=free_header)
    message = encoded(photo, labels, radio)
    assert 0.9 * most_bytes <= sent_bytes(message, radio) <= most_bytes
    modulate(message, radio)


@pytest.mark.parametrize("granted_uses", [2200, 3500])
@pytest.mark.parametrize("mcs", ["", "map=16qam-1/2,coarse=64qam-2/3"])
def test_a_grant_is_kept_and_filled(
    photo: Rgb, labels: LabelMap, granted_uses: int, mcs: str
) -> None:
    settings = TransmissionSettings(scheme=Scheme.SPIC, mcs=mcs)
    radio = Radio(asked=Radio.of(settings, WORKING).asked, granted_uses=granted_uses)
    frame = modulate(encoded(photo, labels, radio), radio)
    assert [stream.name for stream in frame.streams] == ["header", "map", "coarse"]
    used = sum(stream.symbols.size for stream in frame.streams)
    assert 0.97 * granted_uses <= used <= granted_uses


def test_more_budget_makes_a_better_thumbnail(photo: Rgb) -> None:
    thumbnail = resize(photo, Size(24, 32))
    errors = []
    for most_bytes in (60, 120, 400):
        data = best_thumbnail(thumbnail, most_bytes)
        assert len(data) <= most_bytes
        decoded = decode_thumbnail(data, Size(24, 32)).astype(float)
        errors.append(np.mean(np.square(decoded - thumbnail)))
    assert errors == sorted(errors, reverse=True)
    assert errors[0] > 2 * errors[-1]


def test_no_codec_does_better_in_as_many_bytes(photo: Rgb) -> None:
    thumbnail, size = resize(photo, Size(24, 32)), Size(24, 32)

    def error(data: bytes) -> float:
        return float(np.mean(np.square(decode_thumbnail(data, size).astype(float) - thumbnail)))

    best = error(best_thumbnail(thumbnail, 150))
    for scheme in CANDIDATES:
        worst, finest = CODECS[scheme].qualities
        for share in np.linspace(0, 1, 9):
            data = encode_thumbnail(thumbnail, scheme, worst + share * (finest - worst))
            assert len(data) > 150 or error(data) >= best


@pytest.mark.parametrize("budget", [{"most_bytes": 60}, {"granted_uses": 700}])
def test_a_budget_that_is_too_small_is_refused_with_the_least(
    photo: Rgb, labels: LabelMap, budget: dict[str, int]
) -> None:
    radio = Radio(pixels=WORKING.pixels, **budget)  # type: ignore[arg-type]
    with pytest.raises(
        InvalidInput, match=r"the message takes .*Grant at least (\S+)\."
    ) as caught:
        modulate(encoded(photo, labels, radio), radio)
    least = float(caught.value.cure.split()[-1].rstrip("."))
    field = "bpp" if "most_bytes" in budget else "cpp"
    enough = Radio.of(settings_from_fields({"scheme": "spic", field: least}), WORKING)
    modulate(encoded(photo, labels, enough), enough)
