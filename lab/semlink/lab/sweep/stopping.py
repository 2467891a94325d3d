"""When a point of the grid has had enough transmissions."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import NamedTuple

from semlink.core.errors import InvalidInput
from semlink.lab.metrics import columns_of, interval
from semlink.lab.sweep.rows import NUMBERS, TIMINGS


class Sample(NamedTuple):
    """A transmission's value.

    Attributes:
        photo: digest of what was sent.
        value: of the column; None where the transmission has none.
    """

    photo: str
    value: float | None


@dataclass(frozen=True)
class Estimate:
    """The mean over photos.

    Attributes:
        mean: of the photos' means; nan without any.
        half_width: of its 95 % interval, by Student's t; nan for one photo with one value.
        photos: how many have a value.
    """

    mean: float
    half_width: float
    photos: int


def check_rule(rule: Mapping[str, float], metrics: Sequence[str]) -> None:
    """Whether every row has these numbers, and whether they are the same in any run.

    Raises:
        InvalidInput: there is no such column.
    """
    known = [name for name in NUMBERS if name not in TIMINGS]
    known += [name for metric in metrics for name in columns_of(metric) if _is_number(name)]
    for name in rule:
        if name not in known:
            raise InvalidInput(
                "there is no such number in a row.",
                field="stop_when",
                value=name,
                cure=f"Use one of {', '.join(dict.fromkeys(known))}.",
            )


def _is_number(column: str) -> bool:
    return not column.endswith(("_confusion", "_features"))


def estimate(samples: Iterable[Sample]) -> Estimate:
    """The mean of a cell, photos drawn independently, its transmissions of one photo not.

    Where all samples are of one photo, it is the mean for that photo, over seeds.
    """
    by_photo: dict[str, list[float]] = {}
    for photo, value in samples:
        if value is not None and math.isfinite(value):
            by_photo.setdefault(photo, []).append(value)
    groups = list(by_photo.values())
    values = groups[0] if len(groups) == 1 else [fmean(group) for group in groups]
    found = interval(values)
    return Estimate(found.value, found.high - found.value, len(groups))


def enough(rule: Mapping[str, float], cell: Mapping[str, Iterable[Sample]]) -> bool:
    """Whether every column of the rule is known well enough.

    Args:
        rule: the half-width wanted, by column.
        cell: samples by column.
    """
    return all(estimate(cell[name]).half_width < wanted for name, wanted in rule.items())
