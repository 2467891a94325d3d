"""Tokens without some of their transport blocks, with networks of random weights."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest

from semlink.core.settings import TransmissionSettings, settings_from_fields
from semlink.lab.bench_erasures import Arrival, Row, arrival, erase, tell
from semlink.lab.semantic_score import Judge
from semlink.receiver.receiver import Receiver
from semlink.transmitter.segmentation import Segmenter
from semlink.transmitter.transmitter import Transmitter
from semlink.zoo import find

PICTURE = ("picture",)
BOTH = ("map", "picture")


@pytest.fixture(scope="module")
def judge() -> Judge:
    return Judge(Segmenter.load(find("segmenter-camvid")))


@pytest.fixture(scope="module")
def settings() -> TransmissionSettings:
    return settings_from_fields(
        {"scheme": "sqgan", "segmenter": "tiny-segmenter", "size": 192, "psnr_db": math.inf}
        | {"tokenizer": "tiny-sqgan", "network": "tiny-sqgan", "picture_fraction": 1.0}
    )


@pytest.fixture(scope="module")
def arrived(
    judge: Judge, settings: TransmissionSettings, tiny_segmenter: Path, tiny_sqgan: Path
) -> list[Arrival]:
    networks = {"tokenizers": (str(tiny_sqgan),)}
    transmitter = Transmitter.load((str(tiny_segmenter),), "cpu", **networks)
    rng = np.random.default_rng(0)
    labels = np.zeros((192, 256), np.uint8)
    photos = rng.integers(0, 256, (2, 12, 16, 3), dtype=np.uint8).repeat(16, 1).repeat(16, 2)
    views = [judge.view(photo, labels, 192) for photo in photos]
    return [arrival(transmitter, view, settings) for view in views]


@pytest.fixture(scope="module")
def receiver(tiny_sqgan: Path) -> Receiver:
    return Receiver.load((str(tiny_sqgan),), "cpu")


@pytest.fixture(scope="module")
def rows(
    receiver: Receiver, judge: Judge, arrived: list[Arrival], settings: TransmissionSettings
) -> list[Row]:
    cases = [(PICTURE, 0.0), (PICTURE, 0.4), (BOTH, 1.0), (("mask",), 1.0), (PICTURE, 0.4)]
    return [erase(receiver, judge, arrived, settings.receiver, case, seed=3) for case in cases]


def test_the_share_of_blocks_is_exact(rows: list[Row], arrived: list[Arrival]) -> None:
    blocks = sum(len(one.received.bits("picture").blocks_ok) for one in arrived)
    assert blocks >= 6
    assert [row.blocks for row in rows[:2]] == [blocks, blocks]
    assert [row.erased for row in rows[:3]] == [0, round(0.4 * blocks), rows[2].blocks]


def test_every_photo_comes_to_a_picture_unless_the_mask_is_lost(rows: list[Row]) -> None:
    assert [row.outages for row in rows] == [0, 0, 0, 2, 0]
    assert [row.fidelity is None for row in rows] == [False, False, False, True, False]


def test_what_is_lost_shows_and_the_seed_says_what_that_is(rows: list[Row]) -> None:
    whole, some, nothing, _, again = rows
    assert some == again
    assert len({whole.fidelity, some.fidelity, nothing.fidelity}) == 3


def test_every_form_says_the_same(rows: list[Row], capsys: pytest.CaptureFixture[str]) -> None:
    tell(rows, json=False, markdown=False)
    shown = capsys.readouterr().out
    assert "40% of picture" in shown
    assert "0 of 2" in shown
    tell(rows, json=False, markdown=True)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2 + len(rows)
    assert len({line.count("|") for line in lines}) == 1
    tell(rows, json=True, markdown=False)
    told = json.loads(capsys.readouterr().out)["rows"]
    assert [row["erased"] for row in told] == [row.erased for row in rows]
    assert told[3]["fidelity"] is None
