"""What a sweep would take, by rows that are there or by a few that are timed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import NamedTuple

from semlink.core.errors import NotFound
from semlink.lab.sweep.grid import Task, Unit
from semlink.lab.sweep.plan import Plan
from semlink.lab.sweep.pools import LocalPool
from semlink.lab.sweep.rows import FAILED, Row
from semlink.lab.sweep.runner import Where, checked, processors, work_of
from semlink.lab.sweep.store import Store
from semlink.lab.sweep.worker import Job


class Seconds(NamedTuple):
    """What one scheme takes.

    Attributes:
        unit: for a photo, once.
        row: for every transmission of it.
    """

    unit: float
    row: float

    def of(self, unit: Unit) -> float:
        """Of a unit."""
        return self.unit + len(unit.tasks) * self.row


@dataclass(frozen=True)
class Cost:
    """What a sweep would take.

    Attributes:
        rows: all of the plan's, if no cell stops early.
        there: how many of them are there.
        photos: how many.
        cells: points of the grid.
        workers: that would share the work.
        seconds: of them all together, as if each arrived in bits of its own; loading of networks
            comes on top.
        unknown: schemes that are not among the seconds, and why: none of theirs could be sent.
    """

    rows: int
    there: int
    photos: int
    cells: int
    workers: int
    seconds: float
    unknown: dict[str, str]

    @property
    def wall_s(self) -> float:
        """Seconds until it would be over."""
        return self.seconds / self.workers


def cost(plan: Plan, folder: Path, where: Where) -> Cost:
    """Reckons; sends a few transmissions per scheme that the folder has no rows of.

    Raises:
        SemlinkError: as `sweep`.
    """
    grid = checked(plan, where)
    store = Store(folder)
    done = store.keys()
    units = [unit for round_ in grid.samples for unit in grid.units(round_, (), done)]
    known, unknown = _from_rows(store), {}
    with LocalPool(work_of(where, plan, grid), 1) as pool:
        untimed = [unit for unit in units if system_of(unit) not in known]
        for rows in pool.run(_probes(untimed), watch=lambda row: None):
            values = rows[-1].values
            known[values["system"]] = _from_probe(rows)
            if values["outcome"] == FAILED:
                unknown[values["system"]] = values["reason"]
    left = sum(len(unit.tasks) for unit in units)
    return Cost(
        rows=grid.size,
        there=grid.size - left,
        photos=len(grid.photos),
        cells=len(grid.cells),
        workers=where.workers or processors(),
        seconds=sum(known[system_of(unit)].of(unit) for unit in units),
        unknown=unknown,
    )


def system_of(unit: Unit) -> str:
    """The scheme with its settings that does a unit."""
    return unit.tasks[0].cell.system


def _from_rows(store: Store) -> dict[str, Seconds]:
    with suppress(NotFound):
        spent: dict[str, list[float]] = {}
        for row in store.read(["system", "spent_s"]).to_pylist():
            if row["spent_s"] is not None:
                spent.setdefault(row["system"], []).append(row["spent_s"])
        return {system: Seconds(0.0, fmean(seconds)) for system, seconds in spent.items()}
    return {}


def _probes(units: Iterable[Unit]) -> Iterator[Job]:
    """For every scheme a transmission that pays for what is done once, then two of a photo."""
    by_system: dict[str, list[Unit]] = {}
    for unit in units:
        by_system.setdefault(system_of(unit), []).append(unit)
    for first, *others in by_system.values():
        yield _probe(first, 1)
        yield _probe(others[-1] if others else first, 2)


def _probe(unit: Unit, count: int) -> Job:
    """Transmissions at the unit's last level, of seeds of their own."""
    cell = unit.tasks[-1].cell
    tasks = tuple(Task(f"probe {seed}", cell, seed) for seed in range(count))
    return Job.of(Unit(unit.photo, tasks))


def _from_probe(rows: list[Row]) -> Seconds:
    first, *_, then = (row.values.get("spent_s", 0.0) for row in [*rows, rows[-1]])
    return Seconds(max(0.0, first - then), then)
