"""Posterior of the classes of a one-hot map: a Potts model, solved by mean field."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

Maps = Float[Tensor, "class height width"]

# Couplings to the neighbours, chosen on CamVid's validation maps. What stands upright in a street
# (poles, trunks, people) is narrow, so that neighbours above and below agree most.
VERTICAL, HORIZONTAL, DIAGONAL = 2.0, 0.5, 1.0
ITERATIONS = 5
ENOUGH_EVIDENCE = 8.0  # inverse noise variance in the window that a pixel starts from
LARGEST_RADIUS = 32  # of that window; beyond, nothing is known of a pixel
LEAST_VARIANCE = 0.005  # log odds of 200; sums of more certain ones would cost precision


def posterior(maps: Maps, noise_variance: Maps) -> Maps:
    """Probability of every class at every pixel, given that exactly one of them is there.

    The samples are 0 or 1 plus Gaussian noise, so class k has the log-likelihood
    (x_k - 1/2) / variance_k, up to a constant. Classes are equally likely beforehand (their
    shares, estimated from the map, would cost the rare ones); neighbouring pixels tend to have
    the same, as in a Potts model with 8 neighbours. Its marginals are approximated by mean
    field (Kraehenbuehl and Koltun, arXiv:1210.5644, section 3), from a start that looks no
    further than the noise makes necessary.

    Args:
        maps: noisy one-hot maps of the classes that are present.
        noise_variance: of every sample; infinite where nothing arrived, zero without noise.

    Returns:
        Probabilities; a map without noise comes back as it is.
    """
    evidence = 1.0 / noise_variance.clamp_min(LEAST_VARIANCE)
    likelihood = (maps - 0.5) * evidence
    beliefs = torch.softmax(_start(likelihood, evidence.mean(0)), 0)
    for _ in range(ITERATIONS):
        beliefs = torch.softmax(_support(beliefs).add_(likelihood), 0)
    return beliefs


def _start(likelihood: Maps, evidence: Float[Tensor, "height width"]) -> Maps:
    """Log-likelihood of the smallest window around a pixel that says enough."""
    start, found, radius = likelihood, evidence, 1
    short = found < ENOUGH_EVIDENCE
    while bool(short.any()) and radius <= LARGEST_RADIUS:
        start = torch.where(short, _window(likelihood, radius), start)
        found = torch.where(short, _window(evidence, radius), found)
        short = found < ENOUGH_EVIDENCE
        radius *= 2
    return start


def _support(beliefs: Maps) -> Maps:
    """What the 8 neighbours say, each by its coupling."""
    columns = _three(beliefs, -2)
    support = _three(columns, -1).mul_(DIAGONAL)
    support.add_(columns, alpha=VERTICAL - DIAGONAL)
    support.add_(_three(beliefs, -1), alpha=HORIZONTAL - DIAGONAL)
    return support.sub_(beliefs, alpha=VERTICAL + HORIZONTAL - DIAGONAL)


def _three(maps: Maps, axis: int) -> Maps:
    """Sum of each value and the two beside it; beyond the border there are none."""
    total, inner = maps.clone(), maps.shape[axis] - 1
    total.narrow(axis, 0, inner).add_(maps.narrow(axis, 1, inner))
    total.narrow(axis, 1, inner).add_(maps.narrow(axis, 0, inner))
    return total


def _window(
    maps: Float[Tensor, "*class height width"], radius: int
) -> Float[Tensor, "*class height width"]:
    """Sum over a square of 2 radius + 1 pixels a side; beyond the border there are none."""
    return _along(_along(maps, radius).mT, radius).mT


def _along(maps: Tensor, radius: int) -> Tensor:
    """The same along the last axis."""
    side = 2 * radius + 1
    sums = functional.pad(maps, (radius + 1, radius)).cumsum(-1)
    return sums[..., side:] - sums[..., :-side]
