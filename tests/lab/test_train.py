"""`semlink train` as a user runs it, on a folder of pictures in Cityscapes' layout."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from typer.testing import CliRunner

from semlink.core.errors import CorruptData, InvalidInput, NotFound, SemlinkError
from semlink.core.settings import settings_from_fields
from semlink.lab.cli import app, main
from semlink.lab.link import Link
from semlink.receiver.diffusion.unet import SpadeUNet, UNetConfig
from semlink.receiver.diffusion.weights import DiffusionConfig, load_diffusion, save_diffusion
from semlink.transmitter.segmentation import Segmenter

TINY = UNetConfig(
    map_channels=12,
    model_channels=32,
    channel_mult=(1, 1),
    res_blocks=(0, 0),
    attention_downsamplings=(),
    head_channels=16,
    learn_sigma=False,
    resample="plain",
    spade_hidden=4,
    spade_kernel=1,
    map_resize="area",
    map_stem=True,
    patch=4,
)
STEPS, KILL_AFTER = 20, 4
SHORT = ["--batch", "2", "--warmup", "2", "--device", "cpu"]


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    """Sums then have one order, in this process and in others."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight pictures of two sizes whose colours are their classes; a column is void."""
    root = tmp_path_factory.mktemp("data") / "city"
    for number in range(8):
        generator = np.random.default_rng(number)
        labels = generator.integers(0, 19, (6, 12)).astype(np.uint8).repeat(8, 0).repeat(8, 1)
        labels = labels[:, : 96 - 16 * (number % 2)]
        labels[:, :4] = 255
        photo = np.stack([10 * labels, 250 - 10 * labels, 5 * labels], -1)
        name = f"aachen_{number:06d}_000019"
        write(root / "leftImg8bit/train/aachen" / f"{name}_leftImg8bit.png", photo)
        write(root / "gtFine/train/aachen" / f"{name}_gtFine_labelTrainIds.png", labels)
    return root


