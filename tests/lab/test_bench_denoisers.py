from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from semlink.core.choices import Denoiser
from semlink.lab import bench_denoisers
from semlink.lab.bench_denoisers import Score, measure
from semlink.lab.cli import app
from semlink.lab.data import LabelledPictures, open_labelled

SCORES = [Score(Denoiser.FDS, 0.0, 0.9354, 0.7184, 46.2)]


@pytest.fixture(scope="module")
def maps(tmp_path_factory: pytest.TempPathFactory) -> LabelledPictures:
    """Two label maps in CamVid's layout, of three classes each."""
    root = tmp_path_factory.mktemp("camvid")
    for name, classes in {"a": (0, 3, 7), "b": (1, 3, 11)}.items():
        labels = np.full((96, 128), classes[0], np.uint8)
        labels[50:], labels[20:70, 90:100] = classes[1:]
        for folder, picture in {
            "images": np.zeros((96, 128, 3), np.uint8),
            "labels": labels,
        }.items():
            path = root / "test" / folder / f"{name}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(picture).save(path)
    return open_labelled("camvid", root, "test")


@pytest.mark.parametrize("channel", ["awgn", "erasure"])
def test_every_denoiser_is_scored_at_every_level(maps: LabelledPictures, channel: str) -> None:
    scores = measure(maps, [0, 1], [-5.0, 0.0], channel)
    assert [(score.psnr_db, score.denoiser) for score in scores] == [
        (level, denoiser) for level in (-5.0, 0.0) for denoiser in Denoiser
    ]
    found = {(score.psnr_db, score.denoiser): score for score in scores}
    for level in (-5.0, 0.0):
        none, fds, ours = (found[level, denoiser] for denoiser in Denoiser)
        assert none.accuracy < fds.accuracy < ours.accuracy <= 1.0
        assert none.miou < fds.miou < ours.miou <= 1.0


def test_without_noise_nothing_is_lost(maps: LabelledPictures) -> None:
    none, _, ours = measure(maps, [1], [np.inf], "awgn")
    assert none.accuracy == none.miou == ours.accuracy == ours.miou == 1.0


def test_the_table_is_in_per_cent(capsys: pytest.CaptureFixture[str]) -> None:
    bench_denoisers.tell(SCORES, "two maps", json=False)
    told = capsys.readouterr().out
    assert all(text in told for text in ("two maps", "fds", "93.54", "71.84", "46"))


def test_json_has_every_score(capsys: pytest.CaptureFixture[str]) -> None:
    bench_denoisers.tell(SCORES, "two maps", json=True)
    (score,) = json.loads(capsys.readouterr().out)["scores"]
    assert (score["denoiser"], score["miou"]) == ("fds", 0.7184)


def test_the_command_sends_what_it_is_asked(maps: LabelledPictures) -> None:
    root: Path = maps.photos[0].parents[2]
    options = ["--photos", "1", "--psnr-db", "20", "--channel", "rayleigh", "--json"]
    run = CliRunner().invoke(app, ["bench", "denoisers", str(root), *options])
    assert run.exit_code == 0, run.output
    told = json.loads(run.stdout)
    assert told["title"] == "1 maps of CamVid's test split over rayleigh"
    assert len(told["scores"]) == len(Denoiser)
