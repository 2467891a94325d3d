"""One process of a sweep: photos in, rows out, one at a time; networks are loaded once."""

from __future__ import annotations

import io
import resource
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image

from semlink.core.errors import Busy, InternalError, SemlinkError, Unavailable
from semlink.core.pictures import LabelMap, Rgb
from semlink.lab.link import Link
from semlink.lab.photo import Photo
from semlink.lab.result import Result
from semlink.lab.sweep.grid import Task, Unit
from semlink.lab.sweep.latest import Latest
from semlink.lab.sweep.origin import weights
from semlink.lab.sweep.rows import Row, Values, asked, ended, failed

if TYPE_CHECKING:
    from semlink.lab.metrics import Evaluator

PATIENCE_S = 120.0
PAUSE_S = 0.5
MEASURED = 4  # pictures whose metrics are kept


@dataclass(frozen=True, kw_only=True)
class Work:
    """How transmissions are made and measured.

    Attributes:
        link: HOST:PORT of the services; None for the link in the worker's own process.
        device: of that link and of the metrics' networks, as torch names it.
        folders: networks that do not come with the program.
        metrics: keys of `lab.metrics.METRICS`.
        evaluation: networks that the metrics use, as `Evaluator` takes them.
        timeout_s: after which a transmission has failed; None for no limit.
        patience_s: how long services that are busy, or that went away, are waited for.
        pictures: whether rows bring their working picture.
    """

    link: str | None = None
    device: str | None = None
    folders: tuple[Path, ...] = ()
    metrics: tuple[str, ...] = ()
    evaluation: dict[str, str] | None = None
    timeout_s: float | None = None
    patience_s: float = PATIENCE_S
    pictures: bool = False


@dataclass(frozen=True)
class Job:
    """A unit of work, with all that its worker needs.

    Attributes:
        name: of the photo.
        path: of its file, which the worker does not read.
        digest: of its content.
        file: its content.
        truth: its published labels, if there are any.
        taxonomy: of those labels; empty without.
        tasks: what is to be done with it.
    """

    name: str
    path: str
    digest: str
    file: bytes
    truth: LabelMap | None
    taxonomy: str
    tasks: tuple[Task, ...]

    @classmethod
    def of(cls, unit: Unit) -> Job:
        """Reads the photo.

        Raises:
            SemlinkError: a file is gone or damaged.
        """
        photo = unit.photo
        file = Photo(photo.path).file
        name, path = photo.name, str(photo.path)
        return cls(name, path, photo.digest, file, photo.labels(), photo.taxonomy, unit.tasks)

    def asked(self, task: Task) -> Values:
        """The columns that are known before the work."""
        return asked(task, self.name, self.path, self.digest)


class Worker:
    """Makes rows.

    Args:
        work: how.
    """

    def __init__(self, work: Work):
        self._work = work
        self._evaluators: dict[str, Evaluator] = {}
        self._latest = Latest[tuple[object, Values]](MEASURED)
        self._answered = False

    def rows(self, job: Job) -> Iterator[Row]:
        """One row per task, in order, whatever happens to it."""
        photo = Photo(job.file)
        for task in job.tasks:
            values, picture = self._sent(job, photo, task)
            memory = {"peak_memory_bytes": _peak_bytes()}
            yield Row(job.asked(task) | values | memory, picture)

    def _sent(self, job: Job, photo: Photo, task: Task) -> tuple[Values, bytes | None]:
        values: Values = {}
        try:
            _ = photo.pixels
            self._link.load(task.settings)
            start = time.perf_counter()
            result = self._result(photo, task)
            values = ended(result) | self._weights(task)
            values |= self._measured(result, job)
            values["spent_s"] = time.perf_counter() - start
            return values, self._picture(result)
        except SemlinkError as error:
            return values | failed(error), None
        except Exception as error:  # a defect of ours costs a row, not the sweep
            defect = InternalError(f"{type(error).__name__}: {error}")
            return values | failed(defect), None

    @cached_property
    def _link(self) -> Link:
        if self._work.link is not None:
            return Link.connect(self._work.link)
        from semlink.lab.sweep.link import SweepLink

        return SweepLink(self._work.device, folders=self._work.folders)

    def _result(self, photo: Photo, task: Task) -> Result:
        """Asks again where services are busy or went away: no fault of the transmission.

        Services that do not come back are waited for once; then every row fails at once, until
        one is answered again. So do rows of services that were never there.
        """
        end_s = time.perf_counter() + self._work.patience_s
        while True:
            try:
                result = self._link.send(photo, task.settings, timeout_s=self._work.timeout_s)
            except (Busy, Unavailable) as error:
                waits = isinstance(error, Busy) or self._answered
                if not waits or time.perf_counter() > end_s:
                    self._answered = False
                    raise
                time.sleep(PAUSE_S)
            else:
                self._answered = True
                return result

    def _weights(self, task: Task) -> Values:
        """Of the networks in this process; what services have, they do not say."""
        if self._work.link is not None:
            return {}
        return {"weights": weights(task.settings, self._work.folders)}

    def _measured(self, result: Result, job: Job) -> Values:
        """Of a picture that the link has kept, what was measured when it was made."""
        if not self._work.metrics:
            return {}
        known = self._latest.get(id(result.ending))
        if known is None:
            evaluator = self._evaluators.get(job.taxonomy) or self._evaluator(job.taxonomy)
            found = dict(evaluator.row(result, job.truth))
            known = self._latest.keep(id(result.ending), (result.ending, found))
        return known[1]

    def _evaluator(self, taxonomy: str) -> Evaluator:
        from semlink.lab.metrics import Evaluator

        work = self._work
        networks = work.evaluation or {}
        found = Evaluator(
            work.metrics, device=work.device, truth_taxonomy=taxonomy or None, **networks
        )
        return self._evaluators.setdefault(taxonomy, found)

    def _picture(self, result: Result) -> bytes | None:
        if not self._work.pictures or result.psnr_db is None:
            return None
        return _webp(result.reconstructed.working_picture)


def serve(descriptor: int) -> None:
    """A worker's process: `Work`, then jobs come in; rows and a None per job go out.

    Args:
        descriptor: of the socket to the process that started this one. When that one dies, the
            next row finds nobody, and this process ends as well.
    """
    connection: Connection = Connection(descriptor)
    try:
        worker = Worker(connection.recv())
        while True:
            for row in worker.rows(connection.recv()):
                connection.send(row)
            connection.send(None)
    except (EOFError, BrokenPipeError, ConnectionResetError, KeyboardInterrupt):
        pass


def _webp(picture: Rgb) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, "WEBP", lossless=True)
    return buffer.getvalue()


def _peak_bytes() -> int:
    """Most memory that this process has held so far."""
    status = Path("/proc/self/status")  # the other way counts what it was forked from as well
    if status.exists():
        lines = dict(line.split(":", 1) for line in status.read_text().splitlines())
        return int(lines["VmHWM"].split()[0]) * 1024
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
