"""`semlink up`: real processes, started, watched and stopped."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from semlink.core.pictures import Rgb
from semlink.core.settings import settings_from_fields
from semlink.lab import Link
from semlink.lab.up import Addresses

FREE = [f"--{name}-port=0" for name in ("rest", "channel", "receiver")] + ["--port=0"]
READY_S = 300


@contextmanager
def running(**environment: str) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "-m", "semlink.lab", "up", "--device=cpu", *FREE],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)} | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        for pipe in (process.stdout, process.stderr):
            assert pipe is not None
            pipe.close()


def children_of(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def lines_until(process: subprocess.Popen[str], pattern: str) -> list[str]:
    lines: list[str] = []
    assert process.stdout is not None
    for line in process.stdout:
        lines.append(line)
        if re.search(pattern, line):
            return lines
    pytest.fail(f"ended without {pattern!r}: {''.join(lines)}")


@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="counts processes in /proc")
def test_up_starts_answers_and_leaves_nobody_behind(
    tiny_segmenter: Path, tiny_gesco: Path, photo: Rgb
) -> None:
    networks = {
        "SEMLINK_TRANSMITTER_SEGMENTERS": str(tiny_segmenter),
        "SEMLINK_RECEIVER_NETWORKS": str(tiny_gesco),
    }
    fields = {"segmenter": "tiny-segmenter", "network": "tiny-gesco", "size": 64, "steps": 2}
    with running(**networks) as process:
        said = "".join(lines_until(process, "Ctrl-C"))
        (address,) = re.findall(r"gRPC +(\S+)", said)
        (rest,) = re.findall(r"REST +(\S+)", said)
        picture = Link.connect(address).send(photo, settings_from_fields(fields)).picture
        with urllib.request.urlopen(f"{rest}/readyz", timeout=10) as answer:
            status = answer.status
        children = children_of(process.pid)
        process.send_signal(signal.SIGINT)
        rest_of_it, errors = process.communicate(timeout=60)

    assert picture.shape == photo.shape
    assert status == 200
    assert len(children) == 3
    assert process.returncode == 0
    assert errors == ""
    assert "Traceback" not in said + rest_of_it
    assert "\x1b" not in said + rest_of_it
    assert re.search(r"^ *receiver \| receiver ready$", said, re.MULTILINE)
    assert not any(Path(f"/proc/{child}").exists() for child in children)


def test_a_service_that_ends_ends_the_link() -> None:
    with running(SEMLINK_CHANNEL_CALLS="0") as process:
        said, _ = process.communicate(timeout=READY_S)

    assert process.returncode == 1
    assert "channel | SEMLINK_CHANNEL_CALLS=" in said
    assert "the channel ended with 2; stopping the others" in said
    assert "Traceback" not in said


def test_port_0_becomes_a_free_one_and_others_stay() -> None:
    found = Addresses.free("127.0.0.1", port=0, rest_port=8080, channel_port=0, receiver_port=0)

    ports = {found.port, found.channel_port, found.receiver_port}
    assert found.rest_port == 8080
    assert len(ports) == 3
    assert min(ports) > 0
