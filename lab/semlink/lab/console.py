"""What the command line shows while a transmission runs, and what it says at the end."""

from __future__ import annotations

import json
import math
import os
import sys
from types import TracebackType
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from semlink.core import events
from semlink.core.errors import SemlinkError
from semlink.core.schemes import GENERATIVE
from semlink.core.settings import TransmissionSettings

ENDS: dict[type[events.Event], str] = {  # the stage that an event ends
    events.Encoded: "encode",
    events.Propagated: "cross the channel",
    events.Demodulated: "demodulate",
    events.Denoised: "denoise",
    events.Reconstructed: "reconstruct",
}
LOAD = "load"
PIPE_COLUMNS = 160
ENDINGS = {  # how a person reads an outcome, and in which colour
    events.Outcome.RECONSTRUCTED: ("reconstructed", "green"),
    events.Outcome.PARTIAL: ("partial: made of what arrived", "yellow"),
    events.Outcome.LOST: ("lost: too little arrived for a picture", "bold red"),
    events.Outcome.OUTAGE: ("outage: the header did not arrive", "bold red"),
}


def say_error(error: SemlinkError) -> None:
    """One red line on stderr: field, value, what is wrong, cure."""
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    console.print(" ".join(str(error).split()), style="red", markup=False)


def wide_console() -> Console:
    """Stdout for tables: as wide as the terminal, and where there is none, wide enough."""
    console = Console(highlight=False)
    if not console.is_terminal and "COLUMNS" not in os.environ:
        console.width = PIPE_COLUMNS
    return console


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
        settings: of the transmission, whose scheme has or has not got a map to denoise.
    """

    def __init__(self, settings: TransmissionSettings):
        console = Console(stderr=True)
        self._bars = Progress(
            TextColumn("{task.description}", style="bold"),
            BarColumn(),
            TextColumn("{task.completed:.0f}/{task.total:.0f}"),
            TimeElapsedColumn(),
            console=console,
            disable=not console.is_terminal,
        )
        totals = stages(settings)
        tasks = [self._bars.add_task(name, total=totals[name], start=False) for name in totals]
        self._tasks = dict(zip(totals, tasks, strict=True))

    def __enter__(self) -> StageBars:
        self._bars.start()
        self._bars.start_task(self._tasks[LOAD])
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._bars.stop()

    def loaded(self) -> None:
        """All that the transmission needs is ready."""
        self._end(LOAD)

    def __call__(self, event: events.Event) -> None:
        """Takes the next event of the link."""
        if isinstance(event, events.Progress):
            task = self._tasks["reconstruct"]
            self._bars.update(task, completed=event.step, total=event.steps)
        elif not isinstance(event, events.Lost):
            self._end(ENDS[type(event)])

    def _end(self, stage: str) -> None:
        names = list(self._tasks)
        task = self._tasks[stage]
        self._bars.update(task, completed=self._bars.tasks[task].total)
        self._bars.stop_task(task)
        following = names[names.index(stage) + 1 :]
        if following:
            self._bars.start_task(self._tasks[following[0]])


def stages(settings: TransmissionSettings) -> dict[str, int]:
    """Steps of each stage of a transmission, in order."""
    generative = settings.scheme in GENERATIVE
    shown = [name for name in ENDS.values() if generative or name != "denoise"]
    steps = {"reconstruct": settings.receiver.steps} if generative else {}
    return dict.fromkeys([LOAD, *shown], 1) | steps
