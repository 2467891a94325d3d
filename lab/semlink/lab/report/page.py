"""The page of a report: one HTML file that needs no other."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Iterator, Mapping, Sequence
from html import escape
from pathlib import Path

from semlink.lab.report.claims import Status, Verdict
from semlink.lab.report.content import Content
from semlink.lab.report.figures import LEGEND, Drawing
from semlink.lab.report.photos import Case, PhotoGrid, Shown, first_metric, has_pictures
from semlink.lab.report.swept import LOST, Swept
from semlink.lab.report.tables import Table
from semlink.lab.report.words import level_text, name_of, value_text
from semlink.lab.sweep.plan import plan_text
from semlink.lab.sweep.rows import FAILED, IMPOSSIBLE
from semlink.lab.sweep.wanted import ARRIVED, RATES

BADGES = {Status.HOLDS: "holds", Status.FAILS: "fails", Status.UNKNOWN: "open"}
GAIN = (
    "Gain of ours is the mean difference over photos of pairs of the same photo and seed, with "
    "its 95 % interval, positive in favour of ours; a claim holds at a point where the interval "
    "lies above 0. The means beside it are those of all pictures that arrived."
)
COUNTED = (ARRIVED, *RATES)  # that lost pictures have as well
KEY_SHOWN = 12  # characters of a key, more than enough to tell rows apart
POINTS_SHOWN = 12  # of a claim; more of them are folded away


def page(content: Content) -> str:
    """The whole page."""
    sections = {
        "Claims": "".join(_claims(content)),
        "Figures": "".join(_figures(content)),
        "Numbers": _table(content.points, content.points.caption),
        "Photos": "".join(_photos(content)),
        "Worst cases": "".join(_cases(content)),
        "Receipt": "".join(_receipt(content)),
    }
    there = {name: body for name, body in sections.items() if body}
    links = "".join(f'<a href="#{_anchor(name)}">{name}</a>' for name in there)
    body = "".join(
        f'<section id="{_anchor(name)}"><h2>{name}</h2>{text}</section>'
        for name, text in there.items()
    )
    style = Path(__file__).with_name("page.css").read_text(encoding="utf-8")
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(content.title)}</title><style>{style}</style></head>"
        f"<body><header><h1>{escape(content.title)}</h1>{_lead(content)}</header>"
        f"<nav>{links}</nav><main>{body}</main></body></html>\n"
    )


def _anchor(name: str) -> str:
    return name.lower().replace(" ", "-")


def _lead(content: Content) -> str:
    """What was sent, and the plan's own words."""
    swept = content.swept
    texts = [text for text in swept.plan.report.text.split("\n\n") if text.strip()]
    said = "".join(f"<p>{escape(text.strip())}</p>" for text in texts)
    return f'{said}<p class="lead">{" ".join(_facts(swept))}</p>'


def _facts(swept: Swept) -> Iterator[str]:
    rows, points = swept.rows, swept.points
    kinds: dict[str, list[float]] = {}
    for point in points:
        kinds.setdefault(point.level_kind, []).append(point.level)
    levels = "; ".join(_levels(kind, some) for kind, some in kinds.items())
    channels = ", ".join(dict.fromkeys(point.channel for point in points))
    yield (
        f"{_count(len(rows), 'transmission')} of {_count(len(swept.photos), 'photo')} by "
        f"{_count(len(swept.systems), 'scheme')} over {escape(channels)} at {escape(levels)}, "
        f"{_count(len(swept.plan.seeds), 'seed')}."
    )
    lost = sum(row["outcome"] in LOST for row in rows)
    yield f"{_count(lost, 'picture')} did not arrive."
    for outcome, why in {IMPOSSIBLE: "could not meet their budget", FAILED: "failed"}.items():
        count = sum(row["outcome"] == outcome for row in rows)
        if count:
            yield f"{count} {why}."
    if swept.wanted is not None and len(rows) < swept.wanted:
        yield f"The plan asks for up to {swept.wanted:,} rows: some are not there."
    if swept.others:
        yield f"{swept.others:,} other rows in the folder are of other plans, and left out."


