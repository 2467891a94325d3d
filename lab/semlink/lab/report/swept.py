"""The folder of a sweep as a report reads it: the plan, its rows, and its points with numbers."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby
from pathlib import Path

from semlink.core.errors import NotFound, SemlinkError
from semlink.core.events import Outcome
from semlink.lab.metrics import METRICS, Interval, Over, columns_of, set_interval
from semlink.lab.sweep.grid import cells_of, row_key
from semlink.lab.sweep.photos import find_photos
from semlink.lab.sweep.plan import Plan, choice_name, curve_name, make_plan, read_plan
from semlink.lab.sweep.rows import FAILED, IMPOSSIBLE, Values
from semlink.lab.sweep.stopping import Sample, estimate
from semlink.lab.sweep.store import PICTURES, PLAN, Store
from semlink.lab.sweep.wanted import ARRIVED

PICTURE = (Outcome.RECONSTRUCTED.value, Outcome.PARTIAL.value)
LOST = (Outcome.LOST.value, Outcome.OUTAGE.value)
OUTCOMES = (*(outcome.value for outcome in Outcome), IMPOSSIBLE, FAILED)
POINT = ("system", "channel", "level_kind", "level", "budget_kind", "budget")


@dataclass(frozen=True)
class Point:
    """One point of the grid.

    Attributes:
        system: the scheme as the plan names it.
        curve: what it shares with schemes that differ in their rate alone.
        channel: as the plan names it.
        level_kind: of the noise level.
        level: its value.
        budget_kind: bpp or cpp; None without a budget.
        budget: its value; None without one.
        shared_budget: what points at one level share: the plan's budget, not a scheme's own.
        rows: of photos and seeds, in the plan's order.
    """

    system: str
    curve: str
    channel: str
    level_kind: str
    level: float
    budget_kind: str | None
    budget: float | None
    shared_budget: tuple[str, float] | None
    rows: tuple[Values, ...]

    def count(self, *outcomes: str) -> int:
        """Rows that ended so."""
        return sum(row["outcome"] in outcomes for row in self.rows)

    @property
    def pictures(self) -> int:
        """Rows with a picture."""
        return self.count(*PICTURE)

    @property
    def sent(self) -> int:
        """Rows that came to an end, with a picture or without."""
        return self.count(*PICTURE, *LOST)

    @property
    def sends_samples(self) -> bool:
        """Whether some of it travels as real samples, which no count of bits knows."""
        return any(stream["samples"] for row in self.rows for stream in row["streams"] or ())

    def interval(self, name: str) -> Interval:
        """A number over the photos whose rows have it, with its 95 % interval.

        Means are taken over photos' means, by Student's t; mIoU, accuracies and distances of sets
        over all rows at once, by drawing photos anew (see `set_interval`). nan where no row has
        one; bounds are nan where there is one photo.
        """
        if name not in self._intervals:
            self._intervals[name] = self._interval(name)
        return self._intervals[name]

    @cached_property
    def _intervals(self) -> dict[str, Interval]:
        return {}

    def _interval(self, name: str) -> Interval:
        if name in METRICS and METRICS[name].over is not Over.MEAN:
            there = [
                {column: row[column] for column in columns_of(name) if row.get(column) is not None}
                for row in self.rows
            ]
            return set_interval(name, there, [row["photo_digest"] for row in self.rows])
        found = estimate(Sample(row["photo_digest"], number(row, name)) for row in self.rows)
        return Interval(found.mean, found.mean - found.half_width, found.mean + found.half_width)


@dataclass(frozen=True)
class Swept:
    """A sweep that is over, or as far as it came.

    Attributes:
        folder: of the sweep.
        plan: that ran last.
        rows: of the plan, in its order.
        wanted: how many rows the plan asks for; None where its photos are not found any more.
        others: rows in the folder that are not the plan's.
    """

    folder: Path
    plan: Plan
    rows: tuple[Values, ...]
    wanted: int | None
    others: int

    @cached_property
    def points(self) -> tuple[Point, ...]:
        """In the plan's order."""
        curves = {
            choice_name(choice, "scheme"): curve_name(choice) for choice in self.plan.schemes
        }
        groups = groupby(self.rows, lambda row: tuple(row[name] for name in POINT))
        return tuple(_point(tuple(rows), curves) for _, rows in groups)

    @property
    def systems(self) -> dict[str, str]:
        """Curve by system, in the plan's order."""
        return {point.system: point.curve for point in self.points}

    @property
    def numbers(self) -> tuple[str, ...]:
        """Metrics that are reported, PSNR among them."""
        return tuple(dict.fromkeys((*self.plan.metrics, "psnr_db")))

    @property
    def photos(self) -> dict[str, str]:
        """Names of the photos by digest."""
        return {row["photo_digest"]: row["photo"] for row in self.rows}

    def picture(self, key: str) -> Path | None:
        """The file of a kept picture."""
        path = self.folder / PICTURES / f"{key}.webp"
        return path if path.is_file() else None


def read_swept(folder: Path, plan: Path | None = None) -> Swept:
    """Reads a sweep's folder.

    Args:
        folder: that `semlink sweep` wrote.
        plan: a file whose `report` goes before that of the sweep's plan.

    Raises:
        NotFound: there is no such folder, or it has no rows of its plan.
        InvalidInput: the plan cannot be read, or the report asks for what the sweep has not got.
        CorruptData: a file of rows is damaged.
    """
    if not (folder / PLAN).is_file():
        raise NotFound(
            "this is no folder of a sweep.",
            field="folder",
            value=folder,
            cure="Name the one that semlink sweep wrote with -o.",
        )
    found = read_plan(folder / PLAN)
    if plan is not None:
        found = make_plan(found.model_dump() | {"report": read_plan(plan).report.model_dump()})
    every = Store(folder).read().to_pylist()
    keys, wanted = _keys(found, [row["photo_digest"] for row in every])
    rows = {row["key"]: row for row in every}
    ours = tuple(rows[key] for key in keys if key in rows)
    if not ours:
        raise NotFound(
            f"none of the {len(every)} rows in this folder is of its plan.",
            field="folder",
            value=folder,
            cure="Run semlink sweep with the plan again.",
        )
    return Swept(folder, found, ours, wanted, len(every) - len(ours))


def _keys(plan: Plan, digests: Sequence[str]) -> tuple[list[str], int | None]:
    """Keys of the plan's rows in its order, and how many; photos that are gone are the rows'."""
    cells, _ = cells_of(plan)
    wanted = None
    photos = list(dict.fromkeys(digests))
    try:
        photos = [photo.digest for photo in find_photos(plan.photos)]
        wanted = len(cells) * len(photos) * len(plan.seeds)
    except SemlinkError:
        pass  # rows of photos that are elsewhere are as good
    places = ((photo, cell, seed) for cell in cells for photo in photos for seed in plan.seeds)
    return [row_key(photo, cell.digest, seed) for photo, cell, seed in places], wanted


def _point(rows: tuple[Values, ...], curves: dict[str, str]) -> Point:
    names = {name: rows[0][name] for name in POINT}
    kind, budget = names["budget_kind"], names["budget"]
    own = kind is not None and json.loads(rows[0]["options"]).get(kind) == budget
    shared = None if kind is None or own else (kind, budget)
    curve = curves.get(names["system"], names["system"])
    return Point(curve=curve, shared_budget=shared, rows=rows, **names)


def number(row: Values, name: str) -> float | None:
    """A number of a row; None where it has none."""
    if name == ARRIVED:
        return float(row["outcome"] in PICTURE) if row["outcome"] in (*PICTURE, *LOST) else None
    value: float | None = row.get(name)
    return value
