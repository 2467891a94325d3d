"""What settings make of the label map between segmenter and network, over a whole link."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from semlink.core.conversions import convert
from semlink.core.errors import InvalidInput
from semlink.core.pictures import LabelMap, Rgb, Size
from semlink.core.settings import TransmissionSettings, settings_from_fields
from semlink.lab import Link
from semlink.transmitter.segmentation import Segmenter

NETWORKS = {"gesco": "tiny-gesco", "spic": "tiny-spic"}
CASES = [
    {"scheme": "gesco", "transport": "analog"},
    {"scheme": "gesco", "transport": "digital"},
    {"scheme": "spic"},
]


@pytest.fixture(scope="module")
def link(tiny_segmenter: Path, tiny_cityscapes: Path, tiny_gesco: Path, tiny_spic: Path) -> Link:
    return Link.local("cpu", folders=(tiny_segmenter, tiny_cityscapes, tiny_gesco, tiny_spic))


@pytest.fixture(scope="module")
def photo() -> Rgb:
    """Noise on a slope, 72x100: its map has many classes and many specks."""
    noise = np.random.default_rng(3).integers(0, 120, (72, 100, 3))
    return (noise + np.arange(100)[None, :, None]).astype(np.uint8)


def settings(case: dict[str, str], **fields: object) -> TransmissionSettings:
    known = {"network": NETWORKS[case["scheme"]], "size": 64, "steps": 2, "psnr_db": 40.0}
    return settings_from_fields({"segmenter": "tiny-segmenter"} | known | case | fields)


def maps(link: Link, photo: Rgb, settings: TransmissionSettings) -> tuple[LabelMap, LabelMap, int]:
    """The map that is sent, the one that arrives, and the bytes that were sent."""
    result = link.send(photo, settings)
    assert result.encoded.sent_map is not None
    assert result.denoised is not None
    return result.encoded.sent_map, result.denoised.received_map, result.encoded.sent_bytes


@pytest.mark.parametrize("case", CASES, ids=lambda case: "-".join(case.values()))
def test_a_segmenter_of_other_classes_feeds_the_network(
    link: Link, photo: Rgb, tiny_cityscapes: Path, case: dict[str, str]
) -> None:
    converted = settings(case, segmenter="tiny-cityscapes", taxonomy="camvid")
    found = Segmenter.load(tiny_cityscapes).label_map(photo, Size(64, 96))
    sent, received, _ = maps(link, photo, converted)

    assert len(np.unique(sent)) > 1
    np.testing.assert_array_equal(sent, convert(found, "cityscapes", "camvid"))
    np.testing.assert_array_equal(received, sent)


@pytest.mark.parametrize("case", CASES, ids=lambda case: "-".join(case.values()))
def test_without_conversion_the_error_says_how_to_ask_for_it(
    link: Link, photo: Rgb, case: dict[str, str]
) -> None:
    with pytest.raises(InvalidInput, match=r"12 classes \(camvid\).*20 \(cityscapes\)") as caught:
        link.send(photo, settings(case, segmenter="tiny-cityscapes"))

    assert "taxonomy=camvid" in caught.value.cure


def test_classes_that_cannot_be_converted_are_refused(link: Link, photo: Rgb) -> None:
    with pytest.raises(InvalidInput, match="camvid to ade20k") as caught:
        link.send(photo, settings(CASES[0], taxonomy="ade20k"))

    assert "cityscapes, idd-lite" in caught.value.cure


@pytest.mark.parametrize("case", CASES, ids=lambda case: "-".join(case.values()))
def test_without_specks_the_map_takes_less(link: Link, photo: Rgb, case: dict[str, str]) -> None:
    whole, received, whole_bytes = maps(link, photo, settings(case))
    smooth, smooth_received, smooth_bytes = maps(link, photo, settings(case, min_region_px=12))
    smoother, _, _ = maps(link, photo, settings(case, min_region_px=60))

    np.testing.assert_array_equal(received, whole)
    np.testing.assert_array_equal(smooth_received, smooth)
    if case.get("transport") != "analog":
        assert smooth_bytes < whole_bytes
    changed, more = (int((other != whole).sum()) for other in (smooth, smoother))
    assert 0 < changed < more < whole.size / 3
