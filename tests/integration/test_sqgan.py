"""What SQ-GAN alone does over the whole link."""

from __future__ import annotations

from pathlib import Path

import pytest

from semlink.core.errors import NotFound
from semlink.core.events import Denoised
from semlink.core.pictures import Rgb
from semlink.core.settings import TransmissionSettings, settings_from_fields
from semlink.lab import Link

FIELDS = {
    "scheme": "sqgan",
    "segmenter": "tiny-segmenter",
    "tokenizer": "tiny-sqgan",
    "network": "tiny-sqgan",
    "size": 64,
}


def settings(**fields: object) -> TransmissionSettings:
    return settings_from_fields(FIELDS | fields)


@pytest.fixture(scope="module")
def local(tiny_segmenter: Path, tiny_sqgan: Path) -> Link:
    return Link.local("cpu", folders=(tiny_segmenter, tiny_sqgan))


def test_the_map_is_shown_before_the_picture(local: Link, photo: Rgb) -> None:
    events = list(local.events(photo, settings(psnr_db=20.0)))

    kinds = [type(event).__name__ for event in events]
    assert kinds[-5:] == ["Demodulated", "Denoised", "Progress", "Progress", "Reconstructed"]
    (denoised,) = (event for event in events if isinstance(event, Denoised))
    assert denoised.denoised_map.shape == (64, 96)


def test_a_tokenizer_that_is_not_served_is_said_to_be_missing(
    local: Link, remote: Link, photo: Rgb
) -> None:
    for link in (local, remote):
        with pytest.raises(NotFound):
            link.send(photo, settings(tokenizer="no-such-network"))
