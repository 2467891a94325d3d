"""What a person sees of a training: lines, curves for TensorBoard, sample sheets."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

import torch
from torch import Tensor

from semlink.core.errors import InvalidInput
from semlink.lab.files import write_picture
from semlink.lab.training.loop import Loop

CURVES = "curves"
NO_CURVES = (
    "TensorBoard is not installed: these lines are the only curves. "
    'pip install "semlink[training]" changes that.'
)


class Journal:
    """Losses since the last look, and where they are written.

    Args:
        folder: of the run; curves go to its folder `curves`.
        loop: that is written about.
        say: takes lines for a person.
    """

    def __init__(self, folder: Path, loop: Loop, say: Callable[[str], None]):
        self._folder, self._loop, self._say = folder, loop, say
        self._losses: list[Mapping[str, Tensor]] = []
        self._looked_s = time.monotonic()
        self._curves = _open_curves(folder / CURVES, loop.step)
        if self._curves is None:
            say(NO_CURVES)

    def __enter__(self) -> Journal:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._curves is not None:
            self._curves.close()

    def add(self, losses: Mapping[str, Tensor]) -> None:
        """Take the losses of a step, whose numbers nobody waits for yet."""
        self._losses.append(losses)

    def look(self) -> None:
        """Write the means since the last look.

        Raises:
            InvalidInput: one is no longer a number.
        """
        loop = self._loop
        means = _means(self._losses)
        now_s = time.monotonic()
        speed = len(self._losses) * loop.plan.batch / max(1e-9, now_s - self._looked_s)
        self._losses, self._looked_s = [], now_s
        shown = ", ".join(f"{name} {value:.4f}" for name, value in means.items())
        self._say(f"step {loop.step}, {loop.elapsed_s:.0f} s: {shown} ({speed:.1f} pictures/s)")
        curves = {f"loss/{name}": value for name, value in means.items()}
        self._plot(curves | {"learning rate over its peak": loop.rate, "pictures per s": speed})
        _check_finite(means, loop.step)

    def draw(self) -> None:
        """Write a sample sheet of the averaged weights."""
        loop = self._loop
        averages = {name: average.network for name, average in loop.averages.items()}
        sheet = loop.objective.sheet(averages)
        write_picture(self._folder / f"sheet-{loop.step:06d}.png", sheet)
        if self._curves is not None:
            self._curves.add_image("sheet", sheet, loop.step, dataformats="HWC")
            self._curves.flush()

    def _plot(self, values: Mapping[str, float]) -> None:
        if self._curves is not None:
            for name, value in values.items():
                self._curves.add_scalar(name, value, self._loop.step)
            self._curves.flush()


def _open_curves(folder: Path, step: int) -> Any:
    """A writer of curves that go on after `step`, or None without TensorBoard."""
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        return None
    return SummaryWriter(str(folder), purge_step=step + 1 if step else None)


def _means(losses: list[Mapping[str, Tensor]]) -> dict[str, float]:
    """Of each loss over the steps that had it."""
    names = dict.fromkeys(name for step in losses for name in step)
    each = {name: [step[name] for step in losses if name in step] for name in names}
    return {name: torch.stack(values).mean().item() for name, values in each.items()}


def _check_finite(means: Mapping[str, float], step: int) -> None:
    for name, value in means.items():
        if not math.isfinite(value):
            raise InvalidInput(
                f"{name} is {value} after step {step}: the training has come apart.",
                field="lr",
                cure="Go on from the last checkpoint with --resume and a lower --lr.",
            )
