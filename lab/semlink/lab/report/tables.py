"""The numbers of a report as tables: for people, for papers, and for programs."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from semlink.lab.markdown import markdown_table
from semlink.lab.report.claims import Comparison, Verdict
from semlink.lab.report.swept import OUTCOMES, Point, Swept
from semlink.lab.report.words import (
    NOTHING,
    budget_text,
    interval_text,
    level_text,
    name_of,
    own_budget,
    pictures_text,
    value_text,
)
from semlink.lab.sweep.wanted import ARRIVED, RATES, By, Claim

PLACE = ("scheme", "channel", "level", "budget")
LATEX = {
    "\\": r"\textbackslash{}",
    **{character: f"\\{character}" for character in "&%$#_{}"},
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "±": r"$\pm$",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
}


@dataclass(frozen=True)
class Table:
    """A table whose cells are texts.

    Attributes:
        stem: of its files' names.
        caption: what it says.
        columns: headings; the first so many are words, the others numbers.
        words: how many.
        lines: its cells.
        raw: the same for programs: whole numbers and bounds, by column.
        common: what all of its lines share, a sentence.
    """

    stem: str
    caption: str
    columns: tuple[str, ...]
    words: int
    lines: tuple[tuple[str, ...], ...]
    raw: tuple[Mapping[str, object], ...]
    common: str = ""


def points_table(swept: Swept) -> Table:
    """One line for every point of the grid."""
    names = (*swept.numbers, *RATES)
    lines = [
        (
            point.system,
            point.channel,
            level_text(point.level_kind, point.level),
            budget_text(own_budget(point)),
            pictures_text(point),
            *(interval_text(point.interval(name), name) for name in names),
        )
        for point in swept.points
    ]
    columns = (*PLACE, "pictures", *(name_of(name) for name in names))
    caption = (
        "Mean over photos with its 95 % interval; mIoU and accuracies pooled over all pixels."
    )
    raw = tuple(_raw(point, names) for point in swept.points)
    return _trimmed(Table("points", caption, columns, len(PLACE), tuple(lines), raw))


def _trimmed(table: Table) -> Table:
    """A table without the words that all of its lines share, which it says once instead."""
    told = [{line[index] for line in table.lines} for index in range(len(table.columns))]
    common = [index for index in range(1, table.words) if len(told[index]) == 1]
    kept = [index for index in range(len(table.columns)) if index not in common]
    said = [f"{table.columns[index]} {min(told[index])}" for index in common]
    said = [text for text in said if not text.endswith(f" {NOTHING}")]
    return replace(
        table,
        common=f"All: {', '.join(said)}." if said else "",
        columns=tuple(table.columns[index] for index in kept),
        words=table.words - len(common),
        lines=tuple(tuple(line[index] for index in kept) for line in table.lines),
    )


def _raw(point: Point, names: Iterable[str]) -> dict[str, object]:
    outcomes = {outcome: point.count(outcome) for outcome in OUTCOMES}
    return {
        "system": point.system,
        "curve": point.curve,
        "channel": point.channel,
        "level_kind": point.level_kind,
        "level": point.level,
        "budget_kind": point.budget_kind,
        "budget": point.budget,
        "rows": len(point.rows),
        **outcomes,
        **{key: bound for name in names for key, bound in _bounds(point, name).items()},
    }


def _bounds(point: Point, name: str) -> dict[str, float | None]:
    found = point.interval(name)
    numbers = {name: found.value, f"{name}_low": found.low, f"{name}_high": found.high}
    return {key: None if math.isnan(value) else value for key, value in numbers.items()}


def claims_table(verdict: Verdict, index: int) -> Table:
    """One line for every point that a claim is about."""
    claim = verdict.claim
    metric, rate = name_of(claim.metric), name_of(_cost(claim))
    columns = (
        *PLACE,
        "rival",
        *(f"{metric}: ours", f"{metric}: rival", "gain of ours", "pairs", "left out"),
        *(f"{rate}: ours", f"{rate}: rival", "verdict"),
    )
    lines = tuple(_claim_line(comparison, verdict) for comparison in verdict.comparisons)
    raw = tuple(_raw_claim(comparison, verdict) for comparison in verdict.comparisons)
    return _trimmed(Table(f"claim-{index}", claim.says, columns, len(PLACE) + 1, lines, raw))


def _cost(claim: Claim) -> str:
    """The rate beside a claim's numbers; samples have no other than channel uses."""
    return claim.rate if claim.by is By.RATE else "channel_uses_per_pixel"


