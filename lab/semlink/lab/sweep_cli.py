"""`semlink sweep`. It imports what it needs when it runs, so that help answers at once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from semlink.lab import options as opt

GRID = "What is varied"
RUN = "How it is run"


def _repeated(text: str, panel: str = GRID) -> Any:
    return Annotated[list[str] | None, typer.Option(help=text, rich_help_panel=panel)]


def _several(text: str) -> Any:
    option = typer.Option(help=f"{text} Several with commas.", rich_help_panel=GRID)
    return Annotated[str | None, option]


VARIED: dict[str, Any] = {
    "scheme": _repeated("Repeat; with settings of its own as in spic,steps=50."),
    "channel": _repeated("Repeat; with settings of its own as in rayleigh,csi=estimated."),
    "psnr_db": _several("Peak power over noise, dB; Es/N0 for coded bits."),
    "snr_db": _several("Mean power over noise, dB."),
    "ebno_db": _several("Energy per information bit over noise, dB."),
    "sigma": _several("Standard deviation, in units of the peak."),
    "gesco_table_db": _several("Levels of the published table."),
    "bpp": _several("Bits per pixel of the working picture, at most."),
    "cpp": _several("Channel uses per pixel of the working picture, at most."),
    "seeds": _several("How many, from 0 on, or which."),
    "metric": _repeated("Repeat; beside PSNR and rates.", RUN),
    "stop_when": _repeated(
        "Repeat; as in psnr_db=0.2: a point of the grid whose 95 % interval has a smaller "
        "half-width gets no more transmissions.",
        RUN,
    ),
}
COMMON = [name for name in opt.SETTINGS if name not in (*VARIED, "seed")]


@opt.takes([*VARIED, *COMMON], opt.SETTINGS | VARIED)
def sweep(
    photos: Annotated[
        list[str] | None,
        typer.Argument(help="Pictures, folders, patterns, or LAYOUT:PATH:SPLIT:COUNT."),
    ] = None,
    plan: Annotated[
        Path | None, typer.Option(help="A YAML file; what is given beside it goes first.")
    ] = None,
    output: Annotated[
        Path, typer.Option("--output", "-o", help="Folder of the rows.", rich_help_panel=RUN)
    ] = Path("sweep"),
    workers: Annotated[
        int | None,
        typer.Option(help="Processes.", rich_help_panel=RUN, show_default="one per processor"),
    ] = None,
    ray: Annotated[
        str | None,
        typer.Option(
            metavar="ADDRESS", help="Of a Ray cluster; local starts one.", rich_help_panel=RUN
        ),
    ] = None,
    retry_failed: Annotated[
        bool, typer.Option("--retry-failed", help="Send again what failed.", rich_help_panel=RUN)
    ] = False,
    keep_pictures: Annotated[
        bool,
        typer.Option("--keep-pictures", help="Also keep pictures/KEY.webp.", rich_help_panel=RUN),
    ] = False,
    report: Annotated[
        bool,
        typer.Option("--report", help="Make a report of it in the end.", rich_help_panel=RUN),
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what it takes, and stop.", rich_help_panel=RUN)
    ] = False,
    device: opt.Device = None,
    link: opt.LinkAddress = None,
    timeout_s: opt.TimeoutS = None,
    json: opt.Json = False,
    **settings: Any,
) -> None:
    """Send photos by many schemes over many channels; a row of a Parquet dataset for each.

    Run the same again to go on where it stopped. Exit code 1 if rows failed.
    """
    from semlink.lab.sweep.command import planned, run, tell_cost
    from semlink.lab.sweep.runner import Where

    where = Where(
        workers=workers,
        link=link,
        device=device,
        ray=ray,
        timeout_s=timeout_s,
        pictures=keep_pictures,
    )
    chosen = planned(plan, photos or [], settings)
    if dry_run:
        tell_cost(chosen, output, where, json=json)
        return
    failed = run(chosen, output, where, retry_failed=retry_failed, report=report, json=json)
    raise typer.Exit(int(failed > 0))
