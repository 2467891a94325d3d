"""What the command `sweep` does: a plan from options and a file, the run, and what is said."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console

from semlink.core.errors import InvalidInput
from semlink.core.noise import NoiseKind
from semlink.lab.console import print_json, wide_console
from semlink.lab.sweep.cost import cost
from semlink.lab.sweep.plan import Plan, make_plan, read_plan
from semlink.lab.sweep.progress import Bars, Point, duration, points, summary
from semlink.lab.sweep.rows import FAILED
from semlink.lab.sweep.runner import Where, sweep

SHOWN_FAILURES = 5
PLURALS = {"scheme": "schemes", "channel": "channels", "seeds": "seeds", "metric": "metrics"}
BUDGETS = ("bpp", "cpp")


def planned(file: Path | None, photos: Sequence[str], options: Mapping[str, Any]) -> Plan:
    """A plan from a file and from options, which go first.

    Args:
        file: a YAML file; None for the options alone.
        photos: where they come from.
        options: flat settings, those that are varied as lists or texts; None where not given.

    Raises:
        SemlinkError: as `read_plan` and `make_plan`.
    """
    given = {name: value for name, value in options.items() if value not in (None, [])}
    fields: dict[str, Any] = {"photos": list(photos)} if photos else {}
    fields |= {plural: given.pop(name) for name, plural in PLURALS.items() if name in given}
    if "stop_when" in given:
        fields["stop_when"] = dict(_pair(text) for text in given.pop("stop_when"))
    for field, kinds in {"levels": tuple(NoiseKind), "budgets": BUDGETS}.items():
        own = {str(kind): given.pop(kind) for kind in kinds if kind in given}
        fields |= {field: own} if own else {}
    if file is None:
        return make_plan(fields | {"settings": given})
    plan = read_plan(file, fields)
    return plan.model_copy(update={"settings": plan.settings | given})


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals:
        raise InvalidInput(
            "that is no rule.", field="stop_when", value=text, cure="Write it as psnr_db=0.2."
        )
    return name, value


def run(
    plan: Plan,
    folder: Path,
    where: Where,
    *,
    retry_failed: bool = False,
    report: bool = False,
    json: bool = False,
) -> int:
    """Runs a plan with a bar, and says what came of it; how many of its rows failed."""
    from semlink.lab.report.telling import report_fields, tell_report
    from semlink.lab.report.write import write_report

    with Bars() as bars:
        table = sweep(plan, folder, where, retry_failed=retry_failed, watcher=bars)
    reasons = [
        row["reason"]
        for row in table.select(["outcome", "reason"]).to_pylist()
        if row["outcome"] == FAILED
    ]
    found = points(table)
    written = write_report(folder) if report else None
    if json:
        told = {"folder": str(folder), "rows": table.num_rows, "failed": len(reasons)}
        told |= {"report": report_fields(written)} if written else {}
        print_json(told | {"points": [_plain(point) for point in found]})
        return len(reasons)
    console = wide_console()
    console.print(summary(found))
    console.print(f"{table.num_rows} rows in {folder}", soft_wrap=True)
    if written:
        tell_report(written)
    _tell_failures(reasons)
    return len(reasons)


def tell_cost(plan: Plan, folder: Path, where: Where, *, json: bool = False) -> None:
    """Says how many rows a plan has and what they would take."""
    found = cost(plan, folder, where)
    if json:
        print_json(asdict(found) | {"wall_s": found.wall_s})
        return
    console = wide_console()
    console.print(f"{found.rows} rows: {found.photos} photos at {found.cells} points of the grid")
    if found.there:
        console.print(f"{found.there} of them are there")
    workers = "1 worker" if found.workers == 1 else f"{found.workers} workers"
    console.print(f"at most about {duration(found.wall_s)} on {workers}")
    for system, reason in found.unknown.items():
        console.print(f"without {system}, which failed: {reason}", style="red", markup=False)


def _plain(point: Point) -> dict[str, Any]:
    return asdict(point)


def _tell_failures(reasons: Sequence[str]) -> None:
    """The reasons, on stderr, the most frequent first."""
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    counts = {reason: reasons.count(reason) for reason in dict.fromkeys(reasons)}
    ordered = sorted(counts, key=lambda reason: -counts[reason])
    for reason in ordered[:SHOWN_FAILURES]:
        console.print(f"{counts[reason]} failed: {reason}", style="red", markup=False)
    if len(ordered) > SHOWN_FAILURES:
        console.print(f"and {len(ordered) - SHOWN_FAILURES} other reasons", style="red")
    if reasons:
        console.print("With --retry-failed, the same command sends these again.")
