"""Runs a plan: what is there stays, what is missing is sent, and every row is kept once."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from semlink.core.errors import InvalidInput, SemlinkError
from semlink.lab.link import Link
from semlink.lab.metrics.table import check_names
from semlink.lab.sweep.grid import Cell, Grid, Unit, key, spell_out
from semlink.lab.sweep.origin import networks_of
from semlink.lab.sweep.plan import Plan, plan_text, read_plan
from semlink.lab.sweep.pools import LocalPool, Pool, RayPool
from semlink.lab.sweep.rows import Row, asked, failed, schema
from semlink.lab.sweep.stopping import Sample, check_rule, enough
from semlink.lab.sweep.store import PLAN, Store, opened
from semlink.lab.sweep.worker import PATIENCE_S, Job, Work
from semlink.zoo import find


@dataclass(frozen=True, kw_only=True)
class Where:
    """Who does the work.

    Attributes:
        workers: processes; None for one per processor.
        link: HOST:PORT of running services; None for a link in every worker.
        device: of the link in the workers, as torch names it; None for the best there is.
        ray: address of a Ray cluster; None for processes of this machine.
        timeout_s: after which a transmission has failed; None for no limit.
        patience_s: how long services that are busy, or that went away, are waited for.
        pictures: whether reconstructions are kept beside the rows.
    """

    workers: int | None = None
    link: str | None = None
    device: str | None = None
    ray: str | None = None
    timeout_s: float | None = None
    patience_s: float = PATIENCE_S
    pictures: bool = False


HERE = Where()


class Watcher:
    """Gets what happens; this one does nothing.

    Whatever it raises stops the sweep; rows that are done are kept.
    """

    def starts(self, total: int, there: int) -> None:
        """The work begins: so many rows if no cell stops early, so many of them there before."""

    def row(self, row: Row) -> None:
        """A row is done."""

    def spares(self, rows: int) -> None:
        """Cells have had enough, which spares so many rows."""


def sweep(
    plan: Plan,
    folder: Path,
    where: Where = HERE,
    *,
    retry_failed: bool = False,
    watcher: Watcher | None = None,
) -> pa.Table:
    """Sends all that a plan asks for and is not in the folder yet.

    Args:
        plan: what to send.
        folder: of the rows; made if it is not there. One that was stopped goes on.
        where: who does the work, which changes no row but in its timings.
        retry_failed: whether rows that failed before are sent again.
        watcher: gets what happens.

    Returns:
        The plan's rows, in the plan's order.

    Raises:
        InvalidInput: the plan cannot be run, or the folder cannot be written.
        NotFound: there are no photos, or a network is missing.
        Busy: another sweep writes in the folder.
    """
    grid = checked(plan, where)
    watcher = watcher or Watcher()
    with ExitStack() as stack:
        store = stack.enter_context(opened(folder, pictures=where.pictures))
        _check_metrics(store, plan)
        store.write_plan(plan_text(plan))
        if retry_failed:
            store.drop_failed()
        run = _Run(plan, grid, store, watcher)
        pool = stack.enter_context(_pool(where, plan, grid))
        run.all(pool)
        return run.table()


def checked(plan: Plan, where: Where) -> Grid:
    """The plan spelled out, with all that can be found wrong before the work.

    Raises:
        SemlinkError: as `sweep`.
    """
    grid = spell_out(plan)
    check_names(plan.metrics)
    check_rule(plan.stop_when, plan.metrics)
    if where.workers is not None and where.workers < 1:
        raise InvalidInput(
            "somebody has to work.", field="workers", value=where.workers, cure="Use 1 or more."
        )
    if where.link is None:
        _check_networks(grid)
        return grid
    Link.connect(where.link)  # says whether that is an address
    if grid.folders or where.device:
        raise InvalidInput(
            "services have their own.",
            field="network" if grid.folders else "device",
            value=grid.folders[0] if grid.folders else where.device,
            cure="Leave it out, or leave out --link.",
        )
    return grid


class _Run:
    """One run of a plan over a folder."""

    def __init__(self, plan: Plan, grid: Grid, store: Store, watcher: Watcher):
        self._plan, self._grid, self._store, self._watcher = plan, grid, store, watcher
        self._schema = schema(plan.metrics)
        self._closed: set[int] = set()

    def all(self, pool: Pool) -> None:
        """Every round; cells that have had enough are left out of the next."""
        done = self._store.keys()
        there = sum(key in done for key in self._grid.keys())
        self._watcher.starts(self._grid.size, there)
        rounds = self._grid.samples
        for index, round_ in enumerate(rounds):
            units = self._grid.units(round_, self._closed, done)
            self._send(units, pool)
            if index + 1 < len(rounds):
                done = self._store.keys()
                self._close(index + 1, done)

    def table(self) -> pa.Table:
        """The plan's rows in its order."""
        table = self._store.read()
        order = {key: index for index, key in enumerate(self._grid.keys())}
        places = [order.get(key, -1) for key in table["key"].to_pylist()]
        rows = sorted((place, row) for row, place in enumerate(places) if place >= 0)
        return table.take([row for _, row in rows])

    def _close(self, rounds: int, done: set[str]) -> None:
        """Closes cells by the rows of the first so many rounds, whatever else is there."""
        rule = self._plan.stop_when
        table = self._store.read(["key", *rule])
        values = {
            name: dict(zip(table["key"].to_pylist(), table[name].to_pylist(), strict=True))
            for name in rule
        }
        sent = [sample for round_ in self._grid.samples[:rounds] for sample in round_]
        for cell in self._grid.cells:
            if cell.index in self._closed:
                continue
            keys = [(photo.digest, key(photo, cell, seed)) for seed, photo in sent]
            found = {
                name: [Sample(photo, values[name].get(k)) for photo, k in keys] for name in rule
            }
            if enough(rule, found):
                self._closed.add(cell.index)
                self._watcher.spares(self._left(cell, rounds, done))

    def _left(self, cell: Cell, rounds: int, done: set[str]) -> int:
        """Rows of a cell that were not sent in the first so many rounds."""
        later = [sample for round_ in self._grid.samples[rounds:] for sample in round_]
        return sum(key(photo, cell, seed) not in done for seed, photo in later)

    def _send(self, units: Iterable[Unit], pool: Pool) -> None:
        """Does units; what is done when something stops it is written all the same."""
        unwritten: dict[str, Row] = {}

        def watch(row: Row) -> None:
            unwritten[row.key] = row
            self._watcher.row(row)

        def write(rows: Sequence[Row]) -> None:
            self._store.write(rows, self._schema)
            for row in rows:
                del unwritten[row.key]

        def jobs() -> Iterator[Job]:
            for unit in units:
                try:
                    yield Job.of(unit)
                except SemlinkError as error:  # the photo or its labels cannot be read
                    rows = _unread(unit, error)
                    for row in rows:
                        watch(row)
                    write(rows)

        try:
            for rows in pool.run(jobs(), watch):
                write(rows)
        except BaseException:
            if unwritten:
                self._store.write(list(unwritten.values()), self._schema)
            raise


