"""Claims checked by rows: ours beside each rival, photo by photo, at every point in question."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from semlink.lab.metrics import METRICS, Better
from semlink.lab.report.swept import LOST, Point, number
from semlink.lab.sweep.stopping import Estimate, Sample, estimate
from semlink.lab.sweep.wanted import RATES, WORST, By, Claim, Lost, Where


class Status(StrEnum):
    """What rows say of a claim."""

    HOLDS = "HOLDS"
    FAILS = "DOES NOT HOLD"
    UNKNOWN = "NOT MEASURED"


@dataclass(frozen=True)
class Comparison:
    """A point of ours beside a rival's.

    Attributes:
        ours: the point.
        rival: name of the rival.
        theirs: the rival's point; None if it has none.
        gain: mean difference of pairs over photos, positive in favour of ours.
        pairs: transmissions of both that were compared.
        left_out: pairs without a value on one side.
        note: what else there is to say.
    """

    ours: Point
    rival: str
    theirs: Point | None
    gain: Estimate
    pairs: int
    left_out: int
    note: str = ""

    @property
    def status(self) -> Status:
        """Whether the interval of the gain lies above 0; unknown without two photos."""
        low = self.gain.mean - self.gain.half_width
        if self.gain.photos < 2 or math.isnan(low):
            return Status.UNKNOWN
        return Status.HOLDS if low > 0 else Status.FAILS


@dataclass(frozen=True)
class Verdict:
    """What became of a claim.

    Attributes:
        claim: the claim.
        comparisons: all of its points.
    """

    claim: Claim
    comparisons: tuple[Comparison, ...]

    def count(self, status: Status) -> int:
        """Points of which that is true."""
        return sum(comparison.status is status for comparison in self.comparisons)

    @property
    def status(self) -> Status:
        """Of the whole: it holds at all points, or fails at one, or nobody knows."""
        if self.count(Status.FAILS):
            return Status.FAILS
        if not self.comparisons or self.count(Status.UNKNOWN):
            return Status.UNKNOWN
        return Status.HOLDS


def check(claim: Claim, points: Sequence[Point]) -> Verdict:
    """Sets every point of ours that the claim is about beside every rival's.

    Args:
        claim: the claim.
        points: of the sweep.
    """
    ours = [point for point in _named(points, claim.ours) if _within(point, claim.where)]
    return Verdict(claim, tuple(_comparisons(claim, ours, points)))


def _comparisons(
    claim: Claim, ours: Iterable[Point], points: Sequence[Point]
) -> Iterator[Comparison]:
    for point in ours:
        for rival in claim.than:
            theirs = _named(points, (rival,))
            if claim.by is By.LEVEL:
                yield from _at_level(claim, point, rival, theirs)
            else:
                yield _at_rate(claim, point, rival, theirs)


def _at_level(
    claim: Claim, ours: Point, rival: str, theirs: Sequence[Point]
) -> Iterator[Comparison]:
    there = [
        point
        for point in theirs
        if _place(point) == _place(ours) and point.shared_budget == ours.shared_budget
    ]
    for point in there:
        yield _compared(claim, ours, rival, point)
    if not there:
        yield _unknown(ours, rival, None, "the rival has no rows there")


def _at_rate(claim: Claim, ours: Point, rival: str, theirs: Sequence[Point]) -> Comparison:
    there = [point for point in theirs if _place(point) == _place(ours)]
    known = [point for point in there if math.isfinite(_rate(claim, point))]
    if not known or not math.isfinite(_rate(claim, ours)):
        return _unknown(ours, rival, None, "no rate is known there")
    if claim.rate == "bits_per_pixel" and any(point.sends_samples for point in (ours, *known)):
        return _unknown(ours, rival, None, "samples are no bits: compare by channel uses")
    dearer = [point for point in known if _rate(claim, point) >= _rate(claim, ours)]
    if dearer:
        chosen = min(dearer, key=lambda point: _rate(claim, point))
        return _compared(claim, ours, rival, chosen)
    chosen = max(known, key=lambda point: _rate(claim, point))
    return _compared(claim, ours, rival, chosen, "the rival's highest rate")


def _compared(claim: Claim, ours: Point, rival: str, theirs: Point, note: str = "") -> Comparison:
    first, second = _values(claim, ours), _values(claim, theirs)
    sign = 1.0 if higher_is_better(claim.metric) else -1.0
    gains: list[Sample] = []
    for pair in first.keys() & second.keys():
        one, other = first[pair], second[pair]
        if one is not None and other is not None and math.isfinite(one - other):
            gains.append(Sample(pair[0], sign * (one - other)))
    gains.sort()  # sums of the same numbers in one order
    left_out = len(first.keys() | second.keys()) - len(gains)
    return Comparison(ours, rival, theirs, estimate(gains), len(gains), left_out, note)


def _unknown(ours: Point, rival: str, theirs: Point | None, note: str) -> Comparison:
    return Comparison(ours, rival, theirs, estimate([]), 0, 0, note)


def _values(claim: Claim, point: Point) -> dict[tuple[str, int], float | None]:
    """By photo and seed."""
    worst = WORST.get(claim.metric) if claim.lost is Lost.WORST else None
    return {
        (row["photo_digest"], row["seed"]): worst
        if worst is not None and row["outcome"] in LOST
        else number(row, claim.metric)
        for row in point.rows
    }


def higher_is_better(name: str) -> bool:
    """Which way is up."""
    if name in METRICS:
        return METRICS[name].better is Better.HIGHER
    return name not in RATES


def _named(points: Sequence[Point], names: Sequence[str]) -> list[Point]:
    """Of a system of that name; where there is none, of a curve's systems."""
    curves = set(names) - {point.system for point in points}
    return [point for point in points if point.system in names or point.curve in curves]


def _place(point: Point) -> tuple[str, str, float]:
    return point.channel, point.level_kind, point.level


def _rate(claim: Claim, point: Point) -> float:
    return point.interval(claim.rate).value


def _within(point: Point, where: Where) -> bool:
    numbers = {"level": point.level, "budget": point.budget}
    numbers |= {name: point.interval(name).value for name in RATES if getattr(where, name)}
    for name, value in numbers.items():
        bounds = getattr(where, name)
        if bounds is not None and (value is None or not bounds[0] <= value <= bounds[1]):
            return False
    return where.channel is None or point.channel in where.channel
