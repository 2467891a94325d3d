"""A discriminator of patches (Isola et al., CVPR 2017)."""

from __future__ import annotations

from itertools import pairwise

from jaxtyping import Float
from torch import Tensor, nn


class PatchDiscriminator(nn.Module):
    """Three halvings, then a logit for each patch: is it of a true picture?

    Args:
        channels: of the pictures; classes, if they are maps.
        width: channels of the first layer; published: 64.
    """

    def __init__(self, channels: int, width: int = 64):
        super().__init__()
        widths = (width, 2 * width, 4 * width, 8 * width)
        layers: list[nn.Module] = [nn.Conv2d(channels, width, 4, 2, 1), nn.LeakyReLU(0.2)]
        for before, after in pairwise(widths):
            stride = 1 if after == widths[-1] else 2
            layers += [
                nn.Conv2d(before, after, 4, stride, 1, bias=False),
                nn.BatchNorm2d(after),
                nn.LeakyReLU(0.2),
            ]
        self.main = nn.Sequential(*layers, nn.Conv2d(widths[-1], 1, 4, 1, 1))
        for layer in self.main.modules():
            if isinstance(layer, nn.Conv2d):
                nn.init.normal_(layer.weight, 0.0, 0.02)

    def forward(
        self, pictures: Float[Tensor, "batch channel height width"]
    ) -> Float[Tensor, "batch 1 rows columns"]:
        """Logits."""
        answer: Tensor = self.main(pictures)
        return answer
