"""Fast Denoising Semantic block of GESCO (Grassucci et al., arXiv:2306.04321)."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

Maps = Float[Tensor, "class height width"]


def fds(maps: Maps, noise_variance: Maps) -> Maps:
    """Mean over 3x3 pixels, then maximum over 3x3 pixels, of every class map by itself.

    As published, the mean counts the zeros beyond the border and the maximum does not. The
    publication knows one noise level for all samples; behind a fading channel each has its own,
    and the mean weighs every sample by the inverse of its noise variance.

    Args:
        maps: noisy one-hot maps.
        noise_variance: of every sample; infinite where nothing arrived.
    """
    mean = _mean(maps, noise_variance)
    return functional.max_pool2d(mean[None], 3, stride=1, padding=1)[0]


def _mean(maps: Maps, noise_variance: Maps) -> Maps:
    if bool((noise_variance == noise_variance.flatten()[0]).all()):
        return _average(maps)
    weights = _weights(noise_variance)
    inside = _average(torch.ones_like(maps))  # less than one at the border
    total = _average(weights)
    mean = _average(weights * maps) / total * inside
    return torch.where(total > 0, mean, 1.0 / maps.shape[0])


def _weights(noise_variance: Maps) -> Maps:
    """Inverse variances, the largest being one; where there is no noise, nothing else counts."""
    least = noise_variance.min()
    return torch.where(noise_variance == least, 1.0, least / noise_variance)


def _average(maps: Maps) -> Maps:
    return functional.avg_pool2d(maps[None], 3, stride=1, padding=1)[0]
