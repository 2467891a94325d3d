"""REST in front of the real link, asked by curl as a user would."""

from __future__ import annotations

import io
import json
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import numpy as np
import pytest
from PIL import Image

from semlink.core.pictures import Rgb, encode_png
from semlink.core.settings import settings_from_fields
from semlink.lab import Link

FIELDS = {
    "segmenter": "tiny-segmenter",
    "network": "tiny-gesco",
    "size": "64",
    "steps": "3",
    "psnr_db": "12",
    "seed": "5",
}

Curl = Callable[..., tuple[int, bytes]]


@pytest.fixture(scope="module")
def photo() -> Rgb:
    noise = np.random.default_rng(3).integers(0, 120, (72, 100, 3))
    return (noise + np.arange(100)[None, :, None]).astype(np.uint8)


@pytest.fixture(scope="module")
def photo_file(photo: Rgb, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("photos") / "street.png"
    path.write_bytes(encode_png(photo))
    return path


@pytest.fixture
def curl(link_url: str, tmp_path: Path) -> Curl:
    """Posts a form; hands back the status and the body. curl itself must not fail."""
    if shutil.which("curl") is None:
        pytest.skip("curl is not installed")

    def post(*options: str, **fields: str) -> tuple[int, bytes]:
        answer = tmp_path / "answer"
        form = [part for name, value in fields.items() for part in ("-F", f"{name}={value}")]
        ask = ["curl", "-sS", "-o", str(answer), "-w", "%{http_code}", *options, *form]
        url = f"{link_url}/v1/reconstructions"
        done = subprocess.run([*ask, url], capture_output=True, timeout=60, check=True)
        return int(done.stdout), answer.read_bytes()

    return post


def test_every_door_gives_the_same_picture(
    curl: Curl, link_address: str, photo: Rgb, photo_file: Path
) -> None:
    status, png = curl(photo=f"@{photo_file}", **FIELDS)
    assert status == 200, png
    with Image.open(io.BytesIO(png)) as picture:
        by_rest = np.asarray(picture)
    by_grpc = Link.connect(link_address).send(photo, settings_from_fields(FIELDS)).picture
    np.testing.assert_array_equal(by_rest, by_grpc)


def test_what_the_receiver_refuses_comes_back_through_all_hops(
    curl: Curl, photo_file: Path
) -> None:
    status, body = curl(photo=f"@{photo_file}", **(FIELDS | {"network": "unheard-of"}))
    error = json.loads(body)["error"]
    assert (status, error["type"], error["value"]) == (404, "NotFound", "unheard-of")
    assert "tiny-gesco" in error["cure"]


def test_a_picture_that_the_radio_loses_is_424(curl: Curl, photo_file: Path) -> None:
    lost = FIELDS | {"scheme": "webp", "psnr_db": "5", "mcs": "64qam-5/6"}
    status, body = curl(photo=f"@{photo_file}", **lost)
    error = json.loads(body)["error"]
    assert (status, error["type"], error["value"]) == (424, "PictureLost", "lost")
    assert "picture" in error["message"]


def test_headers_say_what_a_codec_cost(link_url: str, photo_file: Path) -> None:
    fields = FIELDS | {"scheme": "jpeg2000", "cpp": "0.5", "channel": "rician"}
    files = {"photo": photo_file.read_bytes()}
    reply = httpx.post(f"{link_url}/v1/reconstructions", data=fields, files=files, timeout=60)
    assert reply.status_code == 200, reply.text
    assert reply.headers["x-semlink-outcome"] == "reconstructed"
    assert reply.headers["x-semlink-blocks-lost"].startswith("header=0/1, picture=0/")
    height, width = map(int, reply.headers["x-semlink-working-size"].split("x"))
    assert 0 < int(reply.headers["x-semlink-channel-uses"]) <= 0.5 * width * height


@pytest.mark.parametrize(
    "options",
    [(), ("-H", "Expect:"), ("-H", "Expect:", "-H", "Transfer-Encoding: chunked")],
    ids=["asking-first", "at-once", "chunked"],
)
def test_curl_shows_why_60_megabytes_are_refused(
    curl: Curl, photo_file: Path, tmp_path: Path, options: tuple[str, ...]
) -> None:
    large = tmp_path / "large.jpg"
    with large.open("wb") as file:
        file.truncate(60 << 20)
    start = time.perf_counter()
    status, body = curl(*options, photo=f"@{large}", **FIELDS)
    seconds = time.perf_counter() - start
    assert status == 413
    assert json.loads(body)["error"]["type"] == "TooLarge"
    assert seconds < 30
    assert curl(photo=f"@{photo_file}", **FIELDS)[0] == 200


def test_the_link_is_ready(link_url: str) -> None:
    assert httpx.get(f"{link_url}/readyz").json() == {"status": "ready"}
