"""All that a report says, before it is laid out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from semlink.lab.report.claims import Verdict, check
from semlink.lab.report.figures import Drawing, drawings
from semlink.lab.report.photos import Case, PhotoGrid, grids, worst_cases
from semlink.lab.report.plots import draw, looks
from semlink.lab.report.receipt import receipt
from semlink.lab.report.swept import Swept
from semlink.lab.report.tables import Table, claims_table, points_table


@dataclass(frozen=True)
class Content:
    """What a report says.

    Attributes:
        swept: the sweep.
        title: of the page.
        verdicts: of the claims, each with the table of its points.
        points: table of all points.
        figures: what they show and their files by suffix.
        grids: of photos.
        cases: the worst of every scheme.
        receipt: as plain values.
    """

    swept: Swept
    title: str
    verdicts: tuple[tuple[Verdict, Table], ...]
    points: Table
    figures: tuple[tuple[Drawing, dict[str, bytes]], ...]
    grids: tuple[PhotoGrid, ...]
    cases: tuple[Case, ...]
    receipt: dict[str, Any]


def content_of(swept: Swept, title: str | None) -> Content:
    """Works everything out.

    Args:
        swept: the sweep.
        title: of the page; None for the plan's, or the folder's name.
    """
    verdicts = [check(claim, swept.points) for claim in swept.plan.report.claims]
    look = looks(swept)
    return Content(
        swept,
        title or swept.plan.report.title or swept.folder.resolve().name,
        tuple((found, claims_table(found, index)) for index, found in enumerate(verdicts, 1)),
        points_table(swept),
        tuple((drawing, draw(drawing, look)) for drawing in drawings(swept)),
        tuple(grids(swept)),
        tuple(worst_cases(swept)),
        receipt(swept),
    )
