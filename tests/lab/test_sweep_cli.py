"""`semlink sweep` as a user runs it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.lab.sweeping import nobody_listens
from typer.testing import CliRunner

from semlink.core.errors import InvalidInput
from semlink.core.pictures import Rgb, encode_png
from semlink.lab.cli import app
from semlink.lab.options import SETTINGS
from semlink.lab.sweep.command import planned
from semlink.lab.sweep.plan import Plan, make_plan, plan_text
from semlink.lab.sweep.progress import duration
from semlink.lab.sweep_cli import VARIED

ENVIRONMENT = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path), "COLUMNS": "200"}
GRID = ["--scheme", "analog", "--psnr-db", "5,20", "--seeds", "2", "--size", "64"]


@pytest.fixture(scope="module")
def photos(photo: Rgb, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A photo, and a file that is none."""
    folder = tmp_path_factory.mktemp("photos")
    (folder / "good.png").write_bytes(encode_png(photo))
    (folder / "corrupt.png").write_bytes(b"no picture")
    return folder


def semlink_sweep(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "semlink.lab", "sweep", *map(str, arguments)],
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )


def test_options_are_a_plan() -> None:
    options: dict[str, Any] = dict.fromkeys([*SETTINGS, *VARIED])
    given = {
        "scheme": ["webp", "spic,steps=50"],
        "channel": ["rayleigh,csi=estimated"],
        "psnr_db": "0,5",
        "sigma": "0.1",
        "cpp": "0.25,1",
        "seeds": "3",
        "metric": ["ssim"],
        "stop_when": ["psnr_db=0.2"],
        "size": 64,
    }

    assert planned(None, ["photos"], options | given) == make_plan(
        {
            "photos": ["photos"],
            "schemes": [{"scheme": "webp"}, {"scheme": "spic", "steps": 50}],
            "channels": [{"channel": "rayleigh", "csi": "estimated"}],
            "levels": {"psnr_db": [0, 5], "sigma": [0.1]},
            "budgets": {"cpp": [0.25, 1]},
            "seeds": [0, 1, 2],
            "metrics": ["ssim"],
            "stop_when": {"psnr_db": 0.2},
            "settings": {"size": 64},
        }
    )


def test_options_go_before_the_file(tmp_path: Path) -> None:
    file = tmp_path / "plan.yaml"
    fields = {"photos": "here", "seeds": 2, "settings": {"size": 96, "steps": 5}}
    file.write_text(plan_text(make_plan(fields)))

    plan: Plan = planned(file, [], {"seeds": "7,8", "size": 64})

    assert (plan.photos[0].path, plan.seeds) == ("here", (7, 8))
    assert plan.settings == {"size": 64, "steps": 5}
    assert planned(file, ["there"], {}).photos[0].path == "there"


def test_a_rule_without_a_number_is_named() -> None:
    with pytest.raises(InvalidInput, match=r"stop_when=psnr_db.*psnr_db=0\.2"):
        planned(None, ["photos"], {"stop_when": ["psnr_db"]})


def test_help_has_every_setting() -> None:
    run = CliRunner().invoke(app, ["sweep", "--help"], env={"COLUMNS": "200"})

    assert run.exit_code == 0
    options = [f"--{name.replace('_', '-')}" for name in {*SETTINGS, *VARIED} - {"seed"}]
    assert [option for option in options if option not in run.output] == []


def test_a_sweep_says_its_points_and_its_failures(
    photos: Path, link_address: str, tmp_path: Path
) -> None:
    first = semlink_sweep(photos, *GRID, "--link", link_address, "-o", tmp_path)
    again = semlink_sweep(photos, *GRID, "--link", link_address, "-o", tmp_path, "--json")
    told = json.loads(again.stdout)

    assert (first.returncode, again.returncode) == (1, 1)
    assert "psnr_db 20" in first.stdout
    assert "2 of 4 (2 failed)" in first.stdout
    assert f"8 rows in {tmp_path}" in first.stdout
    assert first.stderr.startswith("4 failed: UnsupportedMedia: photo=10 bytes")
    assert "--retry-failed" in first.stderr
    assert (told["rows"], told["failed"]) == (8, 4)
    assert [point["names"]["level"] for point in told["points"]] == [5.0, 20.0]
    assert told["points"][1]["psnr_db"]["mean"] > told["points"][0]["psnr_db"]["mean"]


def test_a_dry_run_counts_and_times_and_writes_nothing(
    photos: Path, link_address: str, tmp_path: Path
) -> None:
    folder = tmp_path / "out"
    run = semlink_sweep(
        photos / "good.png", *GRID, "--link", link_address, "-o", folder, "--dry-run", "--json"
    )
    told = json.loads(run.stdout)

    assert run.returncode == 0, run.stderr
    assert (told["rows"], told["there"], told["photos"], told["cells"]) == (4, 0, 1, 2)
    assert 0 < told["wall_s"] <= told["seconds"] < 1000
    assert not folder.exists()


def test_a_dry_run_says_what_it_cannot_time(photos: Path, tmp_path: Path) -> None:
    with nobody_listens() as address:
        run = semlink_sweep(photos, *GRID, "--link", address, "-o", tmp_path, "--dry-run")

    assert run.returncode == 0, run.stderr
    assert "8 rows" in run.stdout
    assert "without analog, which failed: Unavailable: " in run.stdout


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["{}/empty"], "photos"),
        ([], "photos"),
        (["{}/photo.png", "--scheme", "morse"], "scheme"),
        (["{}/photo.png", "--metric", "beauty"], "beauty"),
        (["{}/photo.png", "-o", "{}/photo.png/out"], "photo.png"),
        (["{}/photo.png", "--link", "nowhere"], "nowhere"),
    ],
)
def test_wrong_input_is_one_red_line(
    photo_file: Path, arguments: list[str], named: str, capsys: Any, monkeypatch: Any
) -> None:
    from semlink.lab import cli

    folder = photo_file.parent
    (folder / "empty").mkdir(exist_ok=True)
    monkeypatch.chdir(folder)
    given = [argument.format(folder) for argument in arguments]
    monkeypatch.setattr(sys, "argv", ["semlink", "sweep", "--scheme", "analog", *given])

    with pytest.raises(SystemExit) as exit_:
        cli.main()

    assert exit_.value.code == 2
    error = capsys.readouterr().err
    assert named in error
    assert error.count("\n") == 1


def test_a_duration_is_said_as_people_do() -> None:
    assert [duration(seconds) for seconds in (5.0, 600.0, 36e3)] == ["5 s", "10 min", "10.0 h"]
