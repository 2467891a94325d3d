"""A sweep beside a loop of single sends, with real programs."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from semlink.core.errors import InternalError
from semlink.core.schemes import Scheme
from semlink.lab.bench_sweep import Compared, Spent, measure, tell


@pytest.fixture
def small_photo(tmp_path: Path) -> Path:
    pixels = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "small.png")
    return tmp_path / "small.png"


def test_both_ways_are_taken_and_timed_and_leave_nothing(
    small_photo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(sys.path))
    monkeypatch.chdir(tmp_path)
    found = measure([small_photo], [Scheme.ANALOG], [10.0])
    assert found.transmissions == 1
    for spent in (found.sends, found.sweep):
        assert spent.wall_s > 0
        assert spent.processor_s > 0
    assert list(tmp_path.iterdir()) == [small_photo]


def test_a_program_that_fails_is_said(tmp_path: Path) -> None:
    with pytest.raises(InternalError, match=r"semlink send failed: .*missing"):
        measure([tmp_path / "missing.png"], [Scheme.ANALOG], [10.0])


def test_the_gain_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    found = Compared(4, Spent(30.0, 50.0), Spent(3.0, 10.0))
    tell(found, json=False)
    assert capsys.readouterr().out.split()[-4:] == ["10.0", "x", "5.0", "x"]
    tell(found, json=True)
    assert json.loads(capsys.readouterr().out)["sweep"] == {"wall_s": 3.0, "processor_s": 10.0}
