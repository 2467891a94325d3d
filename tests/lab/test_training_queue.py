from __future__ import annotations

import inspect
from pathlib import Path

import pytest

from semlink.lab import train_cli
from semlink.lab.training import queue
from semlink.lab.training.queue import ITEMS, TRAIN, Item, run_queue

COUNT = """
import pathlib, sys
data, out, minutes = sys.argv[1], pathlib.Path(sys.argv[3]), sys.argv[5]
with (out / "checkpoint").open("a") as file:
    file.write("step\\n")
(out / "model").mkdir(exist_ok=True)
print(data, minutes, *sys.argv[6:])
"""
FAIL = "raise SystemExit(3)"
HANG = "import time; time.sleep(60)"


def item(share: float, code: str, after: str = "", otherwise: str = "") -> Item:
    return Item(share, ("-c", code, "{data}/camvid"), after, otherwise)


def test_items_get_their_shares_and_go_on_when_run_again(tmp_path: Path) -> None:
    items = {"first": item(3.0, COUNT), "second": item(1.0, COUNT)}
    for runs in (1, 2):
        assert run_queue(items, Path("data"), tmp_path, 8.0)
        for name, minutes in (("first", 6.0), ("second", 2.0)):
            log = (tmp_path / name / "log.txt").read_text()
            assert log == f"data/camvid {minutes}\n" * runs
            assert (tmp_path / name / "checkpoint").read_text() == "step\n" * runs


def test_an_item_starts_from_the_one_before_it_or_else_from_the_zoo(tmp_path: Path) -> None:
    after = item(1.0, COUNT, "first", "zoo-name")
    assert run_queue({"second": after}, Path("data"), tmp_path, 1.0)
    assert run_queue({"first": item(1.0, COUNT), "second": after}, Path("data"), tmp_path, 2.0)
    alone, both = (tmp_path / "second" / "log.txt").read_text().splitlines()
    assert alone.endswith("--start zoo-name")
    assert both.endswith(f"--start {tmp_path / 'first' / 'model'}")


def test_a_failing_item_does_not_keep_the_next_from_its_turn(tmp_path: Path) -> None:
    items = {"bad": item(1.0, FAIL), "good": item(1.0, COUNT)}
    assert not run_queue(items, Path("data"), tmp_path, 1.0)
    assert (tmp_path / "good" / "checkpoint").exists()
    first, second = (tmp_path / "queue.txt").read_text().splitlines()
    assert first.startswith("bad: failed with status 3")
    assert second.startswith("good: done")


def test_an_item_that_hangs_is_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queue, "GRACE_S", 0.2)
    assert not run_queue({"hangs": item(1.0, HANG)}, Path("data"), tmp_path, 0.0)
    assert "too slow" in (tmp_path / "queue.txt").read_text()


@pytest.mark.parametrize("name", ITEMS)
def test_the_listed_trainings_are_ones_that_the_command_line_knows(name: str) -> None:
    arguments = ITEMS[name].command
    assert arguments[: len(TRAIN)] == TRAIN
    command = getattr(train_cli, arguments[len(TRAIN)])
    known = {f"--{field.replace('_', '-')}" for field in inspect.signature(command).parameters}
    given = [argument for argument in arguments if argument.startswith("--")]
    assert {*given, "--out", "--minutes", "--start"} <= known
    assert ITEMS[name].after in {"", *ITEMS}
