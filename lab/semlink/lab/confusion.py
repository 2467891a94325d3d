"""How far two label maps agree, counted over as many maps as one likes; CamVid's, unless said."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float64, Int64

from semlink.core.pictures import LabelMap
from semlink.core.taxonomy import CAMVID

VOID = len(CAMVID.classes) - 1

Confusion = Int64[np.ndarray, "truth guess"]
"""Pixels by true class, void left out, and by named class, which may be void."""


def no_pairs(void: int = VOID) -> Confusion:
    """What counts start from, where the last class is void."""
    return np.zeros((void, void + 1), np.int64)


def count_pairs(truth: LabelMap, guess: LabelMap, void: int = VOID) -> Confusion:
    """Pixels by true and named class; void, the last class, is left out of truth."""
    pairs = truth.astype(np.int64) * (void + 1) + guess
    return np.bincount(pairs.ravel(), minlength=(void + 1) ** 2).reshape(void + 1, -1)[:void]


def intersection_over_union(counts: Confusion) -> Float64[np.ndarray, "truth"]:
    """Per class, over all that was counted; nan where a class is neither there nor named."""
    both = np.diagonal(counts)
    either = counts.sum(1) + counts.sum(0)[: len(both)] - both
    return np.where(either > 0, both / np.maximum(either, 1), np.nan)


def mean_iou(counts: Confusion) -> float:
    """Mean intersection over union of the classes that are there or named, 0 .. 1."""
    return float(np.nanmean(intersection_over_union(counts)))


def pixel_accuracy(counts: Confusion) -> float:
    """Share of the pixels that are not void in truth whose class was named, 0 .. 1."""
    return float(np.diagonal(counts).sum() / counts.sum())
