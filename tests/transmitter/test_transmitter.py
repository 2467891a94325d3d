from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from semlink.core.errors import NotFound
from semlink.core.headers import MapHeader
from semlink.core.message import SamplesPayload
from semlink.core.phy import symbols_to_samples
from semlink.core.pictures import LabelMap, Rgb, Size
from semlink.core.schemes import Scheme
from semlink.core.settings import TransmissionSettings
from semlink.core.taxonomy import CAMVID
from semlink.transmitter.schemes import ENCODERS
from semlink.transmitter.schemes.scene import Scene
from semlink.transmitter.transmitter import Transmitter, served_name, taxonomy_of

MAPS = arrays(
    np.uint8, st.tuples(st.integers(1, 9), st.integers(1, 9)), elements=st.integers(0, 11)
)
SETTINGS = TransmissionSettings(segmenter="tiny-segmenter", size=64)


def scene_of(labels: LabelMap) -> Scene:
    return Scene(Size(90, 130), labels, "camvid", 12)


def test_every_scheme_has_an_encoder() -> None:
    assert set(ENCODERS) == set(Scheme)


@given(MAPS)
@settings(max_examples=50, deadline=None)
def test_gesco_sends_the_indicators_of_the_present_classes(labels: LabelMap) -> None:
    message = ENCODERS[Scheme.GESCO](scene_of(labels))
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


def test_the_frame_carries_the_map_that_the_event_shows(
    transmitter: Transmitter, photo: Rgb
) -> None:
    frame, encoded = transmitter.encode(photo, SETTINGS)
    (stream,) = frame.streams
    header = MapHeader.from_bytes(frame.header)
    samples = symbols_to_samples(stream.symbols, stream.layout)
    decided = np.array(header.present)[samples.argmax(axis=0)]
    np.testing.assert_array_equal(decided, encoded.sent_map)
    assert len(header.present) > 1
    assert (encoded.photo, encoded.working) == (Size(90, 130), Size(64, 96))
    assert encoded.taxonomy == header.taxonomy == "camvid"
    assert encoded.header_bytes == len(frame.header)
    assert encoded.channel_uses == frame.channel_uses == samples.size // 2
    assert (encoded.payloads[0].samples, encoded.payloads[0].payload_bytes) == (samples.size, 0)
    assert encoded.segment_s > 0.0
    assert encoded.encode_s > 0.0


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
