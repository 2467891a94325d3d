"""Moving average of weights."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Ema:
    """Exponential moving average whose memory grows with the run.

    The decay is `(1 + step) / (10 + step)`, at most `max_decay`: a short run must forget its
    random start.
    """

    def __init__(self, net: nn.Module, max_decay: float):
        self.max_decay = max_decay
        self.weights: dict[str, Tensor] = {k: v.clone() for k, v in net.state_dict().items()}

    @torch.no_grad()
    def update(self, net: nn.Module, step: int) -> None:
        """Move towards the network's weights after optimiser step number `step`."""
        decay = min(self.max_decay, (1 + step) / (10 + step))
        for name, value in net.state_dict().items():
            self.weights[name].lerp_(value, 1 - decay)
