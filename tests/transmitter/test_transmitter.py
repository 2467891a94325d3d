from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from semlink.core.choices import Preset, Transport
from semlink.core.codecs import label_coder
from semlink.core.errors import InvalidInput, NotFound
from semlink.core.headers import MapHeader
from semlink.core.message import BitsPayload, SamplesPayload
from semlink.core.phy.layouts import CodedLayout, SamplesLayout
from semlink.core.phy.radio import Radio
from semlink.core.phy.samples import symbols_to_samples
from semlink.core.pictures import LabelMap, Rgb, Size
from semlink.core.schemes import Scheme
from semlink.core.settings import PhotoSettings, TransmissionSettings
from semlink.core.taxonomy import CAMVID
from semlink.transmitter.schemes import ENCODERS
from semlink.transmitter.schemes.source import Scene, Source
from semlink.transmitter.transmitter import Transmitter, served_name, taxonomy_of

MAPS = arrays(
    np.uint8, st.tuples(st.integers(1, 9), st.integers(1, 9)), elements=st.integers(0, 11)
)
SETTINGS = TransmissionSettings(segmenter="tiny-segmenter", size=64)
FREE = Radio()


def source_of(labels: LabelMap, radio: Radio = FREE, settings: PhotoSettings = SETTINGS) -> Source:
    """A photo of 90x130 pixels whose map is known."""
    photo = np.zeros((90, 130, 3), np.uint8)
    scene = Scene(labels, "camvid", 12)
    return Source(photo, Size(*labels.shape), settings, radio, lambda: scene)


def test_every_scheme_has_an_encoder() -> None:
    assert set(ENCODERS) == set(Scheme)


@given(MAPS)
@settings(max_examples=50, deadline=None)
def test_gesco_sends_the_indicators_of_the_present_classes(labels: LabelMap) -> None:
    message = ENCODERS[Scheme.GESCO](source_of(labels))
    header = MapHeader.from_bytes(message.header)
    (payload,) = message.payloads
    assert isinstance(payload, SamplesPayload)
    assert (payload.name, payload.peak) == ("map", 1.0)
    assert payload.samples.dtype == np.float32
    assert header.present == tuple(sorted(set(labels.flat)))
    assert (header.taxonomy, header.classes) == ("camvid", 12)
    assert (header.photo, header.working) == ((90, 130), labels.shape)
    assert payload.samples.shape == (len(header.present), *labels.shape)
    np.testing.assert_array_equal(payload.samples.sum(axis=0), 1)
    assert payload.samples.any(axis=(1, 2)).all()
    decided = np.array(header.present)[payload.samples.argmax(axis=0)]
    np.testing.assert_array_equal(decided, labels)


@pytest.fixture(scope="module")
def transmitter(tiny_segmenter: Path) -> Transmitter:
    return Transmitter.load((str(tiny_segmenter),), device="cpu")


@given(MAPS)
@settings(max_examples=20, deadline=None)
def test_gesco_can_send_the_labels_as_bits(labels: LabelMap) -> None:
    digital = SETTINGS.model_copy(update={"transport": Transport.DIGITAL})
    message = ENCODERS[Scheme.GESCO](source_of(labels, settings=digital))
    header = MapHeader.from_bytes(message.header)
    (payload,) = message.payloads
    assert isinstance(payload, BitsPayload)
    assert payload.name == "map"
    decoded = label_coder.decode(payload.data, header.working, header.present)
    np.testing.assert_array_equal(decoded, labels)


