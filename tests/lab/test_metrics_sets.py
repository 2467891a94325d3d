from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy.linalg import sqrtm
from sklearn.metrics import accuracy_score, jaccard_score
from torch import Tensor, nn
from torchmetrics.image.fid import FrechetInceptionDistance

from semlink.core.errors import InvalidInput
from semlink.lab.metrics import METRICS, Over, Row, columns_of, over_set
from semlink.lab.metrics.maps import confusion, flat
from semlink.lab.metrics.sets import DISTANCES, Features, frechet_distance, kernel_distance


def features(pictures: int, width: int, seed: int) -> Features:
    rng = np.random.default_rng(seed)
    return rng.normal(size=(pictures, width)) @ rng.normal(size=(width, width)) + rng.normal()


@pytest.mark.parametrize(("pictures", "width"), [(40, 6), (5, 6), (7, 30)])
def test_frechet_distance_is_that_of_gaussians(pictures: int, width: int) -> None:
    ours, theirs = features(pictures, width, 0), features(pictures + 3, width, 1)
    one, other = np.cov(ours.T), np.cov(theirs.T)
    # The product of covariances of few pictures is singular: a little is added to the diagonal.
    dust = 1e-10 * np.eye(width)
    root = sqrtm((one + dust) @ (other + dust)).real
    expected = np.square(ours.mean(0) - theirs.mean(0)).sum() + np.trace(one + other - 2 * root)
    assert frechet_distance(ours, theirs) == pytest.approx(expected, rel=1e-4)


def test_frechet_distance_of_a_shift_and_a_scale() -> None:
    ours = features(50, 4, 0)
    centred = ours - ours.mean(0)
    moved = 3 * centred + ours.mean(0) + np.array([1.0, 2.0, 0.0, -2.0])
    expected = 9.0 + (3 - 1) ** 2 * np.trace(np.cov(ours.T))
    assert frechet_distance(moved, ours) == pytest.approx(expected)
    assert frechet_distance(ours, ours) == pytest.approx(0.0, abs=1e-9)


class Given(nn.Module):
    """Features that are there already, where torchmetrics asks for a network."""

    num_features = 6

    def forward(self, given: Tensor) -> Tensor:
        return given


def test_frechet_distance_is_what_torchmetrics_calls_fid() -> None:
    ours, theirs = features(40, 6, 2), features(50, 6, 3)
    metric = FrechetInceptionDistance(feature=Given()).set_dtype(torch.float64)
    metric.update(torch.from_numpy(theirs), real=True)
    metric.update(torch.from_numpy(ours), real=False)
    assert frechet_distance(ours, theirs) == pytest.approx(float(metric.compute()), rel=1e-9)


def test_kernel_distance_by_hand() -> None:
    ours, theirs = features(5, 3, 0), features(5, 3, 1)

    def similar(one: Features, other: Features, *, same: bool) -> float:
        pairs = [(i, j) for i in range(5) for j in range(5) if not (same and i == j)]
        return float(np.mean([(one[i] @ other[j] / 3 + 1) ** 3 for i, j in pairs]))

    expected = similar(ours, ours, same=True) + similar(theirs, theirs, same=True)
    expected -= 2 * similar(ours, theirs, same=False)
    assert kernel_distance(ours, theirs) == pytest.approx(expected)


@pytest.mark.parametrize("name", DISTANCES)
def test_distances_of_sets_come_from_rows_of_features(name: str) -> None:
    ours, theirs = features(8, 5, 0), features(8, 5, 1)
    keys = columns_of(name)
    rows: list[Row] = [
        dict(zip(keys, (one.tolist(), other.tolist()), strict=True))
        for one, other in zip(ours, theirs, strict=True)
    ]
    assert over_set(name, rows) == pytest.approx(DISTANCES[name](ours, theirs))
    assert math.isnan(over_set(name, rows[:1]))
    assert over_set(name, [*rows, {}]) == over_set(name, rows)  # a picture that was lost


def test_scores_pool_over_photos() -> None:
    rng = np.random.default_rng(0)
    pairs = [rng.integers(3 + k, size=(2, 10 + 5 * k)).astype(np.uint8) for k in range(4)]
    rows: list[Row] = [
        {"sent_miou": 0.5, "sent_confusion": flat(confusion(truth[None], guess[None], "camvid"))}
        for truth, guess in pairs
    ]
    truth, guess = np.concatenate(pairs, axis=1)
    assert over_set("sent_miou", rows) == pytest.approx(
        jaccard_score(truth, guess, average="macro")
    )
    assert over_set("sent_accuracy", rows) == pytest.approx(accuracy_score(truth, guess))


def test_other_metrics_have_means() -> None:
    rows: list[Row] = [{"psnr_db": 10.0}, {"psnr_db": 13.0}, {}, {"psnr_db": math.nan}]
    assert METRICS["psnr_db"].over is Over.MEAN
    assert over_set("psnr_db", rows) == 11.5


@pytest.mark.parametrize("name", METRICS)
def test_nothing_has_no_value(name: str) -> None:
    assert math.isnan(over_set(name, [{}]))


def test_rows_of_different_networks_do_not_mix() -> None:
    rows: list[Row] = [{"sent_confusion": [1] * 12}, {"sent_confusion": [1] * 132}]
    with pytest.raises(InvalidInput, match="different networks"):
        over_set("sent_miou", rows)
    with pytest.raises(InvalidInput, match="Use some of psnr_db"):
        over_set("beauty", rows)
