"""Where the work is done: processes of this machine, or actors of a Ray cluster."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import replace
from multiprocessing.connection import Connection, wait
from typing import Any, TypeVar

from semlink.core.errors import InternalError, InvalidInput, Unavailable
from semlink.lab.sweep.rows import Row, failed
from semlink.lab.sweep.worker import Job, Work, Worker

P = TypeVar("P", bound="Pool")
Watch = Callable[[Row], None]
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"), "1")
GOODBYE_S = 5.0
DEATHS = 2  # of workers over one row: then it has failed


class Pool(ABC):
    """Workers."""

    @abstractmethod
    def run(self, jobs: Iterable[Job], watch: Watch) -> Iterator[list[Row]]:
        """Does jobs, in no order.

        Args:
            jobs: taken one by one, when a worker is free.
            watch: gets every row as soon as it is known.

        Yields:
            The rows of one job.
        """

    def __enter__(self: P) -> P:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @abstractmethod
    def close(self) -> None:
        """Ends the workers."""


class _Process:
    """A worker in a process of its own, on one thread."""

    def __init__(self, work: Work):
        ours, theirs = socket.socketpair()
        with theirs:
            script = f"from semlink.lab.sweep.worker import serve; serve({theirs.fileno()})"
            self.process = subprocess.Popen(
                [sys.executable, "-c", script],
                pass_fds=[theirs.fileno()],
                start_new_session=True,  # Ctrl-C is for the process that writes rows
                stdin=subprocess.DEVNULL,
                env=os.environ | ONE_THREAD | {"PYTHONPATH": os.pathsep.join(sys.path)},
            )
        self.connection = Connection(ours.detach())
        self.connection.send(work)
        self.job: Job | None = None
        self.rows: list[Row] = []
        self.deaths = 0

    def take(self, job: Job, rows: list[Row], deaths: int = 0) -> None:
        self.job, self.rows, self.deaths = job, rows, deaths
        with suppress(BrokenPipeError, ConnectionResetError):  # reading will say that it died
            self.connection.send(replace(job, tasks=job.tasks[len(rows) :]))

    def close(self) -> None:
        self.connection.close()
        self.process.terminate()
        try:
            self.process.wait(GOODBYE_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


class LocalPool(Pool):
    """Processes of this machine.

    A process that dies, for want of memory for instance, costs nothing but time, unless another
    one dies of the same row: that row has failed.

    Args:
        work: of every worker.
        count: of processes.
    """

    def __init__(self, work: Work, count: int):
        self._work = work
        self._count = count
        self._processes: list[_Process] = []

    def run(self, jobs: Iterable[Job], watch: Watch) -> Iterator[list[Row]]:
        """As `Pool.run`. Closing the iterator gives up what has not been yielded."""
        waiting = iter(jobs)
        busy: dict[Connection, _Process] = {}
        self._fill(waiting, busy)
        while busy:
            for connection in wait(list(busy)):
                assert isinstance(connection, Connection)
                process = busy[connection]
                done = self._hear(process, busy, watch)
                if done is not None:
                    busy.pop(connection, None)
                    process.job = None
                    yield done
                    self._fill(waiting, busy)

    def _fill(self, waiting: Iterator[Job], busy: dict[Connection, _Process]) -> None:
        """Gives every process that has nothing to do a job."""
        while len(busy) < self._count and (job := next(waiting, None)) is not None:
            process = self._idle()
            process.take(job, [])
            busy[process.connection] = process

    def _idle(self) -> _Process:
        for process in self._processes:
            if process.job is None:
                return process
        self._processes.append(_Process(self._work))
        return self._processes[-1]

    def _hear(
        self, process: _Process, busy: dict[Connection, _Process], watch: Watch
    ) -> list[Row] | None:
        """Takes what a process says; the rows of its job if that was the last word of it."""
        try:
            row: Row | None = process.connection.recv()
        except (EOFError, ConnectionResetError):
            return self._replace(process, busy, watch)
        if row is None:
            return process.rows
        process.rows.append(row)
        process.deaths = 0
        watch(row)
        return None

    def _replace(
        self, process: _Process, busy: dict[Connection, _Process], watch: Watch
    ) -> list[Row] | None:
        """Lets another process go on where one died; the rows if that was behind the last."""
        assert process.job is not None, "one that has nothing to do says nothing"
        del busy[process.connection]
        self._processes.remove(process)
        process.close()
        deaths = process.deaths + 1
        rows, job = process.rows, process.job
        if deaths >= DEATHS and len(rows) < len(job.tasks):
            rows.append(_deadly(job, len(rows), process.process.returncode))
            watch(rows[-1])
            deaths = 0
        if len(rows) == len(job.tasks):
            return rows
        other = self._idle()
        other.take(job, rows, deaths)
        busy[other.connection] = other
        return None

    def close(self) -> None:
        """Ends the processes; one that is in the middle of a row is stopped."""
        for process in self._processes:
            process.close()
        self._processes.clear()


def _deadly(job: Job, index: int, code: int) -> Row:
    task = job.tasks[index]
    error = InternalError(f"its process died twice, the last time with exit code {code}.")
    return Row(job.asked(task) | failed(error))


class RayPool(Pool):
    """Actors of a Ray cluster, one processor each.

    Args:
        work: of every worker.
        count: of actors; None for as many as the cluster has processors.
        address: of the cluster as `ray.init` takes it; "local" starts one on this machine.

    Raises:
        InvalidInput: Ray is not installed.
        Unavailable: there is no such cluster.
    """

    def __init__(self, work: Work, count: int | None, address: str):
        self._ray = _ray()
        self._own = not self._ray.is_initialized()
        if self._own:
            self._connect(address)
        count = count or max(1, int(self._ray.cluster_resources().get("CPU", 1)))
        environment = {"env_vars": {"PYTHONPATH": os.pathsep.join(sys.path)} | ONE_THREAD}
        actor = self._ray.remote(
            num_cpus=1, max_restarts=-1, max_task_retries=1, runtime_env=environment
        )(_Actor)
        self._actors = [actor.remote(work) for _ in range(count)]

    def _connect(self, address: str) -> None:
        try:
            self._ray.init(address=address, log_to_driver=False)
        except (ConnectionError, ValueError, RuntimeError) as error:
            raise Unavailable(
                f"there is no Ray cluster: {error}", field="ray", value=address
            ) from error

    def run(self, jobs: Iterable[Job], watch: Watch) -> Iterator[list[Row]]:
        """As `Pool.run`; rows are seen job by job."""
        waiting, idle = iter(jobs), list(self._actors)
        busy: dict[Any, tuple[Any, Job]] = {}
        while True:
            while idle and (job := next(waiting, None)) is not None:
                actor = idle.pop()
                busy[actor.rows.remote(job)] = (actor, job)
            if not busy:
                return
            (ready, *_), _ = self._ray.wait(list(busy))
            actor, job = busy.pop(ready)
            rows = self._rows(ready, job)
            for row in rows:
                watch(row)
            idle.append(actor)
            yield rows

    def _rows(self, ready: Any, job: Job) -> list[Row]:
        try:
            rows: list[Row] = self._ray.get(ready)
        except self._ray.exceptions.RayError as error:
            fault = InternalError(f"its worker died: {error}")
            return [Row(job.asked(task) | failed(fault)) for task in job.tasks]
        return rows

    def close(self) -> None:
        """Ends the actors, and the cluster if it was started here."""
        for actor in self._actors:
            self._ray.kill(actor)
        if self._own:
            self._ray.shutdown()


class _Actor:
    """A worker on a machine of the cluster."""

    def __init__(self, work: Work):
        self._worker = Worker(work)

    def rows(self, job: Job) -> list[Row]:
        return list(self._worker.rows(job))


def _ray() -> Any:
    try:
        import ray
    except ImportError as error:
        raise InvalidInput(
            "Ray is not installed.",
            field="ray",
            cure='Run pip install "semlink[ray]", or leave --ray out.',
        ) from error
    return ray