def _unread(unit: Unit, error: SemlinkError) -> list[Row]:
    photo = unit.photo
    return [
        Row(asked(task, photo.name, str(photo.path), photo.digest) | failed(error))
        for task in unit.tasks
    ]


def _pool(where: Where, plan: Plan, grid: Grid) -> Pool:
    work = work_of(where, plan, grid)
    if where.ray is not None:
        return RayPool(work, where.workers, where.ray)
    return LocalPool(work, where.workers or processors())


def work_of(where: Where, plan: Plan, grid: Grid) -> Work:
    """What every worker has to know."""
    return Work(
        link=where.link,
        device=where.device,
        folders=grid.folders,
        metrics=plan.metrics,
        evaluation={str(name): network for name, network in plan.evaluation.items()},
        timeout_s=where.timeout_s,
        patience_s=where.patience_s,
        pictures=where.pictures,
    )


def processors() -> int:
    """Those that this process may use."""
    return (
        len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    )


def _check_metrics(store: Store, plan: Plan) -> None:
    """Whether the rows that are there have the plan's metrics."""
    before = store.folder / PLAN
    if not store.parts or not before.is_file():
        return
    metrics = read_plan(before).metrics
    if set(metrics) != set(plan.metrics):
        raise InvalidInput(
            f"the rows that are there have other ones: {', '.join(metrics) or 'none'}.",
            field="metrics",
            value=", ".join(plan.metrics) or "none",
            cure="Ask for the same, or name another folder.",
        )


def _check_networks(grid: Grid) -> None:
    """Whether the zoo has the networks; those of the hub are seen to when they are loaded.

    Raises:
        NotFound: one is not there.
    """
    own = {folder.name for folder in grid.folders}
    networks = {name for cell in grid.cells for name in networks_of(cell.settings)}
    for name in sorted(networks - own):
        if "/" not in name:
            find(name)
