"""The conventional codecs side by side: one photo, one channel, one budget."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.progress import track
from rich.table import Table

from semlink.core.choices import Transport
from semlink.core.errors import InvalidInput
from semlink.core.phy.radio import HEADER
from semlink.core.schemes import SEPARATE, Scheme
from semlink.lab.console import ENDINGS, print_json, wide_console
from semlink.lab.link import Link
from semlink.lab.photo import Photo
from semlink.lab.result import Result
from semlink.lab.sending import chosen_link, settings_and_folders
from semlink.lab.streams import NOTHING
from semlink.lab.summary import result_fields

CODECS: dict[str, dict[str, Any]] = {
    scheme.value: {"scheme": scheme} for scheme in (*SEPARATE, Scheme.ANALOG)
}
DIGITAL_MAP = {"gesco": {"scheme": Scheme.GESCO, "transport": Transport.DIGITAL}}
IMPOSSIBLE = "impossible"  # within the budget


@dataclass(frozen=True)
class Row:
    """One codec.

    Attributes:
        name: of it.
        found: the transmission, or why there was none: a budget that the codec cannot meet.
    """

    name: str
    found: Result | InvalidInput


@dataclass(frozen=True)
class CodecTable:
    """All codecs at one noise level.

    Attributes:
        psnr_db: the level.
        channel: the medium's name.
        photo: its file.
        rows: one per codec.
    """

    psnr_db: float
    channel: str
    photo: Path
    rows: tuple[Row, ...]


def measure(
    photo: Path,
    fields: Mapping[str, Any],
    *,
    levels_db: Sequence[float],
    every: bool,
    link: str | None,
    device: str | None,
) -> list[CodecTable]:
    """Sends the photo once per codec and level.

    An encoder in this process remembers what it found for a budget, so that only the first level
    shows the seconds that the search takes.

    Args:
        photo: its file.
        fields: as `settings_from_fields`, without scheme and level.
        levels_db: one table each.
        every: also the scheme of ours whose map travels as bits.
        link: HOST:PORT, or None for the link in this process.
        device: of the link in this process.

    Raises:
        SemlinkError: whatever stopped a transmission, other than a budget that is too small.
    """
    source = Photo(photo)
    _ = source.pixels
    chosen = CODECS | (DIGITAL_MAP if every else {})
    settings, folders = settings_and_folders(fields)
    way = chosen_link(link, device, folders)
    todo = [(level_db, name) for level_db in levels_db for name in chosen]
    console = Console(stderr=True)
    rows: dict[float, list[Row]] = {level_db: [] for level_db in levels_db}
    for level_db, name in track(todo, "sending", console=console, disable=not console.is_terminal):
        given = dict(fields) | chosen[name] | {"psnr_db": level_db}
        rows[level_db].append(Row(name, _sent(way, source, given)))
    medium = settings.channel.model.value
    return [CodecTable(level_db, medium, photo, tuple(found)) for level_db, found in rows.items()]


def _sent(way: Link, photo: Photo, fields: Mapping[str, Any]) -> Result | InvalidInput:
    settings, _ = settings_and_folders(fields)
    try:
        return way.send(photo, settings)
    except InvalidInput as error:
        if error.field in ("bpp", "cpp", "budget"):
            return error
        raise


COLUMNS: dict[str, Callable[[Result], str]] = {
    "mcs": lambda found: ", ".join(
        stream.mcs or "uncoded" for stream in found.streams if stream.name != HEADER
    ),
    "outcome": lambda found: f"[{ENDINGS[found.outcome][1]}]{found.outcome.value}[/]",
    "bytes": lambda found: f"{found.encoded.sent_bytes:,}",
    "framing": lambda found: f"{sum(item.container_bytes for item in found.streams):,}",
    "bits per pixel": lambda found: f"{found.bits_per_pixel:.3f}",
    "channel uses": lambda found: f"{found.encoded.channel_uses:,}",
    "blocks lost": lambda found: f"{found.demodulated.blocks_lost} of {_blocks(found)}",
    "PSNR dB": lambda found: NOTHING if found.psnr_db is None else f"{found.psnr_db:.2f}",
    "encode s": lambda found: f"{found.encoded.encode_s:.2f}",
    "all s": lambda found: f"{found.total_s:.2f}",
}
WORDS = 2  # columns at the left that are no numbers


def tell(tables: Iterable[CodecTable], *, json: bool) -> None:
    """Prints the tables on stdout."""
    if json:
        print_json({"tables": [_table_fields(table) for table in tables]})
        return
    console = wide_console()
    for table in tables:
        console.print(_drawn(table))
        for row in table.rows:
            if isinstance(row.found, InvalidInput):
                console.print(
                    f"{row.name}: {row.found}", style="yellow", markup=False, soft_wrap=True
                )


def _table_fields(table: CodecTable) -> dict[str, Any]:
    rows = [{"codec": row.name} | _row_fields(row.found) for row in table.rows]
    return {"psnr_db": table.psnr_db, "photo": str(table.photo), "rows": rows}


def _row_fields(found: Result | InvalidInput) -> dict[str, Any]:
    if isinstance(found, Result):
        return result_fields(found)
    return {"outcome": IMPOSSIBLE, "reason": str(found)}


def _drawn(table: CodecTable) -> Table:
    title = f"{table.photo.name} over {table.channel} at Es/N0 {table.psnr_db:g} dB"
    drawn = Table(title=title, box=SIMPLE_HEAD, padding=(0, 1, 0, 0), title_justify="left")
    drawn.add_column("codec", vertical="bottom", no_wrap=True)
    for index, name in enumerate(COLUMNS):
        side: Literal["left", "right"] = "left" if index < WORDS else "right"
        drawn.add_column(name.replace(" ", "\n"), justify=side, vertical="bottom", no_wrap=True)
    for row in table.rows:
        if isinstance(row.found, Result):
            drawn.add_row(row.name, *(cell(row.found) for cell in COLUMNS.values()))
        else:
            drawn.add_row(row.name, NOTHING, f"[yellow]{IMPOSSIBLE}[/]")
    return drawn


def _blocks(found: Result) -> int:
    return sum(stream.blocks for stream in found.streams)
