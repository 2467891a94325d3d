"""Fast arithmetic for training, where a GPU offers it."""

from __future__ import annotations

import torch


def allow_fast_kernels(device: torch.device) -> None:
    """On CUDA, let products of matrices use TF32, and cuDNN try which convolutions are fastest."""
    if device.type == "cuda":
        torch.set_float32_matmul_precision("high")
        torch.backends.cudnn.benchmark = True


def mixed_precision(device: torch.device) -> torch.autocast:
    """A context of bf16 where it suits, on CUDA only: most processors are slow at it."""
    return torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda")
