from __future__ import annotations

import json
import time

import pytest

from semlink.lab import bench_radio
from semlink.lab.bench_radio import RadioBench, Speed, alternated

BENCH = RadioBench(
    3,
    1,
    (
        Speed("awgn, 1,000", "Msymbol", 30.0, 20.0),
        Speed("protobuf and back, 1,000", "Msymbol", 80.0),
        Speed("16qam-1/2", "kbit", 160.0, 20.0, 1, 2),
    ),
)


def test_jobs_run_in_turns_after_one_run_to_warm_up() -> None:
    ran: list[str] = []

    def slow() -> None:
        ran.append("slow")
        time.sleep(0.02)

    seconds = alternated({"slow": slow, "fast": lambda: ran.append("fast")}, 3)
    assert ran == ["slow", "fast"] * 4
    assert seconds["slow"] >= 0.02
    assert seconds["fast"] < seconds["slow"]


def test_the_table_has_ratios_and_failed_blocks(capsys: pytest.CaptureFixture[str]) -> None:
    bench_radio.tell(BENCH, json=False)
    told = capsys.readouterr().out
    for text in ("Medians of 3, 1 threads", "1.50", "8.00", "1, 2"):
        assert text in told


def test_json_has_every_speed(capsys: pytest.CaptureFixture[str]) -> None:
    bench_radio.tell(BENCH, json=True)
    told = json.loads(capsys.readouterr().out)
    assert [speed["ratio"] for speed in told["speeds"]] == [1.5, None, 8.0]
    assert told["speeds"][2]["bare_errors"] == 2


def test_a_small_bench_measures_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench_radio, "SYMBOLS", (2 * bench_radio.SLOT,))
    monkeypatch.setattr(bench_radio, "PAYLOADS", {30: 2})
    monkeypatch.setattr(bench_radio, "SNR_DB", (12.0,))
    speeds = bench_radio.measure(1).speeds
    assert [speed.name.split(",")[0] for speed in speeds] == [
        "awgn",
        "rayleigh",
        "tdl-a",
        "protobuf and back",
        "16qam-1/2",
        "16qam-1/2",
    ]
    assert all(speed.ours > 0 for speed in speeds)
    assert (speeds[-2].our_errors, speeds[-2].bare_errors) == (0, 0)
    assert speeds[-1].name.endswith("Sionna's stopped")
