"""Weights in eight bits on disk: a scale for every output channel; half the size of bfloat16."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor

SCALE = ".scale"
LEAST = 1024  # numbers in a tensor below which nothing is gained
LARGEST = 127


def to_eight_bit(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The same weights, matrices and kernels of at least `LEAST` numbers as int8 and scales.

    A number is off by half a scale at most: 1/254 of the largest of its output channel.

    Args:
        weights: floating point; the output channel is the first dimension.

    Returns:
        `NAME` in int8 and `NAME.scale` in float32, of one number per output channel, for those;
        the others as they were.
    """
    stored: dict[str, Tensor] = {}
    for name, value in weights.items():
        if value.ndim < 2 or value.numel() < LEAST or not value.is_floating_point():
            stored[name] = value.contiguous()
            continue
        rows = value.float().flatten(1)
        scale = (rows.abs().amax(1) / LARGEST).clamp(min=torch.finfo(torch.float32).tiny)
        whole = (rows / scale[:, None]).round().to(torch.int8)
        stored |= {name: whole.view(value.shape).contiguous(), name + SCALE: scale}
    return stored


def read_weights(file: Path, names: Iterable[str] | None = None) -> dict[str, Tensor]:
    """Weights from a safetensors file, in whatever number format they were stored.

    Args:
        file: of weights, some of them in eight bits or none.
        names: those that are wanted; all by default.

    Raises:
        OSError, SafetensorError: it is no such file, or a wanted tensor is not there.
    """
    with safe_open(file, "pt") as stored:
        there = set(stored.keys())
        wanted = there - {name + SCALE for name in there} if names is None else names
        return {name: _whole(name, there, stored.get_tensor) for name in wanted}


def compact(file: Path) -> None:
    """Bring the weights in a file to eight bits."""
    save_file(to_eight_bit(load_file(file)), file)


def _whole(name: str, there: set[str], tensor: Callable[[str], Tensor]) -> Tensor:
    value = tensor(name)
    if value.dtype != torch.int8 or name + SCALE not in there:
        return value
    scale = tensor(name + SCALE)
    return value.float() * scale.view(-1, *(1,) * (value.ndim - 1))
