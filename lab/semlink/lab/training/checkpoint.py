"""Training state on disk that survives a kill at any moment."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import torch

from semlink.core.errors import CorruptData


def save_checkpoint(path: Path, state: dict[str, Any]) -> None:
    """Write beside, flush, then rename: the file is the old one or the new one, never half.

    Raises:
        OSError: the disk is full, or closed to us.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    with partial.open("wb") as file:
        torch.save(state, file)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)


def load_checkpoint(path: Path) -> dict[str, Any] | None:
    """The state in `path`, or None where there is none yet.

    Raises:
        CorruptData: the file is damaged.
    """
    if not path.exists():
        return None
    try:
        state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # whatever a foreign file provokes
        raise CorruptData(
            "this is no checkpoint that can be read.",
            field="run",
            value=path,
            cure="Begin the training again in another folder; --start takes its model/.",
        ) from error
    return state
