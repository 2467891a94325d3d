"""What SQ-GAN's trainings lower (arXiv 2502.09520).

Classes weigh as they matter to the task. Where the released code has slips they are set right:
the discriminator's leniency never overshoots the true picture, and there is a weight for every
class that is weighted.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int64
from torch import Generator, Tensor
from torch.nn import functional

from semlink.core.taxonomy import TAXONOMIES

SIGNS = ("traffic light", "traffic sign", "sign")
PEOPLE = ("person", "rider", "pedestrian", "bicyclist", "living things")
SCENERY = ("vegetation", "tree", "sky")

FRACTIONS = (0.05, 0.2875, 0.525, 0.7625, 1.0)
LOG_FRACTION_MEAN, LOG_FRACTION_STD = -0.95, 0.4
LENIENCY = 0.85


@dataclass(frozen=True)
class ClassWeights:
    """Weights of classes, whatever the taxonomy calls them.

    Attributes:
        signs: of what tells a driver what to do.
        people: of who must not be hit.
        scenery: of trees and sky.
        others: of all other classes.
    """

    signs: float
    people: float
    scenery: float
    others: float

    def of(self, taxonomy: str) -> Float[Tensor, " class"]:
        """One for every class of a taxonomy, in its order."""
        groups = {SIGNS: self.signs, PEOPLE: self.people, SCENERY: self.scenery}
        weights: Mapping[str, float] = {
            name: weight for names, weight in groups.items() for name in names
        }
        classes = TAXONOMIES[taxonomy].classes
        return torch.tensor([weights.get(name, self.others) for name in classes])


MAP_WEIGHTS = ClassWeights(signs=1.0, people=0.85, scenery=0.2, others=0.5)
"""As published, of the cross entropy of maps."""

PICTURE_WEIGHTS = ClassWeights(signs=1.0, people=0.55, scenery=0.1, others=0.15)
"""Of the absolute error of pictures; as published but for scenery, which weighed nothing: its
colours were nobody's business."""

LENIENT_WEIGHTS = ClassWeights(signs=0.0, people=0.0, scenery=LENIENCY, others=0.0)
"""How far the discriminator is shown the true picture instead of the decoded one."""


def map_error(
    logits: Float[Tensor, "batch class height width"],
    labels: Int64[Tensor, "batch height width"],
    weights: Float[Tensor, " class"],
) -> Float[Tensor, ""]:
    """Cross entropy, mean over pixels by the weights of their classes."""
    return functional.cross_entropy(logits, labels, weights)


def pixel_error(
    pictures: Float[Tensor, "batch 3 height width"],
    truth: Float[Tensor, "batch 3 height width"],
    labels: Int64[Tensor, "batch height width"],
    weights: Float[Tensor, " class"],
) -> Float[Tensor, ""]:
    """Absolute error times the weight of each pixel's class, mean over all pixels."""
    return (weights[labels][:, None] * (pictures - truth).abs()).mean()


def commitment(
    features: Float[Tensor, "*places channel"], words: Float[Tensor, "*places channel"]
) -> Float[Tensor, ""]:
    """How far features are from their codewords, which stay where they are."""
    return functional.mse_loss(features, words.detach())


def discriminator_hinge(real: Tensor, fake: Tensor) -> Float[Tensor, ""]:
    """The hinge loss of logits, which are to exceed 1 for true pictures and fall below -1 else."""
    return 0.5 * (functional.relu(1 - real).mean() + functional.relu(1 + fake).mean())


def generator_hinge(fake: Tensor) -> Float[Tensor, ""]:
    """What a generator lowers against `discriminator_hinge`."""
    return -fake.mean()


def adaptive_weight(
    error: Float[Tensor, ""],
    adversarial: Float[Tensor, ""],
    last_layer: Tensor,
    *,
    factor: float,
    most: float,
) -> Float[Tensor, ""]:
    """Weight of the adversarial loss that keeps its gradient in proportion to the error's.

    Esser et al., CVPR 2021, Eq. 7.

    Args:
        error: of the reconstruction.
        adversarial: of the generator.
        last_layer: weights of the decoder's last layer, where both gradients are compared.
        factor: their proportion.
        most: largest weight.
    """
    by_error, by_adversary = (
        torch.autograd.grad(loss, last_layer, retain_graph=True)[0].norm()
        for loss in (error, adversarial)
    )
    weight: Tensor = factor * by_error / (by_adversary + 1e-4)
    return weight.clamp(max=most).detach()


def relaxed(
    fake: Float[Tensor, "batch 3 height width"],
    real: Float[Tensor, "batch 3 height width"],
    labels: Int64[Tensor, "batch height width"],
    leniency: Float[Tensor, " class"],
) -> Float[Tensor, "batch 3 height width"]:
    """Decoded pictures as the discriminator sees them: nearer to the truth where it matters less.

    Args:
        fake: decoded pictures.
        real: true ones.
        labels: classes of the pixels.
        leniency: 0 .. 1, the share of the true picture.
    """
    return torch.lerp(fake, real, leniency[labels][:, None])


def random_fraction(generator: Generator) -> float:
    """A fraction of positions to send: log-normal, then the nearest of `FRACTIONS`."""
    normal = torch.randn((), generator=generator, device=generator.device)
    drawn = (LOG_FRACTION_MEAN + LOG_FRACTION_STD * normal).exp().item()
    return min(FRACTIONS, key=lambda fraction: abs(fraction - drawn))