def _levels(kind: str, some: Sequence[float]) -> str:
    levels = sorted(set(some))
    if len(levels) == 1:
        return level_text(kind, levels[0])
    return f"{level_text(kind, levels[0])} to {level_text(kind, levels[-1])}"


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"


# Claims


def _claims(content: Content) -> Iterator[str]:
    if content.verdicts:
        yield f'<p class="pale">{GAIN}</p>'
    for verdict, table in content.verdicts:
        badge = f'<span class="badge {BADGES[verdict.status]}">{verdict.status}</span>'
        yield f'<div class="claim"><p>{badge} {escape(verdict.claim.says)}</p>'
        yield f'<p class="pale">{escape(how(verdict))}</p>{_points(table)}</div>'


def _points(table: Table) -> str:
    """A claim's table; a long one is opened by a click, so that the next claim is in sight."""
    count = len(table.lines)
    if count <= POINTS_SHOWN:
        return _table(table)
    return f"<details><summary>All {_count(count, 'point')}</summary>{_table(table)}</details>"


def how(verdict: Verdict) -> str:
    """At how many points a claim holds, and how it was checked."""
    claim, total = verdict.claim, len(verdict.comparisons)
    if not total:
        return "None of the sweep's points is one that the claim is about."
    said = [f"Holds at {verdict.count(Status.HOLDS)} of {_count(total, 'point')}"]
    if unknown := verdict.count(Status.UNKNOWN):
        said += [f"{unknown} could not be compared"]
    rate = name_of(claim.rate)
    beside = {
        "level": "Both at the same channel, level and budget.",
        "rate": f"The rival's point is the one of the least {rate} that is not below ours.",
    }[claim.by]
    lost = {
        "left_out": "Photos that one side lost are left out.",
        "worst": "A lost picture counts as the metric's worst value.",
    }[claim.lost]
    return f"{', '.join(said)}. {beside} {lost if claim.metric not in COUNTED else ''}".strip()


def _table(table: Table, caption: str = "") -> str:
    if not table.lines:
        return ""
    kinds = ["word" if index < table.words else "" for index in range(len(table.columns))]
    head = "".join(_cell("th", *pair) for pair in zip(table.columns, kinds, strict=True))
    body = []
    before = ""
    for line in table.lines:
        part = ' class="part"' if line[0] != before and before else ""
        cells = "".join(_cell("td", *pair) for pair in zip(line, kinds, strict=True))
        body.append(f"<tr{part}>{cells}</tr>")
        before = line[0]
    return (
        f'<figure><div class="wide"><table><thead><tr>{head}</tr></thead>'
        f"<tbody>{''.join(body)}</tbody></table></div>"
        f"<figcaption>{escape(f'{caption} {table.common}'.strip())}</figcaption></figure>"
    )


def _cell(tag: str, text: str, kind: str) -> str:
    return f"<{tag}{f' class={kind}' if kind else ''}>{escape(text)}</{tag}>"


def _figures(content: Content) -> Iterator[str]:
    if content.figures:
        plots = "".join(_figure(drawing, files) for drawing, files in content.figures)
        yield f'<p class="pale">{LEGEND}</p><div class="plots">{plots}</div>'


def _figure(drawing: Drawing, files: Mapping[str, bytes]) -> str:
    address = f"data:image/svg+xml;base64,{base64.b64encode(files['svg']).decode()}"
    kind = "plot one" if len(drawing.panels) == 1 else "plot"
    return (
        f'<figure class="{kind}"><img alt="{escape(drawing.stem)}" src="{address}">'
        f"<figcaption>{escape(drawing.caption)}</figcaption></figure>"
    )


# Photos


def _photos(content: Content) -> Iterator[str]:
    if not content.swept.plan.report.photos:
        return
    if not has_pictures(content.swept):
        yield (
            "<p>The sweep kept no pictures. <code>semlink sweep --keep-pictures</code> with "
            "another folder makes them.</p>"
        )
    for grid in content.grids:
        yield f"<h3>{escape(grid.title)}</h3>{_grid(grid)}"