@pytest.fixture(scope="module")
def shape(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The config.json of a tiny network, of another data set's classes."""
    folder = tmp_path_factory.mktemp("shape")
    config = DiffusionConfig(network=TINY, taxonomy="camvid", height=32, width=64)
    save_diffusion(folder, config, SpadeUNet(TINY).state_dict())
    return folder / "config.json"


def write(path: Path, picture: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(picture).save(path)


def gesco(city: Path, shape: Path, out: Path, *more: str, steps: int = STEPS) -> list[str]:
    data = ["gesco", "--data", str(city), "--layout", "cityscapes", "--out", str(out)]
    length = ["--steps", str(steps), "--size", "32", "--network", str(shape)]
    return ["train", *data, *length, *SHORT, *more]


def segmenter(city: Path, out: Path, *more: str) -> list[str]:
    data = ["segmenter", "--data", str(city), "--layout", "cityscapes", "--out", str(out)]
    return ["train", *data, "--steps", "3", "--size", "48", *SHORT, *more]


def invoke(arguments: Sequence[str]) -> str:
    """The command in this process; its errors as they are."""
    result = CliRunner().invoke(app, list(arguments), catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def program(arguments: Sequence[str]) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-u", "-m", "semlink.lab", *arguments],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path), "OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def final(run: Path) -> dict[str, Any]:
    state: dict[str, Any] = torch.load(run / "checkpoint.pt", weights_only=True)
    return state


@pytest.fixture(scope="module")
def whole(city: Path, shape: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that nothing happened to."""
    out = tmp_path_factory.mktemp("runs") / "whole"
    invoke(gesco(city, shape, out))
    return out


@pytest.fixture(scope="module")
def killed(city: Path, shape: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that was killed on the way and resumed."""
    out = tmp_path_factory.mktemp("runs") / "killed"
    arguments = gesco(city, shape, out, "--save-s", "0")
    with program(arguments) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if line.startswith(f"step {KILL_AFTER},"):
                process.send_signal(signal.SIGKILL)
                break
    assert process.returncode == -signal.SIGKILL
    assert KILL_AFTER - 1 <= final(out)["step"] < STEPS
    said = invoke([*arguments, "--resume"])
    assert "going on after step" in said
    return out


def test_a_killed_run_ends_where_an_unbroken_one_does(whole: Path, killed: Path) -> None:
    one, other = final(whole), final(killed)
    assert one["step"] == other["step"] == STEPS
    for kind in ("networks", "averages"):
        for name, value in one[kind]["unet"].items():
            assert torch.equal(value, other[kind]["unet"][name]), (kind, name)
    moments = one["optimisers"]["unet"]["state"], other["optimisers"]["unet"]["state"]
    for ours, theirs in zip(*(state.values() for state in moments), strict=True):
        assert all(torch.equal(ours[name], theirs[name]) for name in ours)


def test_the_curves_go_on_where_the_run_was_killed(killed: Path) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    curves = EventAccumulator(str(killed / "curves")).Reload()
    # Two runs that begin in one second are read in the order of their process numbers.
    steps = sorted(event.step for event in curves.Scalars("loss/pixels"))
    assert steps == list(range(1, STEPS + 1))
    rates = {event.step: event.value for event in curves.Scalars("learning rate over its peak")}
    assert max(rates.values()) <= 1
    assert rates[STEPS] == pytest.approx(0, abs=1e-6)
    assert curves.Images("sheet")


def test_the_run_says_how_it_was_made(killed: Path, city: Path) -> None:
    options = json.loads((killed / "options.json").read_text())
    assert (options["training"], options["data"], options["batch"]) == ("gesco", str(city), 2)
    assert options["resume"] is True


def test_what_was_trained_sends_a_photo(city: Path, killed: Path, tmp_path: Path) -> None:
    invoke(segmenter(city, tmp_path / "segmenter-run"))
    folders = [tmp_path / "my-network", tmp_path / "my-segmenter"]
    for run, folder in zip((killed, tmp_path / "segmenter-run"), folders, strict=True):
        invoke(["train", "export", str(run), str(folder)])
        assert (folder / "README.md").read_text().startswith(f"# {folder.name}\n")
    _, config = load_diffusion(folders[0], torch.device("cpu"), torch.float32)
    assert (config.taxonomy, config.network.map_channels) == ("cityscapes", 20)
    settings = settings_from_fields(
        {"network": "my-network", "segmenter": "my-segmenter", "size": 64, "steps": 2}
    )
    photo = min(city.rglob("*_leftImg8bit.png"))
    result = Link.local("cpu", folders=folders).send(photo, settings)
    assert result.picture.shape == (48, 96, 3)
    assert result.picture.std() > 0


def test_a_segmenter_is_scored(city: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    invoke(segmenter(city, run))
    assert Segmenter.load(run / "model").classes[0] == "road"
    arguments = [str(city), "--layout", "cityscapes", "--split", "train", "--json"]
    scores = json.loads(
        invoke(["train", "evaluate", *arguments, "--segmenter", str(run / "model")])
    )
    assert 0 <= scores["mean_iou"] <= 1
    assert set(scores["iou"]) <= set(Segmenter.load(run / "model").classes)
    with pytest.raises(InvalidInput, match="other classes"):
        invoke(["train", "evaluate", *arguments, "--segmenter", "segmenter-camvid"])


def test_photos_alone_are_learnt_from_by_what_a_segmenter_finds(
    city: Path, shape: Path, tiny_segmenter: Path, tmp_path: Path
) -> None:
    arguments = gesco(city / "leftImg8bit", shape, tmp_path / "run", steps=1)
    arguments[arguments.index("cityscapes")] = "folder"
    with pytest.raises(InvalidInput, match="--segmenter"):
        invoke(arguments)
    said = invoke([*arguments, "--segmenter", str(tiny_segmenter)])
    assert "8 pictures, trained at 56x32, classes of camvid" in said  # 88x48 is the median
    assert final(tmp_path / "run")["identity"]["taxonomy"] == "camvid"


def test_a_network_goes_on_with_another_scheme_and_other_classes(
    city: Path, shape: Path, whole: Path, tmp_path: Path
) -> None:
    arguments = gesco(city, shape, tmp_path / "run", "--start", str(whole / "model"), steps=1)
    arguments[1] = "spic"
    assert "begin anew" not in invoke(arguments)
    assert final(tmp_path / "run")["identity"]["low_res_channels"] == 3


def refused(arguments: Sequence[str]) -> SemlinkError:
    with pytest.raises(SemlinkError) as caught:
        invoke(arguments)
    return caught.value


def test_what_cannot_be_trained_is_refused_with_its_cure(
    city: Path, shape: Path, whole: Path, tmp_path: Path
) -> None:
    (tmp_path / "empty").mkdir()
    out = tmp_path / "run"
    error = refused(gesco(tmp_path / "nowhere", shape, out))
    assert (type(error), error.field) == (NotFound, "data")
    error = refused(gesco(tmp_path / "empty", shape, out))
    assert (type(error), error.field) == (NotFound, "data")
    assert "leftImg8bit/{train" in error.cure
    error = refused(gesco(city, shape, whole))
    assert (error.field, "--resume" in error.cure) == ("out", True)
    error = refused([*gesco(city, shape, whole, "--resume"), "--network", "small"])
    assert (error.field, "channel_mult" in error.message) == ("resume", True)
    error = refused(gesco(city, shape, Path("/proc/none/run")))
    assert error.field == "out"
    error = refused(gesco(city, shape, out, "--minutes", "1"))
    assert error.field == "steps"
    error = refused(gesco(city, shape, out, "--height", "33", "--width", "64"))
    assert (error.field, error.value) == ("height", "33")
    error = refused(gesco(city, tmp_path / "none.json", out))
    assert error.field == "network"
    error = refused(gesco(city, shape, out, "--backbone", str(shape)))
    assert error.field == "backbone"
    error = refused(["train", "export", str(tmp_path / "empty"), str(out)])
    assert (type(error), error.field) == (NotFound, "run")


def test_a_photo_without_labels_is_named(city: Path, shape: Path, tmp_path: Path) -> None:
    stray = tmp_path / "leftImg8bit/train/x/x_leftImg8bit.png"
    write(stray, np.zeros((32, 32, 3), np.uint8))
    error = refused(gesco(tmp_path, shape, tmp_path / "run"))
    assert "no label map" in error.message
    assert "x/x_gtFine" in error.value


def test_a_damaged_checkpoint_is_named(city: Path, shape: Path, tmp_path: Path) -> None:
    (tmp_path / "checkpoint.pt").write_bytes(b"no checkpoint")
    error = refused(gesco(city, shape, tmp_path, "--resume"))
    assert (type(error), error.field) == (CorruptData, "run")


def test_a_user_sees_one_line_and_no_stack(
    city: Path,
    shape: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    arguments = gesco(city, shape, tmp_path / "run", "--layout", "camvidd")
    monkeypatch.setattr(sys, "argv", ["semlink", *arguments])
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    with pytest.raises(SystemExit) as ended:
        main()
    said = capsys.readouterr()
    assert (ended.value.code, said.out, len(said.err.splitlines())) == (2, "", 1)
    assert "layout=camvidd: there is no such layout" in said.err
    assert not (tmp_path / "run").exists()


def test_the_missing_extra_is_named(
    city: Path, shape: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("semlink.lab.training.launching.find_spec", lambda _name: None)
    assert "semlink[training]" in refused(gesco(city, shape, tmp_path / "run")).cure
