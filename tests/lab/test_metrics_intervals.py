from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import t as student

from semlink.core.errors import InvalidInput
from semlink.lab.metrics import Row, interval, over_set, set_interval


def test_the_interval_of_a_mean_is_that_of_the_tables() -> None:
    # Mean 5.5 and standard deviation sqrt(55 / 6); t of 9 degrees of freedom at 0.975 is 2.262157.
    margin = 2.262157 * math.sqrt(55 / 6 / 10)
    value, low, high = interval([float(number) for number in range(1, 11)])
    assert value == 5.5
    assert (low, high) == pytest.approx((5.5 - margin, 5.5 + margin), rel=1e-6)


@pytest.mark.parametrize("level", [0.5, 0.9, 0.99])
def test_other_levels_agree_with_scipy(level: float) -> None:
    values = np.random.default_rng(0).normal(size=7).tolist()
    error = np.std(values, ddof=1) / math.sqrt(7)
    expected = student.interval(level, 6, np.mean(values), error)
    assert interval(values, level)[1:] == pytest.approx(expected)


def test_one_value_has_no_bounds() -> None:
    assert interval([3.0]) == pytest.approx((3.0, math.nan, math.nan), nan_ok=True)
    assert all(map(math.isnan, interval([])))
    assert interval([3.0, math.inf]) == pytest.approx((math.inf, math.nan, math.nan), nan_ok=True)


@pytest.mark.parametrize("level", [0.0, 1.0, 95.0])
def test_levels_lie_between_0_and_1(level: float) -> None:
    with pytest.raises(InvalidInput, match="between 0 and 1"):
        interval([1.0, 2.0], level)


def test_a_mean_of_one_row_a_photo_is_that_of_student() -> None:
    rows: list[Row] = [{"psnr_db": value} for value in (10.0, 12.0, 17.0)]
    assert set_interval("psnr_db", [*rows, {}]) == interval([10.0, 12.0, 17.0])
    assert all(map(math.isnan, set_interval("psnr_db", [{}])))


def test_rows_of_one_photo_count_as_one() -> None:
    values = np.random.default_rng(0).normal(size=20).tolist()
    rows: list[Row] = [{"psnr_db": value} for value in values for _ in range(5)]
    photos = [photo for photo in range(20) for _ in range(5)]
    whole = set_interval("psnr_db", rows, photos, resamples=2000)
    expected = interval(values)
    assert whole.value == pytest.approx(expected.value)
    assert whole.high - whole.low == pytest.approx(expected.high - expected.low, rel=0.06)


def rows_of(rng: np.random.Generator, photos: int) -> list[Row]:
    """Photos of two classes whose accuracy varies about 0.7, and their size too."""
    rows: list[Row] = []
    for accuracy, pixels in zip(
        rng.beta(7, 3, photos), rng.integers(50, 150, photos), strict=True
    ):
        right = int(rng.binomial(pixels, accuracy))
        rows.append({"truth_confusion": [right, int(pixels) - right, 0, 0, 0, 0]})
    return rows


def test_intervals_of_pooled_scores_cover_the_truth_as_often_as_they_say() -> None:
    rng = np.random.default_rng(1)
    bounds = [
        set_interval("truth_accuracy", rows_of(rng, 8), level=0.9, resamples=30)
        for _ in range(120)
    ]
    covered = np.mean([low <= 0.7 <= high for _, low, high in bounds])
    assert 0.82 < covered < 0.98  # three standard errors of 120 draws


def test_bounds_depend_on_the_seed_alone() -> None:
    rows = rows_of(np.random.default_rng(0), 6)
    first = set_interval("truth_miou", rows, seed=3)
    assert first == set_interval("truth_miou", rows, seed=3)
    assert first != set_interval("truth_miou", rows, seed=4)
    assert first.value == over_set("truth_miou", rows)
    assert first.low < first.value < first.high


def test_distances_of_sets_have_intervals() -> None:
    rng = np.random.default_rng(0)
    rows: list[Row] = [
        {"segmenter_features": ours, "photo_segmenter_features": theirs}
        for ours, theirs in rng.normal(size=(9, 2, 4)).tolist()
    ]
    value, low, high = set_interval("segmenter_frechet_distance", rows)
    assert value == over_set("segmenter_frechet_distance", rows)
    assert low < value < high


def test_photos_are_named_for_every_row() -> None:
    with pytest.raises(InvalidInput, match="every row"):
        set_interval("psnr_db", [{"psnr_db": 1.0}], ["a", "b"])
