"""Moving average of weights."""

from __future__ import annotations

from torch import Tensor, nn
from torch.optim.swa_utils import get_ema_multi_avg_fn


class Ema:
    """Exponential moving average whose memory grows with the run.

    The decay is `(1 + step) / (10 + step)`, at most `max_decay`: a short run must forget its
    random start.
    """

    def __init__(self, net: nn.Module, max_decay: float):
        self.max_decay = max_decay
        self.weights: dict[str, Tensor] = {k: v.clone() for k, v in net.state_dict().items()}

    def update(self, net: nn.Module, step: int) -> None:
        """Move towards the network's weights after optimiser step `step`, in a few kernels."""
        decay = min(self.max_decay, (1 + step) / (10 + step))
        move = get_ema_multi_avg_fn(decay)  # type: ignore[no-untyped-call]
        move(list(self.weights.values()), list(net.state_dict().values()), step)

    def load(self, weights: dict[str, Tensor]) -> None:
        """Take over a saved average, keeping the device."""
        for name, value in self.weights.items():
            value.copy_(weights[name])
