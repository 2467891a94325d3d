"""What the tests of sweeps share: a watcher, and what rows say."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.dataset

from semlink.lab.sweep import Watcher
from semlink.lab.sweep.rows import TIMINGS, Row


class Stop(Exception):
    pass


class Watch(Watcher):
    """Keeps what it sees; stops the sweep after so many rows."""

    def __init__(self, stop_after: int | None = None):
        self.keys: list[str] = []
        self.there = 0
        self.spared = 0
        self._stop_after = stop_after

    def starts(self, total: int, there: int) -> None:
        self.there = there

    def row(self, row: Row) -> None:
        self.keys.append(row.key)
        if len(self.keys) == self._stop_after:
            raise Stop

    def spares(self, rows: int) -> None:
        self.spared += rows


def facts(table: pa.Table) -> list[dict[str, Any]]:
    """The rows but for their timings, and for what services do not say of themselves."""
    rows: list[dict[str, Any]] = table.drop_columns([*TIMINGS, "weights"]).to_pylist()
    return rows


def stored(folder: Path) -> list[str]:
    keys: list[str] = pyarrow.dataset.dataset(folder / "rows").to_table()["key"].to_pylist()
    return keys


@contextmanager
def nobody_listens() -> Iterator[str]:
    """HOST:PORT of a port that is taken and refuses connections."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"127.0.0.1:{taken.getsockname()[1]}"
