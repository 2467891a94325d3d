"""What the command line shows while a transmission runs, and what it says at the end."""

from __future__ import annotations

import json
import math
import sys
from types import TracebackType
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from semlink.core import events
from semlink.core.errors import SemlinkError

STAGES = ("load networks", "segment and encode", "cross the channel", "denoise", "reconstruct")
FOLLOWED_BY: dict[type[events.Event], int] = {
    events.Encoded: 1,
    events.Propagated: 2,
    events.Denoised: 3,
    events.Reconstructed: 4,
}


def say_error(error: SemlinkError) -> None:
    """One red line on stderr: field, value, what is wrong, cure."""
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    console.print(" ".join(str(error).split()), style="red", markup=False)


def print_json(values: dict[str, Any]) -> None:
    """One JSON object on stdout; a number that is infinite becomes the text "inf"."""
    sys.stdout.write(json.dumps(_finite(values), indent=2, allow_nan=False) + "\n")


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value


class StageBars:
    """A bar per stage on stderr; nothing where stderr is no terminal.

    Args:
        steps: timesteps of the reconstruction.
    """

    def __init__(self, steps: int):
        console = Console(stderr=True)
        self._bars = Progress(
            TextColumn("{task.description}", style="bold"),
            BarColumn(),
            TextColumn("{task.completed:.0f}/{task.total:.0f}"),
            TimeElapsedColumn(),
            console=console,
            disable=not console.is_terminal,
        )
        totals = [1] * (len(STAGES) - 1) + [steps]
        self._tasks = [
            self._bars.add_task(stage, total=total, start=False)
            for stage, total in zip(STAGES, totals, strict=True)
        ]

    def __enter__(self) -> StageBars:
        self._bars.start()
        self._bars.start_task(self._tasks[0])
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._bars.stop()

    def loaded(self) -> None:
        """The networks are ready."""
        self._end(0)

    def __call__(self, event: events.Event) -> None:
        """Takes the next event of the link."""
        if isinstance(event, events.Progress):
            self._bars.update(self._tasks[-1], completed=event.step, total=event.steps)
        else:
            self._end(FOLLOWED_BY[type(event)])

    def _end(self, stage: int) -> None:
        task: TaskID = self._tasks[stage]
        total = self._bars.tasks[stage].total
        self._bars.update(task, completed=total)
        self._bars.stop_task(task)
        if stage + 1 < len(self._tasks):
            self._bars.start_task(self._tasks[stage + 1])
