"""Which pictures a step sees, and its randomness: functions of seed and step, so runs resume."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import torch
from jaxtyping import Int64
from torch import Generator, Tensor

ORDER = 1 << 32  # sets the seeds of epochs apart from those of steps


def batch_indices(step: int, batch: int, examples: int, seed: int) -> Int64[Tensor, "{batch}"]:
    """What the step after `step` others looks at: every example once before any comes again."""
    places = range(step * batch, (step + 1) * batch)
    chosen = [_shuffled(examples, seed, place // examples)[place % examples] for place in places]
    return torch.stack(chosen)


def step_generator(
    step: int, seed: int, *, process: int = 0, device: torch.device | str = "cpu"
) -> Generator:
    """Randomness of one step in one of several processes."""
    return Generator(device).manual_seed(_mixed(seed, step, process))


@lru_cache(maxsize=2)
def _shuffled(examples: int, seed: int, epoch: int) -> Int64[Tensor, "{examples}"]:
    generator = Generator().manual_seed(_mixed(seed, ORDER, epoch))
    return torch.randperm(examples, generator=generator)


def _mixed(*numbers: int) -> int:
    """A seed of several numbers, none of which can make up for another."""
    state: int = np.random.SeedSequence(numbers).generate_state(1, np.uint64).item()
    return state >> 1
