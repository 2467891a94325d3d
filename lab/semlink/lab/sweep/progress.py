"""What the terminal shows of a sweep: a bar while it runs, a table when it is over."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from types import TracebackType
from typing import Any

import pyarrow as pa
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from semlink.core.events import Outcome
from semlink.lab.sweep.rows import FAILED, Row
from semlink.lab.sweep.runner import Watcher
from semlink.lab.sweep.stopping import Estimate, Sample, estimate

POINT = ("system", "channel", "level_kind", "level", "budget_kind", "budget")
"""Columns that say which point of the grid a row is of."""

PICTURE = (Outcome.RECONSTRUCTED, Outcome.PARTIAL)
SPEED_S = 600.0  # over which the time that is left is reckoned: schemes differ in speed


class Bars(Watcher):
    """A bar of rows on stderr, with the time that is left; nothing where it is no terminal."""

    def __init__(self) -> None:
        console = Console(stderr=True)
        self._bars = Progress(
            TextColumn("sending", style="bold"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[note]}", style="dim"),
            TimeRemainingColumn(elapsed_when_finished=True),
            console=console,
            disable=not console.is_terminal,
            speed_estimate_period=SPEED_S,
        )
        self._task = self._bars.add_task("", total=None, note="")
        self._failed = 0

    def __enter__(self) -> Bars:
        self._bars.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._bars.stop()

    def starts(self, total: int, there: int) -> None:
        """As `Watcher.starts`."""
        self._bars.update(self._task, total=total, completed=there)
        if there and not self._bars.disable:
            self._bars.console.print(f"{there} of {total} rows are there.", highlight=False)

    def row(self, row: Row) -> None:
        """As `Watcher.row`."""
        if row.values["outcome"] == FAILED:
            self._failed += 1
            self._bars.update(self._task, note=f"{self._failed} failed")
        self._bars.advance(self._task)

    def spares(self, rows: int) -> None:
        """As `Watcher.spares`."""
        total = self._bars.tasks[self._task].total or 0
        self._bars.update(self._task, total=total - rows)


@dataclass(frozen=True)
class Point:
    """One point of the grid.

    Attributes:
        names: values of `POINT`.
        rows: how many.
        pictures: how many of them have a picture.
        failed: how many an error stopped.
        psnr_db: mean over photos, of those with a picture.
        bits_per_pixel: the same.
        channel_uses_per_pixel: the same.
    """

    names: dict[str, Any]
    rows: int
    pictures: int
    failed: int
    psnr_db: Estimate
    bits_per_pixel: Estimate
    channel_uses_per_pixel: Estimate


NUMBERS = ("psnr_db", "bits_per_pixel", "channel_uses_per_pixel")


def points(table: pa.Table) -> list[Point]:
    """A sweep's table, point by point, in its order."""
    rows = table.select([*POINT, "photo_digest", "outcome", *NUMBERS]).to_pylist()
    groups = groupby(rows, lambda row: {name: row[name] for name in POINT})
    return [_point(names, list(group)) for names, group in groups]


def _point(names: dict[str, Any], rows: Sequence[dict[str, Any]]) -> Point:
    outcomes = [row["outcome"] for row in rows]
    found = {
        name: estimate(Sample(row["photo_digest"], row[name]) for row in rows) for name in NUMBERS
    }
    pictures = sum(outcome in PICTURE for outcome in outcomes)
    return Point(names, len(rows), pictures, outcomes.count(FAILED), **found)


def summary(found: Sequence[Point]) -> Table:
    """A line per point of the grid."""
    table = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for index, name in enumerate(
        ["scheme", "channel", "level", "budget", "pictures", "PSNR dB", "bpp", "cpp"]
    ):
        table.add_column(name, justify="left" if index < 2 else "right", no_wrap=True)
    for point in found:
        table.add_row(*_cells(point), style="yellow" if point.failed else None)
    return table


def _cells(point: Point) -> Iterator[str]:
    names = point.names
    failed = f" ({point.failed} failed)" if point.failed else ""
    yield names["system"]
    yield names["channel"]
    yield f"{names['level_kind']} {names['level']:g}"
    yield f"{names['budget_kind']} {names['budget']:g}" if names["budget_kind"] else "-"
    yield f"{point.pictures} of {point.rows}{failed}"
    yield _interval(point.psnr_db, "{:.2f}")
    yield _interval(point.bits_per_pixel, "{:.3f}")
    yield _interval(point.channel_uses_per_pixel, "{:.3f}")


def _interval(found: Estimate, form: str) -> str:
    if math.isnan(found.mean):
        return "-"
    width = form.format(found.half_width)
    certain = math.isnan(found.half_width) or float(width) == 0.0
    return form.format(found.mean) + ("" if certain else f" ± {width}")


def duration(seconds: float) -> str:
    """A time as people say it."""
    minutes = seconds / 60
    if minutes < 2:
        return f"{seconds:.0f} s"
    return f"{minutes:.0f} min" if minutes < 120 else f"{minutes / 60:.1f} h"
