"""Writes a report's folder, whole or not at all."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import mkdtemp

from semlink.core.errors import InvalidInput
from semlink.lab.report.claims import Verdict
from semlink.lab.report.content import Content, content_of
from semlink.lab.report.grids import draw_grid
from semlink.lab.report.page import page
from semlink.lab.report.swept import read_swept
from semlink.lab.report.tables import files

PAGE, RECEIPT, FIGURES, TABLES = "index.html", "receipt.json", "figures", "tables"
OWN = {PAGE, RECEIPT, FIGURES, TABLES}


@dataclass(frozen=True)
class Written:
    """A report on disk.

    Attributes:
        page: its HTML.
        receipt: its receipt.
        verdicts: of the claims.
        rows: how many it is about.
    """

    page: Path
    receipt: Path
    verdicts: tuple[Verdict, ...]
    rows: int


def write_report(
    folder: Path, output: Path | None = None, *, title: str | None = None, plan: Path | None = None
) -> Written:
    """Makes a report of a sweep.

    Args:
        folder: of the sweep.
        output: folder of the report, made if it is not there; an earlier report in it is
            replaced. None for `report` in the sweep's folder.
        title: of the page; None for the plan's.
        plan: a file whose `report` goes before that of the sweep's plan.

    Raises:
        NotFound: there is no sweep in the folder.
        InvalidInput: the plan is wrong, or the output cannot be written or is no report.
        CorruptData: a file of rows is damaged.
    """
    target = output or folder / "report"
    swept = read_swept(folder, plan)
    _check_target(target)
    content = content_of(swept, title)
    try:
        _put(target, _files(content))
    except OSError as error:
        raise _cannot_write(target, error) from error
    verdicts = tuple(verdict for verdict, _ in content.verdicts)
    return Written(target / PAGE, target / RECEIPT, verdicts, len(swept.rows))


def _files(content: Content) -> dict[str, bytes]:
    """All files of a report by their path in its folder."""
    found = {
        PAGE: page(content).encode(),
        RECEIPT: (json.dumps(content.receipt, indent=1, allow_nan=False) + "\n").encode(),
    }
    for table in (content.points, *(table for _, table in content.verdicts)):
        texts = files(table)
        found |= {
            f"{TABLES}/{table.stem}.{suffix}": text.encode() for suffix, text in texts.items()
        }
    drawn = {drawing.stem: made for drawing, made in content.figures}
    drawn |= {grid.stem: draw_grid(grid) for grid in content.grids}
    for stem, made in drawn.items():
        found |= {f"{FIGURES}/{stem}.{suffix}": data for suffix, data in made.items()}
    return found


def _check_target(target: Path) -> None:
    """Whether a report can be put there, before the work.

    Raises:
        InvalidInput: it cannot.
    """
    if target.exists() and not target.is_dir():
        raise InvalidInput("that is a file.", field="output", value=target, cure="Name a folder.")
    strange = {path.name for path in target.iterdir()} - OWN if target.is_dir() else set()
    if strange:
        raise InvalidInput(
            f"that folder has other things in it, such as {min(strange)}.",
            field="output",
            value=target,
            cure="Name a new one, or that of an earlier report.",
        )
    if not target.parent.is_dir() or not os.access(target.parent, os.W_OK):
        raise InvalidInput(
            "nothing can be written in that folder.",
            field="output",
            value=target.parent,
            cure="Make it first, or name another.",
        )


def _put(target: Path, found: Mapping[str, bytes]) -> None:
    """Writes beside the target, then swaps: who looks there finds the old report or the new."""
    aside = Path(mkdtemp(prefix=f".{target.name}.", suffix=".part", dir=target.parent))
    new, old = aside / "new", aside / "old"
    try:
        for name, data in found.items():
            (new / name).parent.mkdir(parents=True, exist_ok=True)
            (new / name).write_bytes(data)
        if target.exists():
            target.rename(old)
        try:
            new.rename(target)
        except OSError:
            with suppress(OSError):
                old.rename(target)
            raise
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def _cannot_write(target: Path, error: OSError) -> InvalidInput:
    reason = os.strerror(error.errno) if error.errno else str(error)
    return InvalidInput(
        f"the report cannot be written there: {reason}.",
        field="output",
        value=target,
        cure="Make room, or name another folder.",
    )
