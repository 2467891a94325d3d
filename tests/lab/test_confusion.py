from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, jaccard_score

from semlink.lab.confusion import (
    VOID,
    count_pairs,
    intersection_over_union,
    mean_iou,
    no_pairs,
    pixel_accuracy,
)


def test_intersection_over_union_agrees_with_scikit_learn() -> None:
    rng = np.random.default_rng(0)
    truth, guess = rng.integers(VOID, size=500), rng.integers(VOID + 1, size=500)
    counts = np.zeros((VOID, VOID + 1), np.int64)
    np.add.at(counts, (truth, guess), 1)

    scores = intersection_over_union(counts)

    expected = jaccard_score(truth, guess, average=None, labels=range(VOID))
    np.testing.assert_allclose(scores, expected)


def test_a_class_that_nobody_saw_has_no_score() -> None:
    counts = np.zeros((VOID, VOID + 1), np.int64)
    counts[3, 3] = 5

    scores = intersection_over_union(counts)

    assert scores[3] == 1
    assert np.isnan(np.delete(scores, 3)).all()


def test_a_map_agrees_wholly_with_itself() -> None:
    labels = np.random.default_rng(0).integers(VOID + 1, size=(8, 9)).astype(np.uint8)
    counts = count_pairs(labels, labels)
    assert (mean_iou(counts), pixel_accuracy(counts)) == (1.0, 1.0)
    assert counts.sum() == (labels != VOID).sum()


def test_means_agree_with_scikit_learn() -> None:
    rng = np.random.default_rng(1)
    truth, guess = (rng.integers(VOID, size=(20, 30)).astype(np.uint8) for _ in range(2))
    counts = no_pairs() + count_pairs(truth, guess)
    flat = truth.ravel(), guess.ravel()
    assert mean_iou(counts) == pytest.approx(jaccard_score(*flat, average="macro"))
    assert pixel_accuracy(counts) == pytest.approx(accuracy_score(*flat))
