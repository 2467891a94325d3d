from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from sklearn.metrics import confusion_matrix, log_loss

from semlink.core.errors import InvalidInput
from semlink.core.pictures import LabelMap
from semlink.core.taxonomy import TAXONOMIES, VOIDS
from semlink.lab.metrics.maps import confusion, flat, in_classes_of, label_bce, unflat


def maps(classes: int) -> tuple[LabelMap, LabelMap]:
    rng = np.random.default_rng(classes)
    truth, guess = rng.integers(classes, size=(2, 20, 30)).astype(np.uint8)
    return truth, guess


@pytest.mark.parametrize("taxonomy", VOIDS)
def test_counts_are_those_of_scikit_learn(taxonomy: str) -> None:
    classes, void = len(TAXONOMIES[taxonomy].classes), VOIDS[taxonomy]
    truth, guess = maps(classes)
    order = [number for number in range(classes) if number != void] + [void]
    expected = confusion_matrix(truth.ravel(), guess.ravel(), labels=order)[:-1]
    np.testing.assert_array_equal(confusion(truth, guess, taxonomy), expected)


def test_what_is_no_class_counts_as_void() -> None:
    truth, guess = np.array([[0, 255]], np.uint8), np.array([[255, 0]], np.uint8)
    counts = confusion(truth, guess, "camvid")
    assert counts[0, VOIDS["camvid"]] == counts.sum() == 1


def test_classes_of_no_known_data_set_are_refused() -> None:
    truth, guess = maps(5)
    with pytest.raises(InvalidInput, match="known data sets"):
        confusion(truth, guess, "my-segmenter")


def test_counts_survive_as_a_column() -> None:
    counts = confusion(*maps(12), "camvid")
    np.testing.assert_array_equal(unflat(np.array(flat(counts))), counts)


def test_maps_change_classes_only_where_they_differ() -> None:
    labels = np.array([[0, 13]], np.uint8)
    assert in_classes_of(labels, "cityscapes", "cityscapes") is labels
    names = [TAXONOMIES["camvid"].classes[label] for label in in_classes_of(
        labels, "cityscapes", "camvid").ravel()]  # fmt: skip
    assert names == ["road", "car"]


def test_label_bce_by_hand() -> None:
    # One pixel, three classes with probabilities 1/2, 1/4, 1/4, of which the second is right.
    logits = torch.tensor([0.5, 0.25, 0.25]).log()[:, None, None]
    expected = -(math.log(0.5) + math.log(0.25) + math.log(0.75))
    assert label_bce(logits, torch.tensor([[1]])) == pytest.approx(expected, rel=1e-6)


def test_label_bce_is_the_log_loss_of_every_class() -> None:
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(4, 6, 7, generator=generator)
    labels = torch.randint(4, (6, 7), generator=generator)
    chances = logits.softmax(0).double().numpy()
    losses = [
        log_loss((labels == k).numpy().ravel(), chances[k].ravel(), labels=[False, True])
        for k in range(4)
    ]
    assert label_bce(logits, labels) == pytest.approx(sum(losses), rel=1e-5)


def test_label_bce_of_certainty() -> None:
    labels = torch.tensor([[0, 1, 2]])
    sure = 1e4 * torch.nn.functional.one_hot(labels, 3).permute(2, 0, 1).float()
    assert label_bce(sure, labels) == 0.0
    assert label_bce(-sure, labels) == pytest.approx(100 + 2 * math.log(2), rel=1e-6)
