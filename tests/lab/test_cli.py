"""The command line as a user runs it: exit codes, what is said where, and the files."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from semlink.core.capture import read_capture
from semlink.core.noise import NoiseKind
from semlink.core.pictures import LabelMap, Rgb, decode_png
from semlink.core.schemes import Scheme
from semlink.core.settings import ChannelModel, Denoiser, Sampler, TransmissionSettings
from semlink.lab.cli import app, main

ENVIRONMENT = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path), "COLUMNS": "200"}
TINY = ["--segmenter", "tiny-segmenter", "--network", "tiny-gesco", "--size", "64", "--steps", "2"]


def semlink(*arguments: str | Path, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "semlink.lab", *map(str, arguments)],
        env=ENVIRONMENT,
        cwd=cwd,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )


def pixels(path: Path) -> Rgb | LabelMap:
    return decode_png(path.read_bytes())


def help_of(command: str) -> str:
    return CliRunner().invoke(app, [command, "--help"], env={"COLUMNS": "200"}).output


@pytest.mark.parametrize("choices", [Scheme, ChannelModel, Sampler, Denoiser])
def test_help_names_every_choice(choices: Any) -> None:
    text = help_of("send")

    assert all(choice.value in text for choice in choices)


def test_help_states_the_defaults_of_the_settings() -> None:
    text = " ".join(help_of("send").split())
    defaults = TransmissionSettings()

    for value in (defaults.size, defaults.segmenter, defaults.receiver.steps):
        assert f"[default: ({value})]" in text
    for value in (defaults.receiver.network, defaults.receiver.sampler.value):
        assert f"[default: ({value})]" in text


def test_every_noise_kind_is_an_option() -> None:
    text = help_of("send")

    assert all(f"--{kind.value.replace('_', '-')}" in text for kind in NoiseKind)


def test_send_over_services_writes_the_picture_and_the_sheet(
    link_address: str, photo_file: Path, tmp_path: Path
) -> None:
    picture, sheet = tmp_path / "out.png", tmp_path / "sheet.png"

    run = semlink(
        "send", photo_file, "-o", picture, "--sheet", sheet, "--link", link_address, *TINY
    )

    assert run.returncode == 0, run.stderr
    assert pixels(picture).shape == pixels(photo_file).shape
    assert pixels(sheet).shape[1] > 2000
    assert sorted(tmp_path.iterdir()) == [picture, sheet]
    assert "\x1b" not in run.stdout + run.stderr
    assert str(picture) in run.stdout


def test_json_is_one_object_and_nothing_else(
    link_address: str, photo_file: Path, tmp_path: Path
) -> None:
    run = semlink(
        "send",
        photo_file,
        *("--psnr-db", "inf", "--seed", "4", "--json", "--link", link_address),
        *TINY,
        cwd=tmp_path,
    )

    told = json.loads(run.stdout)
    assert run.stderr == ""
    assert told["picture"] == "reconstruction.png"
    assert (tmp_path / "reconstruction.png").is_file()
    assert told["settings"]["seed"] == 4
    assert told["settings"]["channel"] == {"model": "awgn", "noise": "psnr_db", "level": "inf"}
    assert told["working_size"] == [64, 96]
    assert told["channel_uses"] == sum(item["channel_uses"] for item in told["payloads"])
    assert told["channel_uses_per_pixel"] == pytest.approx(told["channel_uses"] / (64 * 96))
    assert told["map_accuracy"]["received"] == 1.0
    assert told["draws"][0]["measured_psnr_db"] == "inf"
    stages = {name: value for name, value in told["seconds"].items() if name != "total"}
    assert sum(stages.values()) == pytest.approx(told["seconds"]["total"])


def test_send_in_this_process_is_the_same_picture(
    link_address: str, photo_file: Path, tiny_segmenter: Path, tiny_gesco: Path, tmp_path: Path
) -> None:
    own = [f"--segmenter={tiny_segmenter}", f"--network={tiny_gesco}", *TINY[4:]]

    here = semlink(
        "send",
        photo_file,
        *(f"--output={tmp_path / 'here.png'}", f"--capture={tmp_path / 'air.slnk'}"),
        *("--device", "cpu"),
        *own,
    )
    there = semlink(
        "send", photo_file, "-o", tmp_path / "there.png", *TINY, "--link", link_address
    )

    assert here.returncode == there.returncode == 0, here.stderr + there.stderr
    np.testing.assert_array_equal(pixels(tmp_path / "here.png"), pixels(tmp_path / "there.png"))
    assert read_capture(tmp_path / "air.slnk").settings.receiver.steps == 2


Failure = Callable[..., tuple[int, str]]


@pytest.fixture
def failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Failure]:
    """Exit code and the one line on stderr of a `send` that leaves no file behind."""
    monkeypatch.chdir(tmp_path)
    handler = signal.getsignal(signal.SIGINT)

    def fail(*arguments: str | Path) -> tuple[int, str]:
        monkeypatch.setattr(sys, "argv", ["semlink", "send", *map(str, arguments)])
        with pytest.raises(SystemExit) as end:
            main()
        said = capsys.readouterr()
        assert said.out == ""
        assert said.err.count("\n") == 1
        assert list(tmp_path.glob("*.png*")) == []
        assert isinstance(end.value.code, int)
        return end.value.code, said.err

    yield fail
    signal.signal(signal.SIGINT, handler)


def test_a_file_that_is_no_photo_exits_2(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("not a picture")

    run = semlink("send", "notes.txt", cwd=tmp_path)

    assert run.returncode == 2
    assert run.stdout == ""
    assert run.stderr == (
        "photo=13 bytes: the upload is not a picture that can be read. "
        "Send one of JPEG, PNG, WEBP, BMP, TIFF, PPM.\n"
    )


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nowhere.jpg"], "photo=nowhere.jpg: there is no such file. Check the path."),
        (["PHOTO", "--size", "100"], "size=100: input should be a multiple of 32."),
        (["PHOTO", "--sampler", "dice"], "sampler='dice'"),
        (["PHOTO", "--psnr-db", "3", "--sigma", "1"], "noise=psnr_db, sigma: more than one"),
        (["PHOTO", "-o", "missing/out.png"], "folder=missing: nothing can be written"),
        (["PHOTO", "-o", "out.gif"], "output=out.gif: it is written as PNG only."),
        (["PHOTO", "--link", "nowhere"], "link=nowhere: that is no address. Give HOST:PORT."),
        (["PHOTO", "--link", "a:1", "--device", "cpu"], "device=cpu: services have their own."),
    ],
    ids=lambda value: " ".join(value[1:]) if isinstance(value, list) else "",
)
def test_bad_arguments_exit_2_with_field_value_and_cure(
    arguments: list[str], said: str, photo_file: Path, failure: Failure
) -> None:
    given = [str(photo_file) if item == "PHOTO" else item for item in arguments]

    code, line = failure(*given)

    assert code == 2
    assert line.startswith(said)


def test_nobody_at_the_link_exits_3_at_once(photo_file: Path, failure: Failure) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"

    start = time.perf_counter()
    code, line = failure(photo_file, "--link", address)

    assert time.perf_counter() - start < 10
    assert code == 3
    assert line.startswith(f"the transmitter at {address} cannot be reached")


def test_time_that_runs_out_exits_4(link_address: str, photo_file: Path, failure: Failure) -> None:
    slow = [*TINY[:-1], "1000", "--sampler", "ddpm", "--timeout-s", "0.5"]

    code, _ = failure(photo_file, "--link", link_address, *slow)

    assert code == 4


def test_bench_counts_every_second_once(link_address: str, photo_file: Path) -> None:
    run = semlink("bench", "link", photo_file, photo_file, "--json", "--link", link_address, *TINY)

    told = json.loads(run.stdout)
    seconds = told["seconds"]
    total = seconds.pop("total")
    assert told["photos"] == 2
    assert {"read", "segment", "network", "sampler", "transport"} <= set(seconds)
    assert sum(seconds.values()) == pytest.approx(total)
    networks = seconds["segment"] + seconds["network"]
    assert told["overhead"] == pytest.approx(1 - networks / total)
