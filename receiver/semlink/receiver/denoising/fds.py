"""Fast Denoising Semantic block of GESCO (Grassucci et al., arXiv:2306.04321)."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor
from torch.nn import functional


def fds(
    maps: Float[Tensor, "*batch class height width"],
) -> Float[Tensor, "*batch class height width"]:
    """Mean over 3x3 pixels, then maximum over 3x3 pixels, of every class map by itself.

    As published, the mean counts the zeros beyond the border and the maximum does not. A map of
    zeros stays exactly zero, so absent classes may be left in.

    Args:
        maps: noisy one-hot maps; at most one batch axis.
    """
    mean = functional.avg_pool2d(maps, 3, stride=1, padding=1)
    return functional.max_pool2d(mean, 3, stride=1, padding=1)
