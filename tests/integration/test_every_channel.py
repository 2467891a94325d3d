"""Laws of every scheme over every channel: a picture of the right size, or a word on what is lost.

SGC and SQ-GAN meet every channel at once, the others each fourth; all of it takes minutes.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from _pytest.mark import ParameterSet

from semlink.core.channel_settings import ChannelModel
from semlink.core.events import Outcome
from semlink.core.pictures import Rgb
from semlink.core.schemes import GENERATIVE, Scheme
from semlink.core.settings import TransmissionSettings, settings_from_fields
from semlink.lab import Link
from semlink.lab.result import Result

LEVEL_DB = 14.0  # fading loses some payloads, and not all
EVERYWHERE = (Scheme.SGC, Scheme.SQGAN)
PAYLOADS = {
    Scheme.SGC: {"map", "colours"},
    Scheme.SQGAN: {"mask", "map", "picture"},
    Scheme.SPIC: {"map", "coarse"},
    Scheme.GESCO: {"map"},
}


def pairs() -> Iterator[ParameterSet]:
    for row, scheme in enumerate(Scheme):
        for column, channel in enumerate(ChannelModel):
            at_once = scheme in EVERYWHERE or (row + column) % 4 == 0
            marks = () if at_once else (pytest.mark.slow,)
            yield pytest.param(scheme, channel, marks=marks, id=f"{scheme} over {channel}")


@pytest.fixture(scope="module")
def local(
    tiny_segmenter: Path, tiny_gesco: Path, tiny_spic: Path, tiny_sgc: Path, tiny_sqgan: Path
) -> Link:
    folders = (tiny_segmenter, tiny_gesco, tiny_spic, tiny_sgc, tiny_sqgan)
    return Link.local("cpu", folders=folders)


def settings(scheme: Scheme, channel: ChannelModel, **fields: object) -> TransmissionSettings:
    own: dict[str, object] = {"scheme": scheme, "channel": channel, "size": 64, "seed": 5}
    if scheme in GENERATIVE:
        own |= {"segmenter": "tiny-segmenter", "network": f"tiny-{scheme}"}
        own |= {"tokenizer": "tiny-sqgan", "steps": 1}
    else:
        own["cpp"] = 1.0
    return settings_from_fields(own | {"psnr_db": LEVEL_DB} | fields)


def keeps_the_laws(result: Result, photo: Rgb, scheme: Scheme) -> None:
    names = {"header", *PAYLOADS.get(scheme, {"picture"})}
    assert set(result.lost) <= names
    if result.outcome in (Outcome.LOST, Outcome.OUTAGE):
        assert result.lost
        assert ("header" in result.lost) == (result.outcome is Outcome.OUTAGE)
    else:
        assert result.picture.shape == photo.shape
        assert result.reconstructed.working_picture.shape == result.working_photo.shape
        assert (result.outcome is Outcome.PARTIAL) == bool(result.lost)


@pytest.mark.parametrize(("scheme", "channel"), list(pairs()))
def test_it_ends_in_a_picture_of_the_photos_size_or_says_what_was_lost(
    local: Link, photo: Rgb, scheme: Scheme, channel: ChannelModel
) -> None:
    keeps_the_laws(local.send(photo, settings(scheme, channel)), photo, scheme)


@pytest.mark.parametrize("channel", [ChannelModel.RICIAN, ChannelModel.CDL_C, ChannelModel.BURST])
@pytest.mark.parametrize("scheme", EVERYWHERE)
def test_the_same_seed_gives_the_same_end(
    local: Link, photo: Rgb, scheme: Scheme, channel: ChannelModel
) -> None:
    first, second = (local.send(photo, settings(scheme, channel)) for _ in range(2))
    assert (first.outcome, first.lost) == (second.outcome, second.lost)
    if first.outcome not in (Outcome.LOST, Outcome.OUTAGE):
        np.testing.assert_array_equal(first.picture, second.picture)
    draws = [local.send(photo, settings(scheme, channel, seed=seed)) for seed in (5, 6)]
    assert draws[0].propagated.draws == first.propagated.draws != draws[1].propagated.draws
