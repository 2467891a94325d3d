"""A sweep beside a loop of `semlink send`: the same transmissions, one program after the other.

semlink bench sweep photo.jpg other.jpg --scheme gesco --scheme spic --psnr-db 4,12,20
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from itertools import product
from pathlib import Path
from tempfile import TemporaryDirectory

from rich.console import Console
from rich.progress import track

from semlink.core.errors import InternalError
from semlink.core.schemes import Scheme
from semlink.lab.console import print_json, wide_console

LOST = 5  # exit code of semlink send where the radio lost the picture


@dataclass
class Spent:
    """What programs took together.

    Attributes:
        wall_s: by the clock.
        processor_s: of all processors.
    """

    wall_s: float = 0.0
    processor_s: float = 0.0


@dataclass(frozen=True)
class Compared:
    """Both ways to the same transmissions.

    Attributes:
        transmissions: how many.
        sends: `semlink send` for each.
        sweep: one `semlink sweep`, with a worker for every processor.
    """

    transmissions: int
    sends: Spent
    sweep: Spent


def measure(
    photos: Sequence[Path], schemes: Sequence[Scheme], levels_db: Sequence[float]
) -> Compared:
    """Sends every photo by every scheme at every level, twice.

    Args:
        photos: files.
        schemes: at their default settings.
        levels_db: PSNR.

    Raises:
        InternalError: a program ended with an error.
    """
    every = list(product(map(str, photos), schemes, levels_db))
    console = Console(stderr=True)
    with TemporaryDirectory() as folder:
        with _spending() as sends:
            for photo, scheme, level in track(
                every, "sending", console=console, disable=not console.is_terminal
            ):
                made = ("-o", f"{folder}/picture.png", "--json")
                _program("send", photo, "--scheme", scheme, "--psnr-db", f"{level}", *made)
        with _spending() as sweep:
            options = [text for scheme in schemes for text in ("--scheme", scheme.value)]
            levels = ",".join(f"{level}" for level in levels_db)
            out = ("-o", f"{folder}/rows")
            _program("sweep", *map(str, photos), *options, "--psnr-db", levels, *out)
    return Compared(len(every), sends, sweep)


@contextmanager
def _spending() -> Iterator[Spent]:
    """What programs that are started meanwhile take; known at the end."""
    spent = Spent()
    wall, processor = time.perf_counter(), _processor_s()
    yield spent
    spent.wall_s, spent.processor_s = time.perf_counter() - wall, _processor_s() - processor


def _processor_s() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _program(*arguments: str) -> None:
    command = [sys.executable, "-m", "semlink.lab", *arguments]
    ended = subprocess.run(command, env=os.environ, check=False, capture_output=True, text=True)
    if ended.returncode not in (0, LOST):
        last = (ended.stderr.strip().splitlines() or ["no reason was given"])[-1]
        raise InternalError(f"semlink {arguments[0]} failed: {last}")


def tell(found: Compared, *, json: bool) -> None:
    """Prints both ways and their ratio on stdout."""
    sends, sweep = found.sends, found.sweep
    if json:
        print_json(asdict(found))
        return
    console = wide_console()
    console.print(f"{found.transmissions} transmissions")
    for name, spent in (("semlink send, one by one", sends), ("semlink sweep", sweep)):
        console.print(f"{name:26}{spent.wall_s:8.1f} s{spent.processor_s:9.1f} processor-s")
    walls, processors = sends.wall_s / sweep.wall_s, sends.processor_s / sweep.processor_s
    console.print(f"{'gain':26}{walls:8.1f} x{processors:9.1f} x")
