"""The folder of a sweep: Parquet files that are whole or absent, and what they hold.

FOLDER/plan.yaml            the plan that ran last
FOLDER/rows/*.parquet       a dataset, one row per transmission, one file per unit of work
FOLDER/pictures/KEY.webp    reconstructions, where they are kept
"""

from __future__ import annotations

import errno
import fcntl
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from hashlib import blake2b
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from semlink.core.errors import Busy, CorruptData, InvalidInput, NotFound
from semlink.lab.sweep.rows import FAILED, Row

ROWS, PICTURES, PLAN = "rows", "pictures", "plan.yaml"
PARTIAL = ".part"
SUFFIX = ".parquet"


class Store:
    """Rows in a folder.

    Args:
        folder: where; see `opened`, which makes it.
    """

    def __init__(self, folder: Path):
        self.folder = folder

    @property
    def parts(self) -> list[Path]:
        """The dataset's files."""
        return sorted((self.folder / ROWS).glob(f"*{SUFFIX}"))

    def keys(self) -> set[str]:
        """Of all rows that are there.

        Raises:
            CorruptData: a file is damaged.
        """
        return {key for part in self.parts for key in _table(part, ["key"])["key"].to_pylist()}

    def read(self, columns: Sequence[str] | None = None) -> pa.Table:
        """All rows, in no order.

        Raises:
            NotFound: there are none.
            CorruptData: a file is damaged.
        """
        tables = [_table(part, columns) for part in self.parts]
        if not tables:
            raise NotFound(
                "this folder has no rows of a sweep.", field="folder", value=self.folder
            )
        return pa.concat_tables(tables, promote_options="default")

    def write(self, rows: Sequence[Row], schema: pa.Schema) -> None:
        """Adds rows, all or none of them; pictures first, which no row needs to be true.

        Raises:
            InvalidInput: the disk is full, or the folder is closed to us.
        """
        for row in rows:
            if row.picture is not None:
                path = self.folder / PICTURES / f"{row.key}.webp"
                _write(path, partial(_write_bytes, data=row.picture))
        self._write_part(pa.Table.from_pylist([row.values for row in rows], schema))

    def write_plan(self, text: str) -> None:
        """Keeps what the folder was made by."""
        _write(self.folder / PLAN, partial(_write_bytes, data=text.encode()))

    def drop_failed(self) -> int:
        """Takes out the rows that failed, so that they are done again; how many there were."""
        dropped = 0
        for part in self.parts:
            table = _table(part)
            kept = table.filter(pc.not_equal(table["outcome"], FAILED))
            dropped += table.num_rows - kept.num_rows
            if kept.num_rows == 0:
                part.unlink()
            elif kept.num_rows < table.num_rows:
                _write(part, partial(pq.write_table, kept))
        return dropped

    def _write_part(self, table: pa.Table) -> None:
        text = "".join(table["key"].to_pylist())
        name = blake2b(text.encode(), digest_size=16).hexdigest()
        path = self.folder / ROWS / f"{name}{SUFFIX}"
        _write(path, partial(pq.write_table, table))


@contextmanager
def opened(folder: Path, *, pictures: bool = False) -> Iterator[Store]:
    """The folder of a sweep, made if need be, while nobody else writes there.

    Args:
        folder: of the sweep.
        pictures: whether there will be any.

    Raises:
        InvalidInput: it cannot be made or written.
        Busy: another sweep writes there.
    """
    try:
        (folder / ROWS).mkdir(parents=True, exist_ok=True)
        if pictures:
            (folder / PICTURES).mkdir(exist_ok=True)
        lock = (folder / ".lock").open("w")
    except OSError as error:
        raise _cannot_write(folder, error) from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise Busy(
                "another sweep writes in this folder.",
                field="folder",
                value=folder,
                cure="Let it end, or name another folder.",
            ) from error
        _remove_partial(folder)
        yield Store(folder)


def _remove_partial(folder: Path) -> None:
    """What a kill left half written."""
    for place in (folder, folder / ROWS, folder / PICTURES):
        for path in place.glob(f".*{PARTIAL}"):
            path.unlink()


def _write(path: Path, write: Callable[[Path], object]) -> None:
    """Writes a file whole or not at all, and on disk before it has its name."""
    unfinished = path.with_name(f".{path.name}{PARTIAL}")
    try:
        write(unfinished)
        with unfinished.open("rb") as file:
            os.fsync(file.fileno())
        os.replace(unfinished, path)
    except OSError as error:
        with suppress(OSError):
            unfinished.unlink(missing_ok=True)
        raise _cannot_write(path.parent, error) from error


def _write_bytes(path: Path, data: bytes) -> None:
    path.write_bytes(data)


def _table(part: Path, columns: Sequence[str] | None = None) -> pa.Table:
    try:
        return pq.ParquetFile(part).read(columns and list(columns))
    except (pa.ArrowException, OSError) as error:
        raise CorruptData(
            "the file of rows is damaged.",
            field="folder",
            value=part,
            cure="Delete it; its rows will be sent again.",
        ) from error


def _cannot_write(folder: Path, error: OSError) -> InvalidInput:
    full = error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
    reason = os.strerror(error.errno) if error.errno else error
    return InvalidInput(
        f"nothing can be written in that folder: {reason}.",
        field="folder",
        value=folder,
        cure="Make room and run the same again; rows that are there stay."
        if full
        else "Name another, or open it to writing.",
    )
