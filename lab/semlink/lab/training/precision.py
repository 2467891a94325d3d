"""Fast arithmetic for training, where a device offers it."""

from __future__ import annotations

import torch


def allow_fast_kernels(device: torch.device) -> None:
    """On CUDA, let products of matrices use TF32, and cuDNN try which convolutions are fastest."""
    if device.type == "cuda":
        torch.set_float32_matmul_precision("high")
        torch.backends.cudnn.benchmark = True


def full_precision(device: torch.device) -> torch.autocast:
    """A context without autocast: for losses, whose small differences bf16 would lose."""
    return torch.autocast(device.type, enabled=False)
