"""Rows that are made again: equal, and if not, it is said where."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from semlink.core.errors import CorruptData, InvalidInput, NotFound
from semlink.lab.report import Written, replay
from semlink.lab.report.replay import read_receipt

Change = Callable[[dict[str, Any]], None]


@pytest.fixture
def changed(written: Written, tmp_path: Path) -> Callable[[Change], Path]:
    """A copy of the receipt, with a change in its last row, which has a picture."""

    def change(what: Change) -> Path:
        made = json.loads(written.receipt.read_text())
        what(made["rows"][-1])
        file = tmp_path / "receipt.json"
        file.write_text(json.dumps(made))
        return file

    return change


def semlink(*arguments: str | Path, monkeypatch: Any) -> int:
    """The exit code of a command."""
    from semlink.lab import cli

    monkeypatch.setattr(sys, "argv", ["semlink", *map(str, arguments)])
    with pytest.raises(SystemExit) as exit_:
        cli.main()
    return int(exit_.value.code or 0)


def test_a_row_comes_out_equal(
    written: Written, tmp_path: Path, monkeypatch: Any, capsys: Any
) -> None:
    code = semlink(
        *("replay", written.receipt, "12", "-o", tmp_path / "again.png"), monkeypatch=monkeypatch
    )

    told = capsys.readouterr()
    assert (code, told.err) == (0, "")
    assert told.out.startswith("equal: ")
    assert "and the picture" in told.out
    assert (tmp_path / "again.png").is_file()


def test_what_was_tampered_with_is_said(
    changed: Callable[[Change], Path], monkeypatch: Any, capsys: Any
) -> None:
    def tamper(row: dict[str, Any]) -> None:
        row["settings"]["channel"]["level"] += 1.0
        row["versions"]["torch"] = "1.0"

    code = semlink("replay", changed(tamper), "12", "--json", monkeypatch=monkeypatch)

    told = json.loads(capsys.readouterr().out)
    differ = {found["column"] for found in told["differences"]}
    assert code == 1
    assert {"key", "level", "psnr_db", "ssim", "picture"} <= differ
    assert differ & {"photo", "seed", "scheme", "bits_per_pixel", "working_height"} == set()
    assert any(warning.startswith("torch is ") for warning in told["warnings"])


def test_rows_are_found_by_number_and_by_key(written: Written, swept_folder: Path) -> None:
    from semlink.lab.report.replay import _chosen

    rows = read_receipt(written.receipt)["rows"]
    key = rows[3]["key"]

    assert read_receipt(written.page.parent)["rows"] == rows
    assert [row["key"] for row in read_receipt(swept_folder)["rows"]] == [
        row["key"] for row in rows
    ]
    assert _chosen(rows, "4")["key"] == _chosen(rows, key[:8])["key"] == key
    for wrong in ("0", "13", key[:7] + "x", "x" * 32, "-1", ""):
        with pytest.raises(NotFound, match=r"no such row.*1 \.\. 12"):
            _chosen(rows, wrong)


def test_a_photo_that_changed_or_went_is_said(
    changed: Callable[[Change], Path], tmp_path: Path, pictures: Path
) -> None:
    other = tmp_path / "other.png"
    shutil.copy(pictures / "0.png", other)

    def elsewhere(row: dict[str, Any]) -> None:
        row["photo_file"] = str(other)

    receipt = changed(elsewhere)
    with pytest.raises(InvalidInput, match="another than the one that was sent"):
        replay(receipt, "12")
    other.unlink()
    with pytest.raises(NotFound, match="no such file"):
        replay(receipt, "12")


def test_other_weights_are_refused(changed: Callable[[Change], Path]) -> None:
    def retrained(row: dict[str, Any]) -> None:
        row["settings"] |= {"scheme": "gesco"}
        row["weights"] = {"gesco-camvid": "00"}

    with pytest.raises(InvalidInput, match="its weights are others"):
        replay(changed(retrained), "12")


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"rows": [], "plan": {}}', "\x00"])
def test_what_is_no_receipt_is_refused(text: str, tmp_path: Path) -> None:
    file = tmp_path / "receipt.json"
    file.write_text(text)

    with pytest.raises(CorruptData, match="no receipt"):
        replay(file, "1")
    with pytest.raises(NotFound, match="no such receipt"):
        replay(tmp_path / "none.json", "1")
