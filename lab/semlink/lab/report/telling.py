"""What the command line says of reports and of rows that were made again."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from rich.console import Console
from rich.markup import escape

from semlink.lab.console import print_json, wide_console
from semlink.lab.files import write_picture
from semlink.lab.report.claims import Status
from semlink.lab.report.page import how
from semlink.lab.report.replay import Replayed
from semlink.lab.report.write import Written

STYLES = {Status.HOLDS: "green", Status.FAILS: "red", Status.UNKNOWN: "yellow"}
SHOWN = 100  # characters of a value


def tell_report(written: Written, *, json: bool = False) -> None:
    """Says where a report lies and what became of its claims."""
    if json:
        print_json(report_fields(written))
        return
    console = wide_console()
    for found in written.verdicts:
        style = STYLES[found.status]
        console.print(f"[{style}]{found.status}[/]  {escape(found.claim.says)}", soft_wrap=True)
    console.print(f"report of {written.rows} rows in {escape(str(written.page))}", soft_wrap=True)


def report_fields(written: Written) -> dict[str, Any]:
    """The same as plain values."""
    claims = [
        {"says": found.claim.says, "status": found.status.value, "how": how(found)}
        for found in written.verdicts
    ]
    told = {"page": str(written.page), "receipt": str(written.receipt)}
    return told | {"rows": written.rows, "claims": claims}


def keep_picture(found: Replayed, output: Path | None) -> Path | None:
    """Writes the picture of a row as a PNG, if there is one; where it is."""
    if output is None or found.picture is None:
        return None
    with Image.open(io.BytesIO(found.picture)) as image:
        write_picture(output, np.asarray(image.convert("RGB")))
    return output


def tell_replayed(found: Replayed, written: Path | None, *, json: bool = False) -> None:
    """Says whether a row came out the same."""
    for warning in found.warnings:
        Console(stderr=True, highlight=False, soft_wrap=True).print(
            warning, style="yellow", markup=False
        )
    if json:
        print_json(_fields(found) | ({"picture": str(written)} if written else {}))
        return
    console = wide_console()
    if not found.differences:
        with_picture = " and the picture" if found.picture_compared else ""
        console.print(f"[green]equal[/]: {found.compared} columns{with_picture} of {found.key}")
    for difference in found.differences:
        then, now = (repr(value)[:SHOWN] for value in (difference.then, difference.now))
        text = f"{difference.column}: was {then}, is {now}"
        console.print(text, style="red", markup=False, soft_wrap=True)
    if written:
        console.print(f"picture in {written}", markup=False, soft_wrap=True)


def _fields(found: Replayed) -> dict[str, Any]:
    return {
        "key": found.key,
        "equal": not found.differences,
        "columns": found.compared,
        "picture_compared": found.picture_compared,
        "differences": [vars(difference) for difference in found.differences],
        "warnings": list(found.warnings),
    }
