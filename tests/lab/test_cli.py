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
from semlink.core.channel_settings import ChannelModel, ChannelSettings
from semlink.core.choices import Csi, Denoiser, Preset, Sampler, Transport
from semlink.core.noise import NoiseKind
from semlink.core.pictures import LabelMap, Rgb, decode_png
from semlink.core.schemes import SEPARATE, Scheme
from semlink.core.settings import PhotoSettings, ReceiverSettings
from semlink.lab.cli import app, main
from semlink.lab.options import SETTINGS

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


FIELDS = {  # of all settings, by their flat names
    **PhotoSettings.model_fields,
    **ChannelSettings.model_fields,
    **ReceiverSettings.model_fields,
}


def test_every_setting_is_an_option_and_no_option_is_none() -> None:
    nested = {"model", "noise", "level"}
    flat = set(FIELDS) - nested | set(NoiseKind) | {"channel"}

    assert set(SETTINGS) == flat - {"preview_steps"}  # nobody looks at a preview here


@pytest.mark.parametrize("name", [name for name in SETTINGS if name in FIELDS])
def test_options_state_the_defaults_of_the_settings(name: str) -> None:
    (option,) = SETTINGS[name].__metadata__
    default = FIELDS[name].default
    stated = f"{default:g}" if isinstance(default, float) else str(default)

    if default in (None, ""):
        assert " " in option.show_default
    else:
        assert option.show_default == stated
        assert f"[default: ({stated})]" in help_of("send")


@pytest.mark.parametrize("choices", [Scheme, Preset, Transport, Csi, Sampler, Denoiser])
def test_help_names_every_choice(choices: Any) -> None:
    text = help_of("send")

    assert all(choice.value in text for choice in choices)


def test_help_names_every_channel_or_its_family() -> None:
    text = help_of("send")

    for model in ChannelModel:
        family, _, profile = model.value.partition("-")
        assert family in text
        assert not profile or f"{family}-a .. {family}-e" in text


@pytest.mark.parametrize(
    ("command", "option"),
    [
        (["send"], "--burst-packets"),
        (["demo"], "--psnr-db"),
        (["bench", "link"], "--steps"),
        (["bench", "codecs"], "--cpp"),
        (["bench", "radio"], "--json"),
    ],
)
def test_every_command_explains_itself(command: list[str], option: str) -> None:
    run = CliRunner().invoke(app, [*command, "--help"], env={"COLUMNS": "200"})

    assert run.exit_code == 0
    assert option in run.output


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
    channel = told["settings"]["channel"]
    assert (channel["model"], channel["noise"], channel["level"]) == ("awgn", "psnr_db", "inf")
    assert (told["scheme"], told["outcome"], told["lost"]) == ("gesco", "reconstructed", [])
    assert told["working_size"] == [64, 96]
    assert [stream["name"] for stream in told["streams"]] == ["header", "map"]
    assert told["streams"][0]["mcs"] == "qpsk-1/5"
    assert told["channel_uses"] == sum(item["channel_uses"] for item in told["streams"])
    assert told["channel_uses_per_pixel"] == pytest.approx(told["channel_uses"] / (64 * 96))
    assert told["map_accuracy"]["received"] == 1.0
    assert told["streams"][1]["measured_psnr_db"] == "inf"
    assert 3.0 < told["psnr_db"] < 60.0
    stages = {name: value for name, value in told["seconds"].items() if name != "total"}
    assert sum(stages.values()) == pytest.approx(told["seconds"]["total"])


def lost_transmission(link_address: str, photo_file: Path, *options: str) -> list[str | Path]:
    return ["send", photo_file, "--psnr-db=-30", *options, "--link", link_address, *TINY]


def test_a_lost_picture_exits_5_with_a_report_a_sheet_and_no_picture(
    link_address: str, photo_file: Path, tmp_path: Path
) -> None:
    run = semlink(
        *lost_transmission(link_address, photo_file, "--sheet", "sheet.png"), cwd=tmp_path
    )

    assert run.returncode == 5
    assert run.stderr.startswith(
        "outcome=outage: no picture can be made: the radio lost the header"
    )
    assert run.stderr.count("\n") == 1
    assert "outage: the header did not arrive" in run.stdout
    assert "1 of 1" in run.stdout
    assert [path.name for path in tmp_path.iterdir()] == ["sheet.png"]


def test_a_lost_picture_as_json(link_address: str, photo_file: Path, tmp_path: Path) -> None:
    run = semlink(*lost_transmission(link_address, photo_file, "--json"), cwd=tmp_path)

    told = json.loads(run.stdout)
    assert run.returncode == 5
    assert (told["outcome"], told["lost"]) == ("outage", ["header"])
    assert (told["psnr_db"], told["map_accuracy"]["received"]) == (None, None)
    assert told["streams"][0]["blocks_lost"] == told["streams"][0]["blocks"] == 1
    assert "picture" not in told
    assert list(tmp_path.iterdir()) == []


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
        (["PHOTO", "--scheme", "gif"], "scheme='gif'"),
        (["PHOTO", "--mcs", "8psk-1/2"], "mcs=8psk-1/2: there is no such modulation"),
        (["PHOTO", "--bpp", "1", "--cpp", "1"], "bpp, cpp=1, 1: two budgets are given."),
        (["PHOTO", "--channel", "tdl-a", "--pilots", "14"], "pilots=14: a slot has 14 symbols"),
        (
            ["PHOTO", "--preset", "paper", "--scheme", "webp"],
            "preset=paper, scheme webp: there is no paper",
        ),
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


def test_codecs_are_compared_over_one_channel(link_address: str, photo_file: Path) -> None:
    levels = ("--psnr-db", "12", "--psnr-db", "-10")
    options = ("--size", "64", "--cpp", "0.5", "--json", "--link", link_address)

    run = semlink("bench", "codecs", photo_file, *levels, *options)

    clear, noisy = json.loads(run.stdout)["tables"]
    assert (clear["psnr_db"], noisy["psnr_db"]) == (12.0, -10.0)
    assert [row["codec"] for row in clear["rows"]] == [*SEPARATE, Scheme.ANALOG]
    sent = [row for row in clear["rows"] if row["outcome"] != "impossible"]
    assert {row["outcome"] for row in sent} == {"reconstructed"}
    assert all(row["channel_uses_per_pixel"] <= 0.5 for row in sent)
    assert all(row["psnr_db"] > 5.0 for row in sent)
    coded = [
        row for row in noisy["rows"] if row["codec"] in SEPARATE and row["outcome"] != "impossible"
    ]
    assert coded
    assert {row["outcome"] for row in coded} <= {"lost", "outage"}
