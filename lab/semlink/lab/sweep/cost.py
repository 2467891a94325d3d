"""What a sweep would take, by rows that are there or by a few that are timed."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import NamedTuple

from semlink.core.errors import NotFound
from semlink.lab.sweep.grid import Cell, Grid, Task, Unit
from semlink.lab.sweep.plan import Plan
from semlink.lab.sweep.pools import LocalPool
from semlink.lab.sweep.rows import Row
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


@dataclass(frozen=True)
class Cost:
    """What a sweep would take.

    Attributes:
        rows: all of the plan's, if no cell stops early.
        there: how many of them are there.
        photos: how many.
        cells: points of the grid.
        workers: that would share the work.
        seconds: of them all together; loading of networks comes on top.
    """

    rows: int
    there: int
    photos: int
    cells: int
    workers: int
    seconds: float

    @property
    def wall_s(self) -> float:
        """Seconds until it would be over."""
        return self.seconds / self.workers


def cost(plan: Plan, folder: Path, where: Where) -> Cost:
    """Reckons; sends two transmissions per scheme that the folder has no rows of.

    Raises:
        SemlinkError: as `sweep`.
    """
    grid = checked(plan, where)
    store = Store(folder)
    done = store.keys()
    units = [unit for round_ in grid.samples for unit in grid.units(round_, (), done)]
    known = _from_rows(store)
    unknown = {system_of(unit): unit for unit in units if system_of(unit) not in known}
    with LocalPool(work_of(where, plan, grid), 1) as pool:
        jobs = (_probe(unit, grid) for unit in unknown.values())
        for rows in pool.run(jobs, watch=lambda row: None):
            known[rows[0].values["system"]] = _from_probe(rows)
    seconds = sum(
        known[system_of(unit)].unit + len(unit.tasks) * known[system_of(unit)].row
        for unit in units
    )
    left = sum(len(unit.tasks) for unit in units)
    workers = where.workers or processors()
    return Cost(grid.size, grid.size - left, len(grid.photos), len(grid.cells), workers, seconds)


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


def _probe(unit: Unit, grid: Grid) -> Job:
    """Two transmissions at the unit's last level, of seeds of their own."""
    cell: Cell = unit.tasks[-1].cell
    return Job.of(Unit(unit.photo, tuple(Task(f"probe {seed}", cell, seed) for seed in (0, 1))))


def _from_probe(rows: list[Row]) -> Seconds:
    first, then = (row.values.get("spent_s", 0.0) for row in rows)
    return Seconds(max(0.0, first - then), then)
