"""Which figures a report has, and which points they show."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

from semlink.lab.report.swept import Point, Swept
from semlink.lab.report.words import LEVELS, budget_text, direction, level_text, name_of
from semlink.lab.sweep.wanted import RATES, FigureWanted

K = TypeVar("K")

WIDE = 8.0  # ratio of rates beyond which their axis is logarithmic
DIFFERENT = 1.1  # ratio of rates below which there is nothing to see over them

LEGEND = (
    "Bars are 95 % intervals over photos. Hollow: some pictures were lost, and the number is of "
    "the others. A cross on the axis: no picture arrived. Over the level, schemes are drawn a "
    "hair aside of each other."
)

Lines = dict[str, tuple[Point, ...]]


@dataclass(frozen=True)
class Panel:
    """One plot of a figure.

    Attributes:
        title: above it.
        lines: points by the name of their line.
    """

    title: str
    lines: Lines


@dataclass(frozen=True)
class Drawing:
    """What a figure shows.

    Attributes:
        stem: of its files' names.
        caption: below it.
        wanted: its axes.
        panels: its plots.
        x_name: of the axis.
    """

    stem: str
    caption: str
    wanted: FigureWanted
    panels: tuple[Panel, ...]
    x_name: str


def drawings(swept: Swept) -> list[Drawing]:
    """The figures that the plan wants, or the usual ones; none that would be empty."""
    wanted = swept.plan.report.figures or tuple(_usual(swept))
    found = [_drawing(swept, figure) for figure in dict.fromkeys(wanted)]
    return [drawing for drawing in found if drawing.panels]


def shown_levels(swept: Swept) -> tuple[float, ...]:
    """Levels at which photos and rates are shown: those wanted, or lowest, middle and highest."""
    levels = sorted({point.level for point in swept.points})
    middle = levels[len(levels) // 2]
    return swept.plan.report.photo_levels or tuple(dict.fromkeys((levels[0], middle, levels[-1])))


def _usual(swept: Swept) -> Iterator[FigureWanted]:
    """Every metric over the level, where there are several, and over the rates that differ."""
    if len({point.level for point in swept.points}) > 1:
        yield from (FigureWanted(y=name) for name in swept.numbers)
    for x in RATES:
        rates = [rate for point in _countable(swept, x) if (rate := point.interval(x).value) > 0]
        if rates and max(rates) > DIFFERENT * min(rates):
            log_x = max(rates) > WIDE * min(rates)
            yield from (FigureWanted(x=x, y=name, log_x=log_x) for name in swept.numbers)


def _countable(swept: Swept, rate: str) -> list[Point]:
    """Points that a rate can be said of: samples are no bits."""
    bits = rate == "bits_per_pixel"
    return [point for point in swept.points if not (bits and point.sends_samples)]


def _drawing(swept: Swept, wanted: FigureWanted) -> Drawing:
    stem, caption = f"{wanted.y}-over-{wanted.x}", _caption(wanted)
    if wanted.x != "level":
        panels = tuple(_over_rate(swept, wanted.x))
        return Drawing(stem, caption, wanted, panels, name_of(wanted.x))
    kinds = {point.level_kind for point in swept.points}
    x_name = LEVELS.get(kinds.pop(), "level") if len(kinds) == 1 else "level"
    return Drawing(stem, caption, wanted, tuple(_over_level(swept)), x_name)


def _caption(wanted: FigureWanted) -> str:
    better = direction(wanted.y)
    over = "the noise level" if wanted.x == "level" else name_of(wanted.x)
    said = f"{name_of(wanted.y)} over {over}{'; ' if better else ''}{better}."
    samples = " Schemes that send samples are left out, for samples are no bits."
    return said + (samples if wanted.x == "bits_per_pixel" else "")


def _over_level(swept: Swept) -> Iterator[Panel]:
    """A plot for every channel, kind of level and budget."""
    kinds = {point.level_kind for point in swept.points}
    budgets = {point.shared_budget for point in swept.points}
    for (channel, kind, budget), points in _grouped(
        swept.points, lambda point: (point.channel, point.level_kind, point.shared_budget)
    ).items():
        words = [channel, *([kind] if len(kinds) > 1 else [])]
        words += [budget_text(budget)] if len(budgets) > 1 else []
        yield Panel(", ".join(words), _lines(points, _system, lambda point: point.level))


def _over_rate(swept: Swept, rate: str) -> Iterator[Panel]:
    """A plot for every channel and level that is shown."""

    def cost(point: Point) -> float:
        return point.interval(rate).value

    shown = [
        point
        for point in _countable(swept, rate)
        if math.isfinite(cost(point)) and point.level in shown_levels(swept)
    ]
    for (channel, kind, level), points in _grouped(
        shown, lambda point: (point.channel, point.level_kind, point.level)
    ).items():
        title = f"{channel}, {level_text(kind, level)}"
        yield Panel(title, _lines(points, lambda point: point.curve, cost))


def _system(point: Point) -> str:
    return point.system


def _lines(
    points: Sequence[Point], name: Callable[[Point], str], x: Callable[[Point], float]
) -> Lines:
    lines = _grouped(points, name)
    return {name: tuple(sorted(line, key=x)) for name, line in lines.items()}


def _grouped(points: Sequence[Point], key: Callable[[Point], K]) -> dict[K, list[Point]]:
    groups: dict[K, list[Point]] = {}
    for point in points:
        groups.setdefault(key(point), []).append(point)
    return groups
