"""How long a training lasts, how its learning rates go, when it is saved."""

from __future__ import annotations

import math
from dataclasses import dataclass

from semlink.core.errors import InvalidInput


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What a training's loop needs to know of it.

    Attributes:
        steps: length of the run.
        minutes: length of the run, by the clock; give one of the two.
        batch: pictures per step, in all processes together.
        warmup_steps: steps until learning rates reach their peaks.
        ema: largest decay of the weights' moving average.
        clip: largest norm of an optimiser's gradient.
        seed: of the order of pictures, and of everything that is drawn.
        save_s: seconds between checkpoints; 0 for one after every step.
        sheet_s: seconds between sample sheets.
    """

    steps: int | None = None
    minutes: float | None = None
    batch: int = 8
    warmup_steps: int = 200
    ema: float = 0.9995
    clip: float = 1.0
    seed: int = 0
    save_s: float = 120.0
    sheet_s: float = 600.0

    def __post_init__(self) -> None:
        if (self.steps is None) == (self.minutes is None):
            raise InvalidInput(
                "a training lasts so many steps, or so many minutes.",
                field="steps",
                value=f"{self.steps}, minutes={self.minutes}",
                cure="Give --steps or --minutes.",
            )

    def done(self, step: int, elapsed_s: float) -> float:
        """How much of the run is over, 0 .. 1."""
        if self.steps is not None:
            return min(1.0, step / self.steps) if self.steps else 1.0
        assert self.minutes is not None
        return min(1.0, elapsed_s / (60 * self.minutes)) if self.minutes else 1.0

    def rate(self, step: int, elapsed_s: float) -> float:
        """Learning rate over its peak: a linear rise, times a cosine that ends with the run."""
        rise = min(1.0, (step + 1) / max(1, self.warmup_steps))
        return rise * 0.5 * (1 + math.cos(math.pi * self.done(step, elapsed_s)))
