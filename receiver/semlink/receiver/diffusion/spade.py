"""Spatially adaptive normalisation: a map decides scale and shift at every position.

SPADE is Park et al., CVPR 2019; the group-norm form inside a diffusion model is Wang et al.,
"Semantic Image Synthesis via Diffusion Models" (2022), the backbone of GESCO and SPIC.

Scale and shift depend on the map only: `diffusion.prepared` computes them once per picture for
all sampler steps.
"""

from __future__ import annotations

from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

NORM_GROUPS = 32

Modulation = tuple[Tensor, Tensor]
"""`(1 + gamma, beta)`, each `batch channel height width`, of one modulated layer."""

MapResize = Literal["nearest", "area"]


def modulate(
    x: Float[Tensor, "batch channel height width"], modulation: Modulation
) -> Float[Tensor, "batch channel height width"]:
    """Apply `x * scale + shift`, where `scale` is `1 + gamma` and `shift` is `beta`."""
    scale, shift = modulation
    return torch.addcmul(shift, x, scale)


class SpadeGroupNorm(nn.Module):
    """Group normalisation without weights, then the modulation read from a map.

    Args:
        channels: of the features; a multiple of 32.
        map_channels: of the map.
        hidden: channels between the map and its scale and shift.
        kernel: side of the convolutions that give scale and shift.
    """

    def __init__(self, channels: int, map_channels: int, *, hidden: int = 128, kernel: int = 3):
        super().__init__()
        self.norm = nn.GroupNorm(NORM_GROUPS, channels, affine=False)
        self.mlp_shared = nn.Sequential(
            nn.Conv2d(map_channels, hidden, 3, padding=1), nn.ReLU(inplace=True)
        )
        self.mlp_gamma = nn.Conv2d(hidden, channels, kernel, padding=kernel // 2)
        self.mlp_beta = nn.Conv2d(hidden, channels, kernel, padding=kernel // 2)

    def modulation(self, resized_map: Float[Tensor, "batch map height width"]) -> Modulation:
        """Scale and shift for a map that already has the size of the features."""
        hidden = self.mlp_shared(resized_map)
        return 1 + self.mlp_gamma(hidden), self.mlp_beta(hidden)

    def forward(
        self, x: Float[Tensor, "batch channel height width"], modulation: Modulation
    ) -> Float[Tensor, "batch channel height width"]:
        """Normalise `x` and apply the modulation."""
        return modulate(self.norm(x), modulation)


class MapStem(nn.Module):
    """Modulation of the first layer by the full-resolution map, patch by patch.

    Networks on pixel-unshuffled pictures would lose what is thinner than a patch (poles, signs)
    in the resized map; here every pixel of the patch has its own weights.
    """

    def __init__(self, channels: int, map_channels: int, patch: int):
        super().__init__()
        self.patch = patch
        self.proj = nn.Conv2d(map_channels * patch**2, 2 * channels, 1)

    def modulation(self, full_map: Float[Tensor, "batch map height width"]) -> Modulation:
        """Scale and shift for the stem's features."""
        gamma, beta = self.proj(functional.pixel_unshuffle(full_map, self.patch)).chunk(2, dim=1)
        return 1 + gamma, beta


def resize_map(
    full_map: Float[Tensor, "batch map height width"], divisor: int, mode: MapResize
) -> Float[Tensor, "batch map small_height small_width"]:
    """Shrink a map to the size of features that are `divisor` times smaller."""
    if divisor == 1:
        return full_map
    size = (full_map.shape[-2] // divisor, full_map.shape[-1] // divisor)
    return functional.interpolate(full_map, size=size, mode=mode)
