from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from semlink.core.events import (
    Demodulated,
    Denoised,
    Encoded,
    Lost,
    Outcome,
    PayloadAccount,
    PayloadVerdict,
    Propagated,
    Reconstructed,
)
from semlink.core.frame import StreamDraw
from semlink.core.pictures import Rgb, Size, encode_png
from semlink.core.settings import settings_from_fields
from semlink.lab.confusion import VOID
from semlink.lab.data import LabelledPictures, open_labelled
from semlink.lab.photo import Photo
from semlink.lab.result import Result


@pytest.fixture(scope="session")
def photo() -> Rgb:
    """Noise, 72x100."""
    return np.random.default_rng(0).integers(0, 256, (72, 100, 3)).astype(np.uint8)


@pytest.fixture(scope="session")
def photo_file(photo: Rgb, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("photos") / "photo.png"
    path.write_bytes(encode_png(photo))
    return path


HEADER = PayloadAccount("header", 0, 23, 500, "qpsk-1/5", 0.2, 1)


def draw(name: str) -> StreamDraw:
    return StreamDraw(name, 0.2, 0.2, 2.25, 10.01, -1.5)


@pytest.fixture(scope="session")
def make_result(photo: Rgb) -> Callable[..., Result]:
    """A made-up transmission of three classes: a quarter of the map arrives wrong, none stays."""

    def make(
        taxonomy: str = "camvid",
        sent: Rgb = photo,
        outcome: Outcome = Outcome.RECONSTRUCTED,
        **fields: Any,
    ) -> Result:
        labels = np.zeros((64, 96), np.uint8)
        labels[32:, 48:], labels[:32, 48:] = 3, 8
        wrong = labels.copy()
        wrong[:32, :48] = 3
        encoded = Encoded(
            photo=Size(*sent.shape[:2]),
            working=Size(64, 96),
            taxonomy=taxonomy,
            header_bytes=23,
            payloads=(HEADER, PayloadAccount("map", 3 * 64 * 96, 0, 3 * 32 * 96)),
            sent_map=labels,
            segment_s=0.4,
            encode_s=0.1,
        )
        whole = outcome in (Outcome.RECONSTRUCTED, Outcome.PARTIAL)
        outage = outcome is Outcome.OUTAGE
        verdicts = (
            PayloadVerdict("header", 1, int(outage), outage),
            PayloadVerdict("map", 0, 0, outcome is Outcome.LOST),
        )
        return Result(
            Photo(sent),
            settings_from_fields(fields),
            encoded,
            Propagated((draw("header"), draw("map")), 0.05),
            Demodulated(verdicts[:1] if outage else verdicts, 0.03),
            Denoised(wrong, labels, 0.02) if whole else None,
            ending(sent, outcome, "header" if outage else "map"),
            total_s=2.2,
        )

    return make


@pytest.fixture(scope="session")
def make_coded(photo: Rgb) -> Callable[..., Result]:
    """A made-up transmission of a WebP file in seven blocks, some of which may be lost."""

    def make(outcome: Outcome = Outcome.RECONSTRUCTED, sent: Rgb = photo, **fields: Any) -> Result:
        encoded = Encoded(
            photo=Size(*sent.shape[:2]),
            working=Size(64, 96),
            taxonomy="",
            header_bytes=14,
            payloads=(
                replace(HEADER, payload_bytes=14),
                PayloadAccount("picture", 0, 4321, 17_300, "16qam-1/2", 0.49, 7, 30),
            ),
            sent_map=None,
            segment_s=0.0,
            encode_s=0.1,
        )
        lost = {Outcome.RECONSTRUCTED: 0, Outcome.OUTAGE: 0, Outcome.PARTIAL: 2, Outcome.LOST: 7}
        outage = outcome is Outcome.OUTAGE
        verdicts = (
            PayloadVerdict("header", 1, int(outage), outage),
            PayloadVerdict("picture", 7, lost[outcome], outcome is Outcome.LOST),
        )
        return Result(
            Photo(sent),
            settings_from_fields({"scheme": "webp"} | fields),
            encoded,
            Propagated((draw("header"), draw("picture")), 0.05),
            Demodulated(verdicts[:1] if outage else verdicts, 0.03),
            None,
            ending(sent, outcome, "header" if outage else "picture"),
            total_s=0.4,
        )

    return make


def ending(photo: Rgb, outcome: Outcome, payload: str) -> Reconstructed | Lost:
    if outcome in (Outcome.LOST, Outcome.OUTAGE):
        return Lost(outcome, (payload,))
    lost = (payload,) if outcome is Outcome.PARTIAL else ()
    working = np.full((64, 96, 3), 99, np.uint8)
    return Reconstructed(photo[::-1].copy(), working, 0.1, 0.15, 0.01, lost)


@pytest.fixture
def data(tmp_path: Path) -> LabelledPictures:
    """Three noisy pictures of 48x64: sky above, road below, and a column of void."""
    for kind in ("images", "labels"):
        (tmp_path / "train" / kind).mkdir(parents=True)
    labels = np.repeat(np.array([0] * 24 + [3] * 24, np.uint8)[:, None], 64, axis=1)
    labels[:, :4] = VOID
    for number in range(3):
        noise = np.random.default_rng(number).integers(60, size=(48, 64, 3))
        photo = (noise + (labels == 0)[..., None] * 150).astype(np.uint8)
        Image.fromarray(photo).save(tmp_path / "train" / "images" / f"{number}.png")
        Image.fromarray(labels).save(tmp_path / "train" / "labels" / f"{number}.png")
    return open_labelled("camvid", tmp_path, "train")
