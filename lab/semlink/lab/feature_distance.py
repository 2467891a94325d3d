"""How far pictures are from each other in the eyes of a network.

After Zhang et al., arXiv:1801.03924, without the weights that they fitted to human judgement: this
is not LPIPS, and its numbers cannot be compared with those of LPIPS.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional


class FeatureDistance(nn.Module):
    """Squared distance of the unit-length features of a frozen backbone, mean over its stages.

    Args:
        backbone: any of transformers' backbones; its `feature_maps` are compared.
        mean: of its training pixels, RGB in 0..1.
        std: of its training pixels.
    """

    mean: Float[Tensor, "3 1 1"]

    def __init__(self, backbone: nn.Module, mean: tuple[float, float, float], std: float) -> None:
        super().__init__()
        self.backbone = backbone.eval().requires_grad_(False)
        self.std = std
        self.register_buffer("mean", torch.tensor(mean)[:, None, None])

    def forward(
        self,
        pictures: Float[Tensor, "batch 3 height width"],
        truth: Float[Tensor, "batch 3 height width"],
    ) -> Float[Tensor, " batch"]:
        """Distance of each picture from its truth, both in -1..1: 0 where they are equal, up to 4.

        The gradient reaches `pictures` alone.
        """
        with torch.no_grad():
            wanted = self._directions(truth)
        stages = zip(self._directions(pictures), wanted, strict=True)
        each = [(ours - theirs).square().sum(1).mean((1, 2)) for ours, theirs in stages]
        return torch.stack(each).mean(0)

    def _directions(self, pictures: Tensor) -> list[Tensor]:
        features = self.backbone(((pictures + 1) / 2 - self.mean) / self.std).feature_maps
        return [functional.normalize(one, dim=1, eps=1e-6) for one in features]
