"""A receiver that is absent, dies in the middle of a picture, or is too slow: seen by REST."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import httpx
import numpy as np
import pytest

from semlink.core.healthcheck import health_of
from semlink.core.pictures import encode_png
from semlink.core.serving import RunningServer

PROMPT_S = 10.0  # far beyond what an answer takes, far below any time-out of the link
FIELDS = {"segmenter": "tiny-segmenter", "network": "tiny-gesco", "size": "64", "steps": "2"}
LONG = FIELDS | {"steps": "1000"}


@pytest.fixture(scope="module")
def receiver_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@pytest.fixture(scope="module")
def url(
    front_of: Callable[[str], AbstractContextManager[RunningServer]], receiver_port: int
) -> Iterator[str]:
    """REST of a link whose receiver is not there yet."""
    with front_of(f"127.0.0.1:{receiver_port}") as front:
        yield front.doors[0]


@contextmanager
def receiver(port: int, network: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A receiver in a process of its own, ready."""
    environment = {
        "PYTHONPATH": os.pathsep.join(sys.path),
        "SEMLINK_RECEIVER_PORT": str(port),
        "SEMLINK_RECEIVER_NETWORKS": str(network),
        "SEMLINK_RECEIVER_DEVICE": "cpu",
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "semlink.receiver"], env=os.environ | environment
    )
    try:
        ends_at = time.monotonic() + 300
        while health_of(f"127.0.0.1:{port}", 1.0) != "SERVING":
            assert process.poll() is None, "the receiver ended by itself"
            assert time.monotonic() < ends_at
            time.sleep(0.2)
        yield process
    finally:
        process.kill()
        process.wait()


def post(url: str, **fields: str) -> httpx.Response:
    photo = np.random.default_rng(3).integers(0, 255, (72, 100, 3), dtype=np.uint8)
    files = {"photo": ("photo.png", encode_png(photo))}
    return httpx.post(f"{url}/v1/reconstructions", data=fields, files=files, timeout=120)


def test_a_receiver_that_comes_and_goes(url: str, receiver_port: int, tiny_gesco: Path) -> None:
    started = time.monotonic()
    absent = post(url, **FIELDS)
    assert time.monotonic() - started < PROMPT_S
    assert absent.status_code == 503
    assert f"the receiver at 127.0.0.1:{receiver_port}" in absent.json()["error"]["message"]
    assert "Start it" in absent.json()["error"]["cure"]

    with receiver(receiver_port, tiny_gesco) as process, ThreadPoolExecutor(1) as caller:
        assert post(url, **FIELDS).status_code == 200
        answer = caller.submit(post, url, **LONG)
        time.sleep(1.5)
        assert not answer.done(), "the picture was painted before the receiver could be killed"
        process.send_signal(signal.SIGKILL)
        killed = answer.result(timeout=PROMPT_S)
    assert killed.status_code == 503
    assert "went away" in killed.json()["error"]["message"]

    with receiver(receiver_port, tiny_gesco):
        started = time.monotonic()
        late = post(url, timeout_s="1", **LONG)
        assert time.monotonic() - started < PROMPT_S
        assert late.status_code == 504
        assert late.json()["error"]["cure"]
        assert post(url, **FIELDS).status_code == 200
