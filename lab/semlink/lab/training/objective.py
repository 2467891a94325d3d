"""What the training loop asks of a training: networks, optimisers, a batch, losses, a sheet."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol, TypeVar, runtime_checkable

import torch
from jaxtyping import Int64
from torch import Generator, Tensor, nn
from torch.optim import Optimizer

from semlink.core.pictures import Rgb

Batch = TypeVar("Batch")


@runtime_checkable
class Objective(Protocol[Batch]):
    """One training. `Loop` knows no more of it, and it knows nothing of loops and processes."""

    @property
    def networks(self) -> Mapping[str, nn.Module]:
        """What is trained, by name; checkpoints hold it, and its moving average."""
        ...

    @property
    def optimisers(self) -> Mapping[str, Optimizer]:
        """By name; each is stepped in every step, in this order.

        A group's `lr` at the start is its peak. Most trainings have one optimiser; an adversarial
        one has one for the generator and one for the discriminator.
        """
        ...

    @property
    def identity(self) -> Mapping[str, Any]:
        """What a checkpoint must be of, to be gone on with: kind, shape, classes; plain values."""
        ...

    @property
    def examples(self) -> int:
        """How many pictures there are to choose from."""
        ...

    @property
    def device(self) -> torch.device:
        """Where networks and batches are."""
        ...

    def batch(self, indices: Int64[Tensor, " batch"], generator: Generator) -> Batch:
        """What one step looks at.

        Args:
            indices: of the pictures, below `examples`; on the processor.
            generator: the only source of randomness, on `device`; that of this step.
        """
        ...

    def losses(
        self, optimiser: str, batch: Batch, step: int, generator: Generator
    ) -> Mapping[str, Tensor]:
        """Losses whose sum the optimiser of that name lowers; the names are those of the curves.

        Only that optimiser's weights get gradients. Called under autocast where the device has
        bf16; what needs float32 goes under `full_precision`. None at all: the optimiser rests in
        this step, in every process.

        Args:
            optimiser: whose turn it is.
            batch: the same for all optimisers of a step.
            step: steps done before this one.
            generator: goes on from `batch`.
        """
        ...

    def sheet(self, averages: Mapping[str, nn.Module]) -> Rgb:
        """A picture in which a person sees how far the training has come."""
        ...

    def export(self, averages: Mapping[str, nn.Module], folder: Path) -> None:
        """Write the averaged networks as the program loads them; `folder` exists."""
        ...
