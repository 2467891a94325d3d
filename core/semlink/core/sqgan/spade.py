"""Spatially adaptive normalisation (Park et al., CVPR 2019) in the form that SQ-GAN has it."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from semlink.core.pictures import Size
from semlink.core.sqgan.config import NORM_GROUPS, MapResize, SqganConfig
from semlink.core.sqgan.layers import Features, conv3

Condition = Float[Tensor, "batch condition map_height map_width"]


class SpadeNorm(nn.Module):
    """Group normalisation without weights; a map gives scale and shift at every position.

    Args:
        channels: of the features.
        config: what the map's channels and the convolutions are.
    """

    def __init__(self, channels: int, config: SqganConfig):
        super().__init__()
        hidden, kernel = config.spade_hidden, config.spade_kernel
        self.norm = nn.GroupNorm(NORM_GROUPS, channels, affine=False)
        self.mlp_shared = nn.Sequential(
            conv3(config.condition_channels, hidden), nn.ReLU(inplace=True)
        )
        self.mlp_gamma = nn.Conv2d(hidden, channels, kernel, padding=kernel // 2)
        self.mlp_beta = nn.Conv2d(hidden, channels, kernel, padding=kernel // 2)

    def forward(self, x: Features, condition: Condition) -> Features:
        """Features under a map that has their size."""
        hidden = self.mlp_shared(condition)
        return torch.addcmul(self.mlp_beta(hidden), self.norm(x), 1 + self.mlp_gamma(hidden))


def condition_of(
    maps: Float[Tensor, "batch class height width"],
) -> Float[Tensor, "batch condition height width"]:
    """What of one-hot maps conditions the networks: all classes but the last, which is void."""
    return maps[:, :-1]


def resized(
    maps: Float[Tensor, "batch channel height width"], size: Size, how: MapResize
) -> Float[Tensor, "batch channel _ _"]:
    """Maps of another size."""
    return maps if Size(*maps.shape[-2:]) == size else functional.interpolate(maps, size, mode=how)