def _grid(grid: PhotoGrid) -> str:
    heads = "".join(f"<b>{escape(name)}</b>" for name in grid.columns)
    cells = "".join(
        f"<div>{_shown(one, f'{photo}: {column}')}</div>"
        for photo, line in grid.lines.items()
        for column, one in zip(grid.columns, line, strict=True)
    )
    columns = f"grid-template-columns: repeat({len(grid.columns)}, minmax(0, 1fr))"
    return f'<div class="photos" style="{columns}">{heads}{cells}</div>'


def _shown(shown: Shown, alt: str) -> str:
    if shown.picture is None:
        height, width = shown.shape
        box = f'<div class="nothing" style="aspect-ratio: {width} / {height}">'
        return f"{box}<span>{escape(shown.says)}</span></div>"
    return f'<img alt="{escape(alt)}" src="{shown.address}">{escape(shown.says)}'


def _cases(content: Content) -> Iterator[str]:
    if not content.cases:
        return
    metric = name_of(first_metric(content.swept))
    yield f'<p class="pale">The pictures of every scheme whose {escape(metric)} is worst.</p>'
    yield '<div class="cases">'
    for case in content.cases:
        yield _case(case, first_metric(content.swept))
    yield "</div>"


def _case(case: Case, metric: str) -> str:
    row = case.row
    value = f"{name_of(metric)} {value_text(row[metric], metric)}"
    level = level_text(row["level_kind"], row["level"])
    said = (
        f"{row['system']}, {row['channel']}, {level}: {value}; {row['photo']}, seed {row['seed']}"
    )
    pair = "".join(
        f"<div>{_picture_alone(shown, name)}</div>"
        for name, shown in (("original", case.original), (row["system"], case.picture))
    )
    return (
        f'<figure class="case"><div class="pair">{pair}</div><figcaption>{escape(said)}, '
        f'<span class="key">{row["key"][:KEY_SHOWN]}</span></figcaption></figure>'
    )


def _picture_alone(shown: Shown, alt: str) -> str:
    if shown.picture is None:
        return _shown(shown, alt)
    return f'<img alt="{escape(alt)}" src="{shown.address}">'


# Receipt


def _receipt(content: Content) -> Iterator[str]:
    made = content.receipt
    machine = made["machine"]
    rows = made["rows"]
    yield (
        "<p>Every row can be made again: <code>semlink replay receipt.json ROW</code>, with its "
        "number in the list below or the beginning of its key. On the same machine it is equal, "
        "bit by bit.</p><dl>"
    )
    yield _entry("Versions of the rows", _each(_versions(row["versions"]) for row in rows))
    yield _entry("Report made by", _versions(made["versions"]))
    yield _entry("Commit", made["commit"] or "not run from a checkout")
    yield _entry("Machine", f"{machine['processor']}, {_count(machine['processors'], 'core')}")
    yield _entry("Seeds", ", ".join(map(str, made["seeds"])))
    for name, digests in made["weights"].items():
        yield _entry(f"Weights of {name}", f"SHA-256 {', '.join(digests)}")
    yield "</dl><details><summary>The plan</summary>"
    yield f"<pre>{escape(plan_text(content.swept.plan))}</pre></details>"
    yield f"<details><summary>All {len(rows):,} rows</summary>{_rows(rows)}</details>"


def _entry(name: str, text: str) -> str:
    return f"<dt>{escape(name)}</dt><dd>{escape(text)}</dd>"


def _versions(found: Mapping[str, str]) -> str:
    return ", ".join(f"{name} {version}" for name, version in found.items())


def _each(texts: Iterable[str]) -> str:
    return "; or ".join(dict.fromkeys(texts))


def _rows(rows: Sequence[Mapping[str, object]]) -> str:
    names = ("photo", "system", "channel", "level_kind", "level", "seed", "outcome")
    head = "".join(_cell("th", name, "word") for name in ("row", "key", *names))
    lines = []
    for number, row in enumerate(rows, start=1):
        texts = [str(number), str(row["key"])[:KEY_SHOWN], *(str(row[name]) for name in names)]
        lines.append(f"<tr>{''.join(_cell('td', text, 'word') for text in texts)}</tr>")
    return (
        f'<div class="wide"><table><thead><tr>{head}</tr></thead>'
        f"<tbody>{''.join(lines)}</tbody></table></div>"
    )
