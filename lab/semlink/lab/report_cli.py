"""`semlink report` and `semlink replay`. They import what they need when they run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from semlink.lab import options as opt


def report(
    folder: Annotated[Path, typer.Argument(help="Of a sweep.")],
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Folder of the report.", show_default="FOLDER/report"),
    ] = None,
    title: Annotated[
        str | None, typer.Option(help="Of the page.", show_default="the plan's")
    ] = None,
    plan: Annotated[
        Path | None, typer.Option(help="Take what is reported from this plan instead.")
    ] = None,
    json: opt.Json = False,
) -> None:
    """Make a page of a sweep, with figures, tables, photos, claims and a receipt."""
    from semlink.lab.report.telling import tell_report
    from semlink.lab.report.write import write_report

    tell_report(write_report(folder, output, title=title, plan=plan), json=json)


def replay(
    receipt: Annotated[
        Path, typer.Argument(help="receipt.json of a report, or the folder of a sweep.")
    ],
    row: Annotated[
        str, typer.Argument(help="Its number in the receipt, or 8 or more characters of its key.")
    ],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Also write its picture, a PNG.")
    ] = None,
    device: opt.Device = None,
    json: opt.Json = False,
) -> None:
    """Make a row of a sweep again and compare; exit code 1 if it differs."""
    from semlink.lab.files import check_output
    from semlink.lab.report.replay import replay as replayed
    from semlink.lab.report.telling import keep_picture, tell_replayed

    if output:
        check_output(output, ".png")
    found = replayed(receipt, row, device=device)
    written = keep_picture(found, output)
    tell_replayed(found, written, json=json)
    raise typer.Exit(int(bool(found.differences)))
