"""The shipped networks over `semlink up`, asked by curl: what the README promises, on CamVid."""

from __future__ import annotations

import io
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from semlink.core.settings import settings_from_fields
from semlink.lab import Link

PHOTOS = 20

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed"),
]


@pytest.fixture(scope="module")
def rest() -> Iterator[str]:
    """URL of the services of `semlink up`, on free ports."""
    ports = [f"--{name}port=0" for name in ("", "rest-", "channel-", "receiver-")]
    process = subprocess.Popen(
        [sys.executable, "-m", "semlink.lab", "up", "--device=cpu", *ports],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    try:
        said = ""
        while "Ctrl-C" not in said:
            line = process.stdout.readline()
            assert line, f"semlink up ended: {said}"
            said += line
        yield re.findall(r"REST +(\S+)", said)[0]
    finally:
        process.terminate()
        process.communicate(timeout=60)
    assert process.returncode == 0


def curl(rest: str, photo: Path) -> bytes:
    url = f"{rest}/v1/reconstructions"
    form = ["-F", f"photo=@{photo}", "-F", "psnr_db=10"]
    answer = subprocess.run(["curl", "-sSf", *form, url], stdout=subprocess.PIPE, check=True)
    return answer.stdout


def test_twenty_photos_over_the_services(rest: str, camvid: Path) -> None:
    photos = sorted((camvid / "test" / "images").iterdir())
    chosen = photos[:: len(photos) // PHOTOS][:PHOTOS]
    pngs = {photo: curl(rest, photo) for photo in chosen}
    assert len(pngs) == PHOTOS
    for photo, png in pngs.items():
        with Image.open(photo) as sent, Image.open(io.BytesIO(png)) as painted:
            assert painted.format == "PNG"
            assert painted.size == sent.size
    first = chosen[0]
    assert curl(rest, first) == pngs[first]
    with Image.open(io.BytesIO(pngs[first])) as painted:
        by_services = np.asarray(painted)
    local = Link.local(device="cpu").send(first, settings_from_fields({"psnr_db": 10}))
    np.testing.assert_array_equal(local.picture, by_services)
