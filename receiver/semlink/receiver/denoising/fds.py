"""Fast Denoising Semantic block of GESCO (Grassucci et al., arXiv:2306.04321)."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

Maps = Float[Tensor, "class height width"]


def fds(
    maps: Float[Tensor, "*batch class height width"],
) -> Float[Tensor, "*batch class height width"]:
    """Mean over 3x3 pixels, then maximum over 3x3 pixels, of every class map by itself.

    As published, the mean counts the zeros beyond the border and the maximum does not. A map of
    zeros stays exactly zero, so absent classes may be left in.

    Args:
        maps: noisy one-hot maps; at most one batch axis.
    """
    return _largest(_average(maps))


def weighted_fds(maps: Maps, noise_variance: Maps) -> Maps:
    """The same where every sample has a noise of its own, as behind a fading channel.

    The mean weighs samples by the inverse of their noise variance; with one variance for all
    it is the published block.

    Args:
        maps: noisy one-hot maps of the classes that are present.
        noise_variance: of every sample; infinite where nothing arrived. Where a whole
            neighbourhood is lost, all classes get the same share.
    """
    if bool((noise_variance == noise_variance.flatten()[0]).all()):
        return fds(maps)
    weights = _weights(noise_variance)
    inside = _average(torch.ones_like(maps))  # less than one at the border
    total = _average(weights)
    mean = _average(weights * maps) / total * inside
    return _largest(torch.where(total > 0, mean, 1.0 / maps.shape[0]))


def _weights(noise_variance: Maps) -> Maps:
    """Inverse variances, the largest being one; where there is no noise, nothing else counts."""
    least = noise_variance.min()
    return torch.where(noise_variance == least, 1.0, least / noise_variance)


def _average(maps: Tensor) -> Tensor:
    return functional.avg_pool2d(maps, 3, stride=1, padding=1)


def _largest(maps: Tensor) -> Tensor:
    return functional.max_pool2d(maps, 3, stride=1, padding=1)
