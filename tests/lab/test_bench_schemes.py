"""What each half of a transmission takes, with networks of random weights."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from semlink.core.capture import read_capture
from semlink.core.errors import InternalError
from semlink.core.pictures import Size
from semlink.core.schemes import Scheme
from semlink.core.sqgan.weights import read_folder
from semlink.lab import bench_schemes, half_cost
from semlink.lab.bench_schemes import Row, cost, measure, random_cost, tell
from semlink.lab.half_cost import HALVES, HalfCost, measured

MIB = 1 << 20
ROWS = [
    Row("webp", "short side 192", HalfCost(0.25, 40 * MIB), HalfCost(0.125, 30 * MIB)),
    Row("gesco", "short side 192", HalfCost(1.5, 100 * MIB), HalfCost(10.0, 200 * MIB)),
]


def in_this_process(half: str, task: dict[str, Any], threads: int) -> HalfCost:
    """Does what the child process does, without starting one."""
    seconds = HALVES[half](**task)
    return HalfCost(seconds, half_cost._noted["peak_bytes"])


@pytest.fixture
def without_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench_schemes, "measured", in_this_process)


@pytest.mark.usefixtures("without_processes")
@pytest.mark.parametrize("scheme", ["sqgan", "sgc", "webp"])
def test_both_halves_of_a_transmission_are_measured(
    photo_file: Path, scheme: str, tiny_segmenter: Path, tiny_sgc: Path, tiny_sqgan: Path
) -> None:
    own = (tiny_segmenter, tiny_sgc, tiny_sqgan)
    folders = {folder.name: str(folder) for folder in own}
    fields: dict[str, Any] = {"scheme": scheme, "size": 64, "cpp": 1.0}
    if scheme != "webp":
        fields |= {"segmenter": "tiny-segmenter", "network": f"tiny-{scheme}", "steps": 2}
        fields |= {"tokenizer": "tiny-sqgan"}
    row = cost(photo_file, scheme, fields, folders, threads=1)
    assert (row.name, row.size) == (scheme, "short side 64")
    for half in (row.transmitter, row.receiver):
        assert half.seconds > 0
        assert half.peak_bytes > 0


def test_what_the_transmitter_leaves_is_what_was_asked_for(
    photo_file: Path, tmp_path: Path
) -> None:
    capture = tmp_path / "air.slnk"
    fields = {"scheme": "jpeg2000", "size": 64, "cpp": 1.0, "psnr_db": 20.0}
    HALVES["transmitter"](str(photo_file), fields, {}, str(capture))
    kept = read_capture(capture)
    assert kept.settings.scheme is Scheme.JPEG2000
    assert kept.propagation.frame.scheme is Scheme.JPEG2000


@pytest.mark.usefixtures("without_processes")
def test_networks_of_any_shape_are_measured_alone(tiny_sqgan: Path) -> None:
    small = read_folder(json.loads((tiny_sqgan / "config.json").read_text())).network
    row = random_cost("small", small, Size(64, 96), threads=1)
    assert (row.name, row.size) == ("small", "64x96")
    assert row.receiver.seconds > 0


def test_a_process_that_only_imports_takes_nothing_beyond_itself() -> None:
    assert measured("imports", {"modules": ["json", "no_such_module"]}, threads=1).seconds == 0
    assert measured("imports", {"modules": ["json"]}, threads=1).peak_bytes < 8 * MIB


def test_a_process_that_fails_is_an_error() -> None:
    with pytest.raises(InternalError, match=r"process for imports failed: .*unexpected"):
        measured("imports", {"unexpected": 1}, threads=1)


def test_schemes_without_their_network_are_left_out(
    photo_file: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(bench_schemes, "names", lambda: ("gesco-camvid",))
    monkeypatch.setattr(bench_schemes, "cost", lambda _, name, *__: replace(ROWS[0], name=name))
    asked = [Scheme.GESCO, Scheme.SPIC, Scheme.WEBP]
    rows = measure(photo_file, asked, published=False)
    assert [row.name for row in rows] == ["gesco", "webp"]
    assert "spic-camvid is not there" in capsys.readouterr().err


def test_every_form_says_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    tell(ROWS, threads=1, json=False, markdown=False)
    assert "gesco" in (shown := capsys.readouterr().out)
    tell(ROWS, threads=1, json=False, markdown=True)
    lines = capsys.readouterr().out.splitlines()
    for text in ("0.25", "40", "10.00", "200"):
        assert text in shown
        assert any(text in line for line in lines)
    tell(ROWS, threads=1, json=True, markdown=False)
    told = json.loads(capsys.readouterr().out)["rows"]
    assert told[1]["receiver"] == {"seconds": 10.0, "peak_bytes": 200 * MIB}