def test_gesco_protects_its_bits_as_well_as_the_grant_allows() -> None:
    labels = np.random.default_rng(3).integers(0, 11, (64, 96), dtype=np.uint8)
    digital = SETTINGS.model_copy(update={"transport": Transport.DIGITAL})

    def sent(granted_uses: int) -> BitsPayload:
        radio = Radio(granted_uses=granted_uses)
        (payload,) = ENCODERS[Scheme.GESCO](source_of(labels, radio, digital)).payloads
        assert isinstance(payload, BitsPayload)
        return payload

    bits = 8 * len(sent(100_000).data)
    assert sent(1_000 + 5 * bits // 2).mcs == "qpsk-1/5"
    assert sent(1_000 + bits // 4).mcs.startswith("64qam")


def test_gesco_samples_have_no_bits() -> None:
    labels = np.zeros((4, 4), np.uint8)
    with pytest.raises(InvalidInput, match="digital"):
        ENCODERS[Scheme.GESCO](source_of(labels, Radio(most_bytes=1000)))


def test_the_frame_carries_the_map_that_the_event_shows(
    transmitter: Transmitter, photo: Rgb
) -> None:
    paper = SETTINGS.model_copy(update={"preset": Preset.PAPER})
    frame, encoded = transmitter.encode(photo, paper)
    (stream,) = frame.streams
    assert frame.header is not None
    assert isinstance(stream.layout, SamplesLayout)
    header = MapHeader.from_bytes(frame.header)
    samples = symbols_to_samples(stream.symbols, stream.layout)
    decided = np.array(header.present)[samples.argmax(axis=0)]
    np.testing.assert_array_equal(decided, encoded.sent_map)
    assert len(header.present) > 1
    assert (encoded.photo, encoded.working) == (Size(90, 130), Size(64, 96))
    assert encoded.taxonomy == header.taxonomy == "camvid"
    assert encoded.header_bytes == len(frame.header)
    assert encoded.channel_uses == samples.size // 2
    assert (encoded.payloads[0].samples, encoded.payloads[0].payload_bytes) == (samples.size, 0)
    assert encoded.segment_s > 0.0
    assert encoded.encode_s > 0.0


def test_the_header_travels_coded_and_is_counted(transmitter: Transmitter, photo: Rgb) -> None:
    frame, encoded = transmitter.encode(photo, SETTINGS)
    header, payload = encoded.payloads
    assert frame.header is None
    assert [stream.name for stream in frame.streams] == ["header", "map"]
    assert isinstance(frame.streams[0].layout, CodedLayout)
    assert (header.name, header.mcs, header.blocks) == ("header", "qpsk-1/5", 1)
    assert header.payload_bytes == encoded.header_bytes
    assert header.channel_uses == frame.streams[0].symbols.size
    assert encoded.channel_uses == header.channel_uses + payload.channel_uses
    assert encoded.sent_bytes == encoded.header_bytes


def test_a_scheme_without_a_map_asks_no_segmenter(photo: Rgb) -> None:
    nobody = TransmissionSettings(segmenter="nobody", scheme=Scheme.WEBP, size=64, bpp=2.0)
    _, encoded = Transmitter({}).encode(photo, nobody)
    assert encoded.sent_map is None
    assert encoded.segment_s == 0.0
    assert encoded.bits_per_pixel == pytest.approx(2.0, rel=0.03)


@pytest.mark.parametrize("shape", [(16, 16), (16, 64), (64, 16), (700, 200)])
def test_photos_of_any_shape_pass(transmitter: Transmitter, shape: tuple[int, int]) -> None:
    _, encoded = transmitter.encode(np.zeros((*shape, 3), np.uint8), SETTINGS)
    assert encoded.photo == shape
    assert min(encoded.working) == 64
    assert all(side % 32 == 0 for side in encoded.working)


def test_the_same_photo_gives_the_same_frame(transmitter: Transmitter, photo: Rgb) -> None:
    first, _ = transmitter.encode(photo, SETTINGS)
    second, _ = transmitter.encode(photo, SETTINGS)
    np.testing.assert_array_equal(first.streams[0].symbols, second.streams[0].symbols)


def test_only_loaded_networks_are_served(transmitter: Transmitter, photo: Rgb) -> None:
    with pytest.raises(NotFound, match="Use tiny-segmenter"):
        transmitter.encode(photo, TransmissionSettings(segmenter="another"))


def test_what_cannot_be_found_cannot_be_loaded() -> None:
    with pytest.raises(NotFound, match="no-such-network"):
        Transmitter.load(("no-such-network",))


def test_an_absolute_folder_goes_by_its_last_part(tiny_segmenter: Path) -> None:
    assert served_name(str(tiny_segmenter)) == "tiny-segmenter"
    assert served_name("models/tiny") == "models/tiny"
    assert served_name("owner/name") == "owner/name"


def test_a_network_without_void_speaks_of_its_data_set() -> None:
    assert taxonomy_of("own", CAMVID.classes) == ("camvid", 12)
    assert taxonomy_of("own", CAMVID.classes[:11]) == ("camvid", 12)
    assert taxonomy_of("own", ("cat", "dog")) == ("own", 2)
    assert taxonomy_of("own", CAMVID.classes[::-1]) == ("own", 12)
    assert taxonomy_of("own", CAMVID.classes[:1]) == ("own", 1)
    assert taxonomy_of("own", tuple(f"{name} " for name in CAMVID.classes)) == ("camvid", 12)
