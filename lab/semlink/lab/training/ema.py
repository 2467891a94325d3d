"""Moving average of weights."""

from __future__ import annotations

from copy import deepcopy

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import get_ema_multi_avg_fn


class Ema:
    """A network whose weights are an exponential moving average, with a memory that grows.

    The decay is `(1 + step) / (10 + step)`, at most `max_decay`: a short run must forget its
    random start. Integers (counts of batches, say) are those of the latest step.

    Args:
        net: its weights now are where the average begins.
        max_decay: largest decay.
    """

    def __init__(self, net: nn.Module, max_decay: float):
        self.max_decay = max_decay
        self.network = deepcopy(net).eval().requires_grad_(False)

    @torch.no_grad()
    def update(self, net: nn.Module, step: int) -> None:
        """Move towards the network's weights after optimiser step `step`, in a few kernels."""
        decay = min(self.max_decay, (1 + step) / (10 + step))
        slow, fast = self.network.state_dict(), net.state_dict()
        moving = [name for name, value in slow.items() if value.is_floating_point()]
        move = get_ema_multi_avg_fn(decay)  # type: ignore[no-untyped-call]
        move([slow[name] for name in moving], [fast[name] for name in moving], step)
        for name in slow.keys() - moving:
            slow[name].copy_(fast[name])

    @property
    def weights(self) -> dict[str, Tensor]:
        """The average, by the names of the network's state."""
        return self.network.state_dict()
