"""How the bench of the semantic schemes is shown: on a terminal, as Markdown, as JSON."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.table import Table

from semlink.lab.bench_semantics import LEVEL_DB, Bits, Row
from semlink.lab.console import print_json, wide_console
from semlink.lab.markdown import markdown_table
from semlink.lab.streams import NOTHING

BEYOND = "*"
BEYOND_NOTE = (
    f"{BEYOND} Some or all photos take more than the rate; they were sent at the lowest rate "
    "that the scheme can reach."
)


def _share(pick: Callable[[Bits], float]) -> Callable[[Row], str]:
    return lambda row: f"{pick(row.bits):.3f}" if row.bits else NOTHING


COLUMNS: dict[str, Callable[[Row], str]] = {
    "scheme": lambda row: row.name + (BEYOND if row.beyond else ""),
    "bits/px": _share(lambda bits: bits.total),
    "map": _share(lambda bits: bits.map),
    "picture": _share(lambda bits: bits.picture),
    "header": _share(lambda bits: bits.header),
    "uses/px": lambda row: NOTHING if row.channel_uses is None else f"{row.channel_uses:.3f}",
    "mIoU %": lambda row: f"{100 * row.fidelity.miou:.1f}",
    "accuracy %": lambda row: f"{100 * row.fidelity.accuracy:.1f}",
    "true mIoU %": lambda row: f"{100 * row.fidelity.truth_miou:.1f}",
    "PSNR dB": lambda row: f"{row.fidelity.psnr_db:.2f}",
    "segmenter feature distance": lambda row: f"{row.fidelity.distance:.3f}",
    "photos": lambda row: str(row.photos),
}


def tell(rows: Sequence[Row], *, split: str, json: bool, markdown: bool) -> None:
    """Prints the rows on stdout."""
    if json:
        described = [_fields(row) for row in rows]
        print_json({"split": split, "psnr_db": LEVEL_DB, "rows": described})
    elif markdown:
        sys.stdout.write(as_markdown(rows))
    else:
        _print(rows, split)


def as_markdown(rows: Sequence[Row]) -> str:
    """The table, and below it what its mark means, where it has one."""
    note = f"\n\\{BEYOND_NOTE}\n" if _any_beyond(rows) else ""
    return markdown_table(COLUMNS, rows) + note


def _print(rows: Sequence[Row], split: str) -> None:
    title = f"CamVid's {split} split over awgn at {LEVEL_DB:g} dB, where nothing is lost"
    table = Table(title=title, box=SIMPLE_HEAD, padding=(0, 1, 0, 0), title_justify="left")
    for name in COLUMNS:
        justify: Any = "left" if name == "scheme" else "right"
        table.add_column(name.replace(" ", "\n"), justify=justify, vertical="bottom", no_wrap=True)
    for row in rows:
        table.add_row(*(cell(row) for cell in COLUMNS.values()))
    console = wide_console()
    console.print(table)
    if _any_beyond(rows):
        console.print(BEYOND_NOTE, markup=False)


def _fields(row: Row) -> dict[str, Any]:
    fields = asdict(row)
    if row.bits:
        fields["bits"]["total"] = row.bits.total
    return fields


def _any_beyond(rows: Sequence[Row]) -> bool:
    return any(row.beyond for row in rows)
