"""Confidence intervals."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import NamedTuple

from semlink.lab.metrics.table import Row


class Interval(NamedTuple):
    """An estimate and the bounds around it; the bounds are nan where one value says nothing."""

    value: float
    low: float
    high: float


def interval(values: Sequence[float], level: float = 0.95) -> Interval:
    """Mean of independent values, by Student's t."""
    raise NotImplementedError


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

    Args:
        name: a key of `METRICS`.
        rows: of transmissions.
        photos: whose transmission each row is; rows of one photo stay together.
        level: of confidence.
        resamples: drawn for metrics that are no means.
        seed: of those draws.
    """
    raise NotImplementedError
