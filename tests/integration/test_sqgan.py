"""What SQ-GAN alone does over the whole link."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from semlink.core.errors import NotFound
from semlink.core.events import Denoised, Outcome
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


@pytest.mark.parametrize(
    "channel",
    [
        {},
        {"channel": "rayleigh"},
        {"channel": "rician", "csi": "estimated"},
        {"channel": "erasure", "packet_uses": 64},
        {"channel": "burst"},
        {"channel": "tdl-a"},
    ],
    ids=lambda fields: fields.get("channel", "awgn"),
)
def test_it_ends_in_a_picture_of_the_photos_size_or_says_what_was_lost(
    local: Link, photo: Rgb, channel: dict[str, object]
) -> None:
    result = local.send(photo, settings(psnr_db=25.0, **channel))

    if result.outcome in (Outcome.LOST, Outcome.OUTAGE):
        assert set(result.lost) & {"header", "mask"}
    else:
        assert result.picture.shape == photo.shape
        assert (result.outcome is Outcome.PARTIAL) == bool(result.lost)


def test_the_same_seed_gives_the_same_picture(local: Link, photo: Rgb) -> None:
    first, second = (local.send(photo, settings(psnr_db=6.0, seed=4)) for _ in range(2))

    assert first.lost == second.lost
    np.testing.assert_array_equal(first.picture, second.picture)


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