def _claim_line(comparison: Comparison, verdict: Verdict) -> tuple[str, ...]:
    ours, theirs, claim = comparison.ours, comparison.theirs, verdict.claim
    mean, half = comparison.gain.mean, comparison.gain.half_width
    gain = value_text(mean, claim.metric)
    bounds = value_text(half, claim.metric)
    said = f"{comparison.status.value.lower()}{f' ({comparison.note})' if comparison.note else ''}"
    return (
        ours.system,
        ours.channel,
        level_text(ours.level_kind, ours.level),
        budget_text(own_budget(ours)),
        theirs.system if theirs else comparison.rival,
        _mean(ours, claim.metric),
        _mean(theirs, claim.metric),
        gain if NOTHING in (gain, bounds) else f"{gain} ± {bounds}",
        str(comparison.pairs),
        str(comparison.left_out),
        _mean(ours, _cost(claim)),
        _mean(theirs, _cost(claim)),
        said,
    )


def _mean(point: Point | None, name: str) -> str:
    if point is None:
        return NOTHING
    if name == ARRIVED:
        return f"{point.pictures} of {point.sent}"
    return value_text(point.interval(name).value, name)


def _raw_claim(comparison: Comparison, verdict: Verdict) -> dict[str, object]:
    ours, theirs, gain = comparison.ours, comparison.theirs, comparison.gain
    cost, known = _cost(verdict.claim), not math.isnan(gain.mean)
    bounded = not math.isnan(gain.half_width)
    return {
        "ours": ours.system,
        "channel": ours.channel,
        "level_kind": ours.level_kind,
        "level": ours.level,
        "rival": theirs.system if theirs else comparison.rival,
        "metric": verdict.claim.metric,
        "gain": gain.mean if known else None,
        "gain_low": gain.mean - gain.half_width if bounded else None,
        "gain_high": gain.mean + gain.half_width if bounded else None,
        "photos": gain.photos,
        "pairs": comparison.pairs,
        "left_out": comparison.left_out,
        f"ours_{cost}": ours.interval(cost).value,
        f"rival_{cost}": theirs.interval(cost).value if theirs else None,
        "status": comparison.status.value,
        "note": comparison.note,
    }


def files(table: Table) -> dict[str, str]:
    """A table in all formats, by suffix."""
    return {"md": as_markdown(table), "tex": as_latex(table), "csv": as_csv(table)}


def as_markdown(table: Table) -> str:
    """For GitHub."""

    def cell(index: int) -> Callable[[Sequence[str]], str]:
        return lambda line: line[index]

    return markdown_table({name: cell(i) for i, name in enumerate(table.columns)}, table.lines)


def as_latex(table: Table) -> str:
    """For a paper that uses booktabs."""
    layout = "l" * table.words + "r" * (len(table.columns) - table.words)
    head = _latex_line(table.columns)
    body = "\n".join(_latex_line(line) for line in table.lines)
    return (
        f"% {' '.join(f'{table.caption} {table.common}'.split())}\n"
        f"\\begin{{tabular}}{{{layout}}}\n\\toprule\n{head}\n\\midrule\n{body}\n"
        "\\bottomrule\n\\end{tabular}\n"
    )


def _latex_line(cells: Iterable[str]) -> str:
    return " & ".join(latex_text(cell) for cell in cells) + r" \\"


def latex_text(text: str) -> str:
    """Text that LaTeX shows as it is."""
    return "".join(LATEX.get(character, character) for character in text)


def as_csv(table: Table) -> str:
    """For programs: numbers in full, bounds in columns of their own."""
    buffer = io.StringIO()
    if table.raw:
        writer = csv.DictWriter(buffer, list(table.raw[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(table.raw)
    return buffer.getvalue()
