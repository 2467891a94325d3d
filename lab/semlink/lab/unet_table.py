"""How the bench of the diffusion networks is shown: on a terminal, as Markdown, as JSON."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import asdict

from rich.table import Table

from semlink.lab.bench_unet import UnetBench, UnetCost
from semlink.lab.console import print_json, wide_console
from semlink.lab.markdown import markdown_table

COLUMNS: dict[str, Callable[[UnetCost], str]] = {
    "network": lambda cost: cost.name,
    "size": lambda cost: f"{cost.height}x{cost.width}",
    "numbers": lambda cost: cost.dtype,
    "published ms": lambda cost: f"{cost.published_ms:.1f}",
    "ours ms": lambda cost: f"{cost.ours_ms:.1f}",
    "step ratio": lambda cost: f"{cost.step_ratio:.2f}",
    "map, once ms": lambda cost: f"{cost.prepare_ms:.1f}",
    "kept MiB": lambda cost: f"{cost.kept_bytes / 2**20:.1f}",
    "published 1000 steps s": lambda cost: f"{cost.published_s:.1f}",
    "ours, steps": lambda cost: str(cost.steps),
    "ours s": lambda cost: f"{cost.ours_s:.2f}",
    "picture ratio": lambda cost: f"{cost.picture_ratio:.0f}",
    "difference": lambda cost: f"{cost.difference:.1e}",
    "of rounding": lambda cost: f"{cost.rounding:.1e}" if cost.rounding else "-",
}
LEFT = ("network", "size", "numbers")


def tell(bench: UnetBench, *, json: bool, markdown: bool) -> None:
    """Prints the measurements on stdout."""
    if json:
        costs = [_fields(cost) for cost in bench.costs]
        print_json(asdict(bench) | {"costs": costs})
    elif markdown:
        sys.stdout.write(markdown_table(COLUMNS, bench.costs))
    else:
        _print(bench)


def _print(bench: UnetBench) -> None:
    title = f"{bench.device}, {bench.threads} threads, medians of {bench.repeats}"
    table = Table(title=f"A guided step, and a picture by extrapolation: {title}")
    for name in COLUMNS:
        justify = "left" if name in LEFT else "right"
        table.add_column(name.replace(" ", "\n"), justify=justify)  # type: ignore[arg-type]
    for cost in bench.costs:
        table.add_row(*(cell(cost) for cell in COLUMNS.values()))
    console = wide_console()
    console.print(table)
    if bench.left_out:
        console.print(bench.left_out)


def _fields(cost: UnetCost) -> dict[str, object]:
    names = ("step_ratio", "published_s", "ours_s", "picture_ratio")
    return asdict(cost) | {name: getattr(cost, name) for name in names}
