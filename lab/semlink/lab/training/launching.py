"""The processes of a training: one, or several that `accelerate launch` has started."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import torch

from semlink.core.errors import InvalidInput, NotFound
from semlink.receiver.device import pick_device, pick_dtype

if TYPE_CHECKING:
    from accelerate import Accelerator


def make_accelerator(device: str | None = None) -> Accelerator:
    """Device, precision and processes of this run; bf16 where the device is fast at it.

    Args:
        device: as torch names it; None for the best there is. Under `accelerate launch` each
            process has its own, unless it is "cpu".

    Raises:
        NotFound: accelerate is not installed.
        InvalidInput: no such device here.
    """
    if find_spec("accelerate") is None:
        raise NotFound(
            "training needs it, and it is not installed.",
            field="accelerate",
            cure='Install it with pip install "semlink[training]".',
        )
    from accelerate import Accelerator

    chosen = pick_device(device)
    if chosen.type == "cuda" and chosen.index is not None:
        torch.cuda.set_device(chosen)
    precision = "bf16" if pick_dtype(chosen) == torch.bfloat16 else "no"
    return Accelerator(cpu=chosen.type == "cpu", mixed_precision=precision)


def share_of(batch: int, accelerator: Any) -> slice:
    """Which pictures of a batch are this process's.

    Raises:
        InvalidInput: they cannot be shared out evenly.
    """
    processes = accelerator.num_processes
    if batch % processes:
        raise InvalidInput(
            f"{processes} processes cannot share it evenly.",
            field="batch",
            value=batch,
            cure=f"Choose a multiple of {processes}.",
        )
    each = batch // processes
    first = accelerator.process_index * each
    return slice(first, first + each)
