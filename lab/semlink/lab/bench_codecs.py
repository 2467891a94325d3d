"""The conventional codecs side by side: one photo, one channel, one budget."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import track
from rich.table import Table

from semlink.core.errors import InvalidInput
from semlink.core.schemes import SEPARATE, Scheme
from semlink.core.settings import Transport
from semlink.lab.console import ENDINGS, print_json
from semlink.lab.link import Link
from semlink.lab.photo import Photo
from semlink.lab.report import result_fields
from semlink.lab.result import Result
from semlink.lab.sending import chosen_link, settings_and_folders
from semlink.lab.streams import NOTHING, decibels

CODECS: dict[str, dict[str, Any]] = {
    scheme.value: {"scheme": scheme} for scheme in (*SEPARATE, Scheme.ANALOG)
}
DIGITAL_MAP = {"gesco, digital": {"scheme": Scheme.GESCO, "transport": Transport.DIGITAL}}


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
        photo: its file.
        rows: one per codec.
    """

    psnr_db: float
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
    _, folders = settings_and_folders(fields)
    way = chosen_link(link, device, folders)
    todo = [(level_db, name) for level_db in levels_db for name in chosen]
    console = Console(stderr=True)
    rows: dict[float, list[Row]] = {level_db: [] for level_db in levels_db}
    for level_db, name in track(todo, "sending", console=console, disable=not console.is_terminal):
        given = dict(fields) | chosen[name] | {"psnr_db": level_db}
        rows[level_db].append(Row(name, _sent(way, source, given)))
    return [CodecTable(level_db, photo, tuple(found)) for level_db, found in rows.items()]


def _sent(way: Link, photo: Photo, fields: Mapping[str, Any]) -> Result | InvalidInput:
    settings, _ = settings_and_folders(fields)
    try:
        return way.send(photo, settings)
    except InvalidInput as error:
        if error.field in ("bpp", "cpp", "budget"):
            return error
        raise


COLUMNS = (
    "codec",
    "bytes",
    "container",
    "bpp",
    "channel uses",
    "mcs",
    "blocks lost",
    "outcome",
    "PSNR",
    "encode",
    "in all",
)


def tell(tables: Iterable[CodecTable], *, json: bool) -> None:
    """Prints the tables on stdout."""
    if json:
        print_json({"tables": [_table_fields(table) for table in tables]})
        return
    console = Console(highlight=False)
    for table in tables:
        console.print(_drawn(table))


def _table_fields(table: CodecTable) -> dict[str, Any]:
    rows = [{"codec": row.name} | _row_fields(row.found) for row in table.rows]
    return {"psnr_db": table.psnr_db, "photo": str(table.photo), "rows": rows}


def _row_fields(found: Result | InvalidInput) -> dict[str, Any]:
    if isinstance(found, Result):
        return result_fields(found)
    return {"outcome": "impossible", "reason": str(found)}


def _drawn(table: CodecTable) -> Table:
    drawn = Table(title=f"{table.photo.name} at Es/N0 {table.psnr_db:g} dB")
    for name in COLUMNS:
        drawn.add_column(name, justify="left" if name in ("codec", "mcs", "outcome") else "right")
    for row in table.rows:
        if isinstance(row.found, Result):
            drawn.add_row(row.name, *_cells(row.found))
        else:
            drawn.add_row(row.name, *[NOTHING] * 6, row.found.message, style="dim")
    return drawn


def _cells(result: Result) -> Iterator[str]:
    sent, streams = result.encoded, result.streams
    payloads = [stream for stream in streams if stream.name != "header"]
    blocks = sum(stream.blocks for stream in streams)
    yield f"{sent.sent_bytes:,}"
    yield f"{sum(stream.container_bytes for stream in streams):,}"
    yield f"{result.bits_per_pixel:.3f}"
    yield f"{sent.channel_uses:,}"
    yield ", ".join(stream.mcs or "uncoded" for stream in payloads)
    yield f"{result.demodulated.blocks_lost} of {blocks}"
    yield f"[{ENDINGS[result.outcome][1]}]{result.outcome.value}[/]"
    yield NOTHING if result.psnr_db is None else decibels(result.psnr_db)
    yield f"{sent.encode_s:.2f} s"
    yield f"{result.total_s:.2f} s"
