"""A training's folder: its checkpoint, its network as it is, its curves and sample sheets."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from semlink.core.errors import InvalidInput
from semlink.lab.training.checkpoint import load_checkpoint, save_checkpoint
from semlink.lab.training.journal import Journal
from semlink.lab.training.loop import LOOK_STEPS, Loop

CHECKPOINT = "checkpoint.pt"
MODEL = "model"

Say = Callable[[str], None]


def check_run(folder: Path, *, resume: bool) -> None:
    """Say before the work whether a run can be made there; nothing is written.

    Raises:
        InvalidInput: nothing can be written there, or a run is there that is not to be resumed.
    """
    if (folder / CHECKPOINT).exists() and not resume:
        raise InvalidInput(
            "there is a run in this folder.",
            field="out",
            value=folder,
            cure="Give --resume to go on with it, or name another folder.",
        )
    nearest = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    if not nearest.is_dir() or not os.access(nearest, os.W_OK | os.X_OK):
        raise _closed(folder)


def open_run(folder: Path) -> Path:
    """The run's folder, made if there is none.

    Raises:
        InvalidInput: it cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _closed(folder) from error
    return folder


def train(loop: Loop, folder: Path, *, resume: bool, say: Say) -> None:
    """Run until the plan is done, leaving checkpoints, the network and sheets in `folder`.

    Args:
        loop: at its beginning.
        folder: of `open_run`.
        resume: go on from the checkpoint there, if there is one.
        say: takes lines for a person.

    Raises:
        InvalidInput: the checkpoint is of another training, or the loss is no longer a number.
    """
    state = load_checkpoint(folder / CHECKPOINT) if resume else None
    if state is not None:
        check_identity(state["identity"], loop.objective.identity, folder)
        loop.load(state)
        say(f"going on after step {loop.step}")
    if not loop.accelerator.is_main_process:
        while not loop.done:
            loop.advance()
        return
    with Journal(folder, loop, say) as journal:
        _train(loop, folder, journal)


def _train(loop: Loop, folder: Path, journal: Journal) -> None:
    saved, drawn = time.monotonic(), time.monotonic()
    while not loop.done:
        journal.add(loop.advance())
        if loop.done or time.monotonic() - saved >= loop.plan.save_s:
            journal.look()
            save(loop, folder)
            saved = time.monotonic()
        elif loop.step % LOOK_STEPS == 0:
            journal.look()
        if loop.done or time.monotonic() - drawn >= loop.plan.sheet_s:
            journal.draw()
            drawn = time.monotonic()


def save(loop: Loop, folder: Path) -> None:
    """Write the checkpoint and the averaged network; a kill leaves the old ones or the new.

    Raises:
        InvalidInput: they cannot be written.
    """
    try:
        export(loop, folder / MODEL)
        save_checkpoint(folder / CHECKPOINT, loop.state())
    except OSError as error:
        raise InvalidInput(
            f"step {loop.step} cannot be saved: {error.strerror or error}.",
            field="out",
            value=folder,
            cure="Make room; --resume goes on from the checkpoint before it.",
        ) from error


def export(loop: Loop, folder: Path) -> None:
    """Write the averaged network; each file changes in one move."""
    partial = folder.with_name(folder.name + ".partial")
    partial.mkdir(exist_ok=True)
    averages = {name: average.network for name, average in loop.averages.items()}
    loop.objective.export(averages, partial)
    folder.mkdir(exist_ok=True)
    for file in (path for path in sorted(partial.rglob("*")) if path.is_file()):
        target = folder / file.relative_to(partial)
        target.parent.mkdir(exist_ok=True)
        file.replace(target)
    shutil.rmtree(partial)


def check_identity(saved: Mapping[str, Any], wanted: Mapping[str, Any], folder: Path) -> None:
    """Whether a checkpoint is one of this training.

    Raises:
        InvalidInput: it is not; the message names the first thing that differs.
    """
    for key in [*saved, *wanted]:
        if saved.get(key) != wanted.get(key):
            raise InvalidInput(
                f"the run there has {key} {saved.get(key)}, this one {wanted.get(key)}.",
                field="resume",
                value=folder,
                cure="Repeat that run's options, or name another folder.",
            )


def _closed(folder: Path) -> InvalidInput:
    return InvalidInput(
        "nothing can be written in that folder.",
        field="out",
        value=folder,
        cure="Name another.",
    )
