"""Makes a row of a sweep again, by the sweep's own worker, and compares."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from semlink.core.errors import CorruptData, InvalidInput, NotFound
from semlink.core.settings import TransmissionSettings
from semlink.lab.photo import Photo
from semlink.lab.report.receipt import (
    PICTURE,
    bytes_digest,
    commit,
    facts,
    machine,
    pixels_digest,
    receipt,
)
from semlink.lab.report.swept import read_swept
from semlink.lab.sweep.grid import Cell, Task, Unit, cells_of, row_key, settings_digest
from semlink.lab.sweep.origin import versions, weights
from semlink.lab.sweep.photos import PhotoFile, find_photos
from semlink.lab.sweep.plan import Plan, make_plan
from semlink.lab.sweep.pools import LocalPool
from semlink.lab.sweep.rows import Row
from semlink.lab.sweep.worker import Job, Work

KEY_LEAST = 8  # characters that name a row; fewer digits are its number


@dataclass(frozen=True)
class Difference:
    """A column that is not what it was."""

    column: str
    then: Any
    now: Any


@dataclass(frozen=True)
class Replayed:
    """A row that was made again.

    Attributes:
        key: of the row.
        row: as it is now.
        differences: what is not as it was, timings left out; none for an equal row.
        compared: how many columns were.
        warnings: why it could differ.
        picture: the working picture, a WebP file without loss; None where none came out.
        picture_compared: whether the sweep kept the picture.
    """

    key: str
    row: Row
    differences: tuple[Difference, ...]
    compared: int
    warnings: tuple[str, ...]
    picture: bytes | None
    picture_compared: bool


def replay(source: Path, which: str, *, device: str | None = None) -> Replayed:
    """Makes a row again on this machine, on one thread as sweeps do.

    Args:
        source: a receipt, or the folder of a report or of a sweep.
        which: the row's number in the receipt, from 1 on, or the first 8 or more characters of
            its key.
        device: of the networks, as torch names it; None for the best there is.

    Raises:
        NotFound: there is no such receipt or row, or the photo or a network is gone.
        InvalidInput: the photo is another now, or the weights are.
        CorruptData: the receipt is damaged.
    """
    made = read_receipt(source)
    then = _chosen(made["rows"], which)
    plan = make_plan(made["plan"])
    _, folders = cells_of(plan)
    task, photo = _task(then), _photo(then, plan)
    _check_weights(then, task, folders)
    work = Work(
        device=device,
        folders=folders,
        metrics=plan.metrics,
        evaluation={str(name): network for name, network in plan.evaluation.items()},
        pictures=True,
    )
    with LocalPool(work, 1) as pool:
        ((row,),) = pool.run([Job.of(Unit(photo, (task,)))], watch=lambda row: None)
    return _compared(then, row, tuple(_warnings(then, made)))


def read_receipt(source: Path) -> dict[str, Any]:
    """A receipt from its file, from the folder of its report, or of a sweep's folder.

    Raises:
        NotFound: there is none.
        CorruptData: the file is no receipt.
    """
    file = source / "receipt.json" if source.is_dir() else source
    if source.is_dir() and not file.is_file():
        return receipt(read_swept(source))
    if not file.is_file():
        raise NotFound(
            "there is no such receipt.",
            field="receipt",
            value=source,
            cure="Name receipt.json of a report, or the folder of a sweep.",
        )
    try:
        made = json.loads(file.read_text(encoding="utf-8"))
        rows = made["rows"]
        if not (made["plan"] and rows and all(row["key"] and row["settings"] for row in rows)):
            raise ValueError("something is missing")
    except (ValueError, KeyError, TypeError) as error:
        raise CorruptData(
            "that is no receipt.", field="receipt", value=file, cure="Make the report again."
        ) from error
    found: dict[str, Any] = made
    return found


def _chosen(rows: Sequence[dict[str, Any]], which: str) -> dict[str, Any]:
    if which.isdecimal() and len(which) < KEY_LEAST:
        there = list(rows[int(which) - 1 : int(which)]) if int(which) else []
    elif len(which) < KEY_LEAST:
        there = []
    else:
        there = [row for row in rows if row["key"].startswith(which)]
    if len(there) != 1:
        raise NotFound(
            "several rows begin so." if there else "there is no such row.",
            field="row",
            value=which,
            cure=f"Name 1 .. {len(rows)}, or {KEY_LEAST} or more characters of a key.",
        )
    return there[0]


def _task(then: Mapping[str, Any]) -> Task:
    """The transmission; its key is worked out, not believed."""
    settings = TransmissionSettings.model_validate(then["settings"])
    digest = settings_digest(settings)
    options = json.dumps(then["options"], sort_keys=True)
    cell = Cell(0, then["system"], then["channel"], options, settings, digest)
    return Task(row_key(then["photo_digest"], digest, then["seed"]), cell, then["seed"])


def _photo(then: Mapping[str, Any], plan: Plan) -> PhotoFile:
    """The photo as it was sent, with its labels where a metric wants them.

    Raises:
        NotFound: its file is gone.
        InvalidInput: its file is another.
    """
    path, digest = Path(then["photo_file"]), then["photo_digest"]
    if bytes_digest(Photo(path).file) != digest:
        raise InvalidInput(
            "the photo is another than the one that was sent.",
            field="photo",
            value=path,
            cure="Put the old file back.",
        )
    if any(name.startswith("truth_") for name in plan.metrics):
        photos = find_photos(source for source in plan.photos if source.layout)
        labelled = [photo for photo in photos if photo.digest == digest]
        return PhotoFile(then["photo"], path, digest, labelled[0].truth if labelled else None)
    return PhotoFile(then["photo"], path, digest)


def _check_weights(then: Mapping[str, Any], task: Task, folders: Sequence[Path]) -> None:
    """Whether the networks are those of the row, as far as it says.

    Raises:
        InvalidInput: one is another.
        NotFound: one is not there.
    """
    was = then["weights"] or {}
    here = json.loads(weights(task.settings, folders)) if was else {}
    for name, digest in was.items():
        if name not in here:
            raise NotFound("this network is not here.", field="network", value=name)
        if here[name] != digest:
            raise InvalidInput(
                f"its weights are others than those of the row: SHA-256 {here[name]}, then "
                f"{digest}.",
                field="network",
                value=name,
                cure="Put the old weights back, or run the sweep again.",
            )


def _warnings(then: Mapping[str, Any], made: Mapping[str, Any]) -> Iterator[str]:
    here, was = json.loads(versions()), then["versions"]
    for name in sorted({*here, *was}):
        if here.get(name) != was.get(name):
            yield f"{name} is {here.get(name, 'not there')}, and was {was.get(name, 'not there')}"
    if commit() != made.get("commit"):
        yield f"the program is of commit {commit()}, and the receipt of {made.get('commit')}"
    now, before = machine()["processor"], made.get("machine", {}).get("processor", "")
    if now != before:
        yield f"the processor is {now}, and the receipt is of {before}: last bits may differ"


NOT_COMPARED = ("versions",)


def _compared(then: Mapping[str, Any], row: Row, warnings: tuple[str, ...]) -> Replayed:
    now = facts(row.values)
    kept = PICTURE in then
    if kept and row.picture is not None:
        now[PICTURE] = pixels_digest(row.picture)
    skipped = {*NOT_COMPARED, *(["weights"] if then["weights"] is None else [])}
    columns = [name for name in {**then, **now} if name not in skipped]
    differences = tuple(
        Difference(name, then.get(name), now.get(name))
        for name in columns
        if then.get(name) != now.get(name)
    )
    return Replayed(then["key"], row, differences, len(columns), warnings, row.picture, kept)
