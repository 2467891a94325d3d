"""SGC's encoder: what is sent, and what a budget makes of it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from semlink.core.codecs import label_coder
from semlink.core.codecs.colour_map import decode_colours
from semlink.core.errors import InvalidInput
from semlink.core.headers import ColouredMapHeader
from semlink.core.message import BitsPayload, Message
from semlink.core.phy.mcs import mcs_named
from semlink.core.phy.modulation import modulate, sent_bytes
from semlink.core.phy.radio import Radio
from semlink.core.pictures import LabelMap, Rgb, Size, resize
from semlink.core.schemes import Scheme
from semlink.core.settings import TransmissionSettings, settings_from_fields
from semlink.transmitter.schemes import ENCODERS
from semlink.transmitter.schemes.sgc import most_frequent
from semlink.transmitter.schemes.source import Scene, Source

WORKING = Size(96, 128)


@pytest.fixture(scope="module")
def photo() -> Rgb:
    """Waves, 120x160."""
    down, across = np.mgrid[:120, :160] / 15
    waves = np.stack([np.sin(down), np.cos(across), np.sin(down * across / 4)], -1)
    return (128 + 90 * waves).astype(np.uint8)


@pytest.fixture(scope="module")
def labels() -> LabelMap:
    """Two classes, and one that no cell of a small map has in its majority."""
    labels = np.full(WORKING, 3, np.uint8)
    labels[40:] = 0
    labels[10, 70] = 9
    return labels


def encoded(photo: Rgb, labels: LabelMap, radio: Radio | None = None, **fields: object) -> Message:
    settings = settings_from_fields({"scheme": "sgc", "size": 96} | fields)
    scene = Scene(labels, "camvid", 12)
    radio = radio or Radio.of(settings, WORKING)
    return ENCODERS[Scheme.SGC](Source(photo, WORKING, settings, radio, lambda: scene))


def parts(message: Message) -> tuple[ColouredMapHeader, BitsPayload, BitsPayload]:
    label_map, colours = message.payloads
    assert isinstance(label_map, BitsPayload)
    assert isinstance(colours, BitsPayload)
    return ColouredMapHeader.from_bytes(message.header), label_map, colours


@pytest.mark.parametrize(
    ("map_side", "colour_side", "map_size", "colour_size"),
    [(32, 16, Size(32, 43), Size(16, 21)), (128, 4, WORKING, Size(4, 5))],
)
def test_both_maps_are_small(
    photo: Rgb,
    labels: LabelMap,
    map_side: int,
    colour_side: int,
    map_size: Size,
    colour_size: Size,
) -> None:
    message = encoded(photo, labels, map_side=map_side, colour_side=colour_side)
    header, label_map, colours = parts(message)
    assert (label_map.name, colours.name) == ("map", "colours")
    assert (header.map.photo, header.map.working) == (Size(120, 160), WORKING)
    assert (header.sent_map.working, header.colour_size) == (map_size, colour_size)
    small = most_frequent(labels, map_size)
    assert header.map.present == tuple(np.unique(small))
    decoded = label_coder.decode(label_map.data, map_size, header.map.present)
    np.testing.assert_array_equal(decoded, small)
    error = decode_colours(colours.data, colour_size) - resize(
        resize(photo, WORKING), colour_size
    ).astype(float)
    luma_error = error @ [0.25, 0.5, 0.25]  # of chroma, half the frequencies do not travel
    assert np.sqrt(np.mean(np.square(luma_error))) < 25


def test_specks_do_not_travel_and_are_not_said_to_be_present(photo: Rgb, labels: LabelMap) -> None:
    header, *_ = parts(encoded(photo, labels))
    assert header.map.present == (0, 3)


def test_the_map_is_better_protected(photo: Rgb, labels: LabelMap) -> None:
    _, label_map, colours = parts(encoded(photo, labels))
    assert mcs_named(label_map.mcs).efficiency < mcs_named(colours.mcs).efficiency


@pytest.mark.parametrize("free_header", [False, True])
@pytest.mark.parametrize("most_bytes", [110, 200])
def test_a_budget_of_bytes_is_kept_and_used(
    photo: Rgb, labels: LabelMap, most_bytes: int, free_header: bool
) -> None:
    radio = Radio(most_bytes=most_bytes, free_header=free_header)
    message = encoded(photo, labels, radio)
    assert 0.9 * most_bytes <= sent_bytes(message, radio) <= most_bytes
    modulate(message, radio)


@pytest.mark.parametrize("mcs", ["", "map=16qam-1/2,colours=64qam-2/3"])
def test_a_grant_is_kept_and_filled(photo: Rgb, labels: LabelMap, mcs: str) -> None:
    granted_uses = 1500
    settings = TransmissionSettings(scheme=Scheme.SGC, mcs=mcs)
    radio = Radio(asked=Radio.of(settings, WORKING).asked, granted_uses=granted_uses)
    frame = modulate(encoded(photo, labels, radio), radio)
    assert [stream.name for stream in frame.streams] == ["header", "map", "colours"]
    used = sum(stream.symbols.size for stream in frame.streams)
    assert 0.9 * granted_uses <= used <= granted_uses


@pytest.mark.parametrize("budget", [{"most_bytes": 50}, {"granted_uses": 600}])
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
    enough = Radio.of(settings_from_fields({"scheme": "sgc", field: least}), WORKING)
    modulate(encoded(photo, labels, enough), enough)


@given(st.integers(1, 20), st.integers(1, 20), st.integers(0, 9), st.data())
@settings(max_examples=30)
def test_every_cell_has_a_most_frequent_label(
    height: int, width: int, seed: int, data: st.DataObject
) -> None:
    labels = np.random.default_rng(seed).integers(0, 4, (height, width)).astype(np.uint8)
    size = Size(data.draw(st.integers(1, height)), data.draw(st.integers(1, width)))
    small = most_frequent(labels, size)
    rows = np.arange(height) * size.height // height
    columns = np.arange(width) * size.width // width
    for row in range(size.height):
        for column in range(size.width):
            cell = labels[np.ix_(rows == row, columns == column)]
            counts = np.bincount(cell.ravel(), minlength=4)
            assert small[row, column] == counts.argmax()
