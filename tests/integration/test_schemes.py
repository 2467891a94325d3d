"""The schemes in bits over the whole link, in one process and as three services of all of them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from _pytest.mark import ParameterSet
from tests.integration.telling import told

from semlink.core.events import Outcome
from semlink.core.pictures import Rgb
from semlink.core.settings import TransmissionSettings, settings_from_fields
from semlink.lab import Link

FADING = {"channel": "rayleigh", "csi": "estimated", "psnr_db": 30.0}
CASES: dict[str, tuple[dict[str, object], ...]] = {
    "spic": (
        {"psnr_db": 15.0},
        {"preset": "paper", "psnr_db": 15.0},
        {"cpp": 4.0, **FADING},
        {"bpp": 6.0, "mcs": "map=16qam-1/2", "psnr_db": 20.0, "coarse_factor": 8},
        {"psnr_db": 4.0},
    ),
    "sgc": (
        {"psnr_db": 15.0},
        {"preset": "paper", "psnr_db": 15.0},
        {"cpp": 1.0, **FADING},
        {"channel": "tdl-a", "psnr_db": 25.0, "preview_steps": 1},
        {"bpp": 1.0, "mcs": "map=16qam-1/2", "psnr_db": 20.0, "map_side": 16, "colour_side": 8},
        {"psnr_db": 4.0},
    ),
    "sqgan": (
        {"psnr_db": 15.0},
        {"bpp": 0.08, "picture_fraction": 1.0, "psnr_db": 20.0},
        {"cpp": 0.5, **FADING},
        {"psnr_db": 3.0},
    ),
}
CLIFFS = {
    "spic": (("coarse",), ("map", "coarse"), -3.0),
    "sgc": (("colours",), ("map", "colours"), -3.0),
    "sqgan": (("picture",), ("mask", "map", "picture"), -4.0),
}
"""What is lost at 4 dB, what at a level far below it, and that level."""


def settings(scheme: str, **fields: object) -> TransmissionSettings:
    own = {"scheme": scheme, "network": f"tiny-{scheme}", "tokenizer": "tiny-sqgan"}
    steps = {} if scheme == "sqgan" else {"steps": 2}
    return settings_from_fields(own | {"segmenter": "tiny-segmenter", "size": 64} | steps | fields)


@pytest.fixture(scope="module")
def local(tiny_segmenter: Path, tiny_spic: Path, tiny_sgc: Path, tiny_sqgan: Path) -> Link:
    return Link.local("cpu", folders=(tiny_segmenter, tiny_spic, tiny_sgc, tiny_sqgan))


def cases() -> Iterator[ParameterSet]:
    for scheme, every in CASES.items():
        for fields in every:
            yield pytest.param(scheme, fields, id=",".join(map(str, (scheme, *fields.values()))))


@pytest.mark.parametrize(("scheme", "fields"), list(cases()))
def test_both_links_tell_the_same_bit_by_bit(
    local: Link, remote: Link, photo: Rgb, scheme: str, fields: dict[str, object]
) -> None:
    chosen = settings(scheme, **fields)
    assert told(local, photo, chosen) == told(remote, photo, chosen)


@pytest.mark.parametrize("scheme", CLIFFS)
def test_what_matters_less_is_lost_first(local: Link, photo: Rgb, scheme: str) -> None:
    first, then, low_db = CLIFFS[scheme]
    results = [local.send(photo, settings(scheme, psnr_db=db)) for db in (15.0, 4.0, low_db)]

    assert [result.outcome for result in results] == [
        Outcome.RECONSTRUCTED,
        Outcome.PARTIAL,
        Outcome.LOST,
    ]
    assert [result.lost for result in results] == [(), first, then]
    for result in results[:2]:
        assert result.picture.shape == photo.shape
