"""Label maps of any data set's classes against each other."""

from __future__ import annotations

import math

import numpy as np
import torch
from jaxtyping import Float, Int64, UInt8
from torch import Tensor
from torch.nn import functional

from semlink.core.conversions import convert
from semlink.core.errors import InvalidInput
from semlink.core.pictures import LabelMap
from semlink.core.taxonomy import TAXONOMIES, VOIDS
from semlink.lab.confusion import Confusion, count_pairs


def in_classes_of(labels: LabelMap, source: str, target: str) -> LabelMap:
    """The map in the classes of `target`.

    Raises:
        InvalidInput: the classes are not known in terms of each other.
    """
    return labels if source == target else convert(labels, source, target)


def confusion(truth: LabelMap, guess: LabelMap, taxonomy: str) -> Confusion:
    """Pixels by true and named class, void last whatever its number.

    Raises:
        InvalidInput: no such taxonomy.
    """
    if taxonomy not in VOIDS:
        raise InvalidInput(
            "label maps can be compared in the classes of known data sets alone.",
            field="taxonomy",
            value=taxonomy,
            cure=f"Use a segmenter for {', '.join(VOIDS)}, or leave out the metrics of maps.",
        )
    order = _void_last(taxonomy)
    return count_pairs(order[truth], order[guess], len(TAXONOMIES[taxonomy].classes) - 1)


def _void_last(taxonomy: str) -> UInt8[np.ndarray, "256"]:
    """New number by class; whatever is no class is void."""
    classes, void = len(TAXONOMIES[taxonomy].classes), VOIDS[taxonomy]
    numbers = np.full(256, classes - 1, np.uint8)
    numbers[np.delete(np.arange(classes), void)] = np.arange(classes - 1)
    return numbers


def flat(counts: Confusion) -> list[int]:
    """As a column of a row."""
    numbers: list[int] = counts.ravel().tolist()
    return numbers


def unflat(numbers: Int64[np.ndarray, " pairs"]) -> Confusion:
    """Inverse of `flat`: K classes and void make K (K + 1) numbers."""
    return numbers.reshape(math.isqrt(len(numbers)), -1)


def label_bce(
    logits: Float[Tensor, "class height width"], labels: Int64[Tensor, "height width"]
) -> float:
    """Binary cross-entropy of class probabilities with a label map, after Bordin and Maugey.

    The sum over classes, mean over pixels, in nats; 0 where every probability is 0 or 1 as the
    map says. From "Semantic based generative compression of images for extremely low bitrates"
    (MMSP 2023), which does not say how classes are put together.
    """
    wanted = functional.one_hot(labels, logits.shape[0]).permute(2, 0, 1).double()
    guess = torch.softmax(logits.double(), 0)
    entropy = functional.binary_cross_entropy(guess, wanted, reduction="none")
    return float(entropy.sum(0).mean())
