from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from semlink.core.events import Denoised, Encoded, PayloadAccount, Propagated, Reconstructed
from semlink.core.frame import StreamDraw
from semlink.core.pictures import Rgb, Size, encode_png
from semlink.core.settings import settings_from_fields
from semlink.lab.photo import Photo
from semlink.lab.result import Result
from semlink.lab.training.camvid import CamVid
from semlink.lab.training.segmenter import VOID


@pytest.fixture(scope="session")
def photo() -> Rgb:
    """Noise, 72x100."""
    return np.random.default_rng(0).integers(0, 256, (72, 100, 3)).astype(np.uint8)


@pytest.fixture(scope="session")
def photo_file(photo: Rgb, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("photos") / "photo.png"
    path.write_bytes(encode_png(photo))
    return path


@pytest.fixture(scope="session")
def make_result(photo: Rgb) -> Callable[..., Result]:
    """A made-up transmission of three classes: a quarter of the map arrives wrong, none stays."""

    def make(taxonomy: str = "camvid", sent: Rgb = photo, **fields: Any) -> Result:
        labels = np.zeros((64, 96), np.uint8)
        labels[32:, 48:], labels[:32, 48:] = 3, 8
        wrong = labels.copy()
        wrong[:32, :48] = 3
        encoded = Encoded(
            photo=Size(*sent.shape[:2]),
            working=Size(64, 96),
            taxonomy=taxonomy,
            header_bytes=23,
            payloads=(PayloadAccount("map", 3 * 64 * 96, 0, 3 * 32 * 96),),
            sent_map=labels,
            segment_s=0.4,
            encode_s=0.1,
        )
        draw = StreamDraw("map", 0.2, 0.2, 2.25, 10.01)
        return Result(
            Photo(sent),
            settings_from_fields(fields),
            encoded,
            Propagated((draw,), 0.05),
            Denoised(wrong, labels, (), 0.02),
            Reconstructed(sent[::-1].copy(), sent[:64, :96].copy(), 1.2, 1.5, 0.01),
            total_s=2.2,
        )

    return make


@pytest.fixture
def data(tmp_path: Path) -> CamVid:
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
    return CamVid.open(tmp_path, "train")
