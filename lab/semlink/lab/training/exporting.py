"""`semlink train export`: a run's network as a folder for `semlink send`."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from semlink.core.eight_bit import compact
from semlink.core.errors import CorruptData, InvalidInput, NotFound
from semlink.lab.files import check_output
from semlink.lab.self_check import record
from semlink.lab.training.checkpoint import load_checkpoint
from semlink.lab.training.commands import OPTIONS
from semlink.lab.training.run import CHECKPOINT, MODEL


def export_run(run: Path, folder: Path, *, eight_bit: bool = False) -> Path:
    """Write a run's averaged network with a self-check and a model card; all of it or nothing.

    Args:
        run: folder of a training.
        folder: to be made.
        eight_bit: whether weights are stored in int8, half the size of bfloat16.

    Raises:
        NotFound: there is no checkpoint in `run`.
        InvalidInput: `folder` exists, or cannot be written.
        CorruptData: the run's files are damaged.
    """
    state = load_checkpoint(run / CHECKPOINT)
    if state is None or not (run / MODEL).is_dir():
        raise NotFound(
            "there is no training in this folder that has come to a checkpoint.",
            field="run",
            value=run,
            cure="Name the folder that was --out of a training.",
        )
    check_output(folder)
    if folder.exists():
        raise InvalidInput(
            "there is something of that name.",
            field="folder",
            value=folder,
            cure="Name a folder that does not exist.",
        )
    with TemporaryDirectory(dir=folder.parent, prefix=f"{folder.name}.") as partial:
        made = Path(partial) / folder.name
        shutil.copytree(run / MODEL, made)
        if eight_bit:
            for file in made.rglob("*.safetensors"):
                compact(file)
        record(made)
        (made / "README.md").write_text(card(folder.name, read_options(run), state["step"]))
        os.replace(made, folder)
    return folder


def read_options(run: Path) -> dict[str, Any]:
    """What a run was started with.

    Raises:
        CorruptData: the file is damaged or missing.
    """
    try:
        options: dict[str, Any] = json.loads((run / OPTIONS).read_text())
        return options
    except (OSError, ValueError) as error:
        raise CorruptData(
            "how this run was started cannot be read.", field="run", value=run / OPTIONS
        ) from error


def card(name: str, options: dict[str, Any], steps: int) -> str:
    """The beginning of a model card: what is known for sure."""
    what = options["training"]
    given = [
        f"--{field.replace('_', '-')} {value}"
        for field, value in options.items()
        if field not in ("training", "resume", "data", "out") and value not in (None, False)
    ]
    command = " ".join([f"semlink train {what} --data DATA --out RUN", *given])
    return (
        f"# {name}\n\nTrained with Semlink on pictures in the layout of {options['layout']}: "
        f"{steps} steps of {options['batch']}.\n\n    {command}\n"
    )
