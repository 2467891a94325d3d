"""Confidence intervals of means, and of metrics that are no means."""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Int64

from semlink.core.errors import InvalidInput
from semlink.lab.metrics.sets import Column, measured, stacked, statistic
from semlink.lab.metrics.table import METRICS, Over, Row


class Interval(NamedTuple):
    """An estimate and the bounds around it; the bounds are nan where one value says nothing."""

    value: float
    low: float
    high: float


def interval(values: Sequence[float], level: float = 0.95) -> Interval:
    """Mean of independent values, by Student's t.

    Args:
        values: finite; with an infinite one (the PSNR of equal pictures) there are no bounds.
        level: of confidence, between 0 and 1.

    Raises:
        InvalidInput: the level is not between 0 and 1.
    """
    numbers = np.asarray(values, np.float64)
    mean = float(numbers.mean()) if len(numbers) else math.nan
    if len(numbers) < 2 or not math.isfinite(mean):
        return _around(mean, math.nan, 2, level)
    return _around(mean, float(numbers.std(ddof=1)) / math.sqrt(len(numbers)), len(numbers), level)


def set_interval(
    name: str,
    rows: Sequence[Row],
    photos: Sequence[Hashable] | None = None,
    *,
    level: float = 0.95,
    resamples: int = 200,
    seed: int = 0,
) -> Interval:
    """`over_set` with an interval over photos.

    Means of one row a photo get Student's t. All else gets the value, plus or minus Student's t
    times the standard error that drawing photos anew gives (the bootstrap, Efron 1979): for means
    both agree. Rows of one photo are drawn together, for they are not independent.

    Args:
        name: a key of `METRICS`.
        rows: of transmissions.
        photos: whose transmission each row is; None where each is of another photo.
        level: of confidence, between 0 and 1.
        resamples: how often photos are drawn.
        seed: of those draws.

    Raises:
        InvalidInput: as `over_set`; the level is not between 0 and 1, or photos and rows differ
            in number.
    """
    owners = list(range(len(rows)) if photos is None else photos)
    if len(owners) != len(rows):
        raise InvalidInput(
            "every row needs a photo.", field="photos", value=f"{len(owners)} of {len(rows)} rows"
        )
    chosen = measured(name, rows)
    if not chosen:
        return interval([], level)
    columns, groups = stacked(name, rows, chosen), _groups([owners[index] for index in chosen])
    if METRICS[name].over is Over.MEAN and len(groups) == len(chosen):
        return interval(columns[0].tolist(), level)
    value = statistic(name)(*columns)
    if len(groups) < 2 or not math.isfinite(value):
        return _around(value, math.nan, 2, level)
    draws = np.random.default_rng(seed).integers(len(groups), size=(resamples, len(groups)))
    return _around(value, _error(statistic(name), columns, groups, draws), len(groups), level)


def _error(
    score: Callable[..., float],
    columns: Sequence[Column],
    groups: Sequence[Sequence[int]],
    draws: Int64[np.ndarray, "resample photo"],
) -> float:
    """Standard error by the bootstrap, with the correction that makes it unbiased for means."""
    scores = []
    for draw in draws:
        rows = np.concatenate([groups[group] for group in draw])
        scores.append(score(*(column[rows] for column in columns)))
    return float(np.std(scores)) * math.sqrt(len(groups) / (len(groups) - 1))


def _groups(owners: Sequence[Hashable]) -> list[list[int]]:
    """Rows by photo."""
    groups: dict[Hashable, list[int]] = {}
    for row, owner in enumerate(owners):
        groups.setdefault(owner, []).append(row)
    return list(groups.values())


def _around(value: float, error: float, count: int, level: float) -> Interval:
    if not 0.0 < level < 1.0:
        raise InvalidInput(
            "the level of confidence lies between 0 and 1.", field="level", value=level
        )
    from scipy.special import stdtrit

    margin = float(stdtrit(count - 1, (1 + level) / 2)) * error
    return Interval(value, value - margin, value + margin)
