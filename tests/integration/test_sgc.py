"""SGC over the whole link, in one process and as three services."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.integration.telling import told

from semlink.core.events import Outcome
from semlink.core.pictures import Rgb
from semlink.core.settings import TransmissionSettings, settings_from_fields
from semlink.lab import Link

FIELDS = {
    "scheme": "sgc",
    "segmenter": "tiny-segmenter",
    "network": "tiny-sgc",
    "size": 64,
    "steps": 2,
}


def settings(**fields: object) -> TransmissionSettings:
    return settings_from_fields(FIELDS | fields)


@pytest.fixture(scope="module")
def local(tiny_segmenter: Path, tiny_sgc: Path) -> Link:
    return Link.local("cpu", folders=(tiny_segmenter, tiny_sgc))


@pytest.mark.parametrize(
    "fields",
    [
        {"psnr_db": 15.0},
        {"preset": "paper", "psnr_db": 15.0},
        {"cpp": 1.0, "channel": "rayleigh", "csi": "estimated", "psnr_db": 30.0},
        {"channel": "tdl-a", "psnr_db": 25.0, "preview_steps": 1},
        {"bpp": 1.0, "mcs": "map=16qam-1/2", "psnr_db": 20.0, "map_side": 16, "colour_side": 8},
        {"psnr_db": 4.0},
    ],
    ids=lambda fields: ",".join(map(str, fields.values())),
)
def test_both_links_tell_the_same_bit_by_bit(
    local: Link, remote: Link, photo: Rgb, fields: dict[str, object]
) -> None:
    assert told(local, photo, settings(**fields)) == told(remote, photo, settings(**fields))


def test_the_colours_go_before_the_map_and_the_map_before_the_header(
    local: Link, photo: Rgb
) -> None:
    results = {level: local.send(photo, settings(psnr_db=level)) for level in (15.0, 4.0, -3.0)}

    assert results[15.0].outcome is Outcome.RECONSTRUCTED
    assert (results[4.0].outcome, results[4.0].lost) == (Outcome.PARTIAL, ("colours",))
    assert (results[-3.0].outcome, results[-3.0].lost) == (Outcome.LOST, ("map", "colours"))
    for level in (15.0, 4.0):
        assert results[level].picture is not None
        assert results[level].picture.shape == photo.shape
