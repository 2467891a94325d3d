"""Where networks run, and in which number format."""

from __future__ import annotations

import torch

from semlink.core.errors import InvalidInput

FAST_BF16 = ("amx_bf16", "avx512_bf16")
"""Processor features without which bf16 is many times slower than float32."""


def pick_device(name: str | None = None) -> torch.device:
    """The device of that name, or else a GPU where there is one, or else the processor.

    Raises:
        InvalidInput: no such device here.
    """
    if name is None:
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        raise InvalidInput(
            "there is no such device here.",
            field="device",
            value=name,
            cure="Use cpu, or cuda with a driver and a CUDA build of torch.",
        ) from error
    return device


def pick_dtype(device: torch.device) -> torch.dtype:
    """bf16 where it is fast: on GPUs, and on processors with units for it."""
    if device.type == "cuda":
        return torch.bfloat16
    features = torch.cpu.get_capabilities() if device.type == "cpu" else {}
    return torch.bfloat16 if any(features.get(name) for name in FAST_BF16) else torch.float32
