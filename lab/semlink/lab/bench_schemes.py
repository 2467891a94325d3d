"""What each scheme takes at either end: seconds and memory, each half in a process of its own.

semlink bench schemes
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.progress import track
from rich.table import Table

from semlink.core.pictures import Size
from semlink.core.schemes import Scheme
from semlink.core.sqgan.config import SqganConfig
from semlink.lab.bench_semantics import served
from semlink.lab.console import print_json, wide_console
from semlink.lab.half_cost import HalfCost, measured
from semlink.lab.markdown import markdown_table
from semlink.zoo import names

LEVEL_DB = 20.0  # nothing is lost
PUBLISHED = "sqgan of published size, random weights"
PUBLISHED_SIZE = Size(256, 512)
MIB = 1 << 20

Fields = dict[str, Any]


@dataclass(frozen=True)
class Row:
    """One scheme.

    Attributes:
        name: of it.
        size: of the working picture.
        transmitter: from the photo to the frame, networks and modulation included.
        receiver: from the frame to the picture, demodulation and networks included.
    """

    name: str
    size: str
    transmitter: HalfCost
    receiver: HalfCost


def measure(
    photo: Path, schemes: Sequence[Scheme] = (), *, threads: int = 1, published: bool = True
) -> list[Row]:
    """Sends a photo by every scheme at its default settings, on the processor.

    Args:
        photo: its file.
        schemes: none for all of them; those whose network is not there are left out.
        threads: of each process.
        published: whether SQ-GAN's networks of published size go beside ours.

    Raises:
        InternalError: one of the processes failed.
    """
    wanted = {scheme.value: {"scheme": scheme.value} for scheme in schemes or Scheme}
    todo = list(served(wanted, names()).items())
    console = Console(stderr=True)
    shown = track(todo, "measuring", console=console, disable=not console.is_terminal)
    rows = [cost(photo, name, fields, {}, threads) for name, fields in shown]
    if published:
        rows.append(random_cost(PUBLISHED, SqganConfig(), PUBLISHED_SIZE, threads))
    return rows


def cost(photo: Path, name: str, fields: Fields, folders: Mapping[str, str], threads: int) -> Row:
    """Both halves of a transmission.

    Args:
        photo: its file.
        name: of the row.
        fields: as `settings_from_fields`.
        folders: of networks that do not come with the program, by the names in the settings.
        threads: of each process.
    """
    from semlink.core.capture import read_capture

    own: Fields = {"folders": dict(folders)}
    with TemporaryDirectory() as folder:
        capture = Path(folder) / "air.slnk"
        own["capture"] = str(capture)
        asked = {"photo": str(photo), "fields": fields | {"psnr_db": LEVEL_DB}}
        sending = measured("transmitter", own | asked, threads)
        receiving = measured("receiver", own, threads)
        size = read_capture(capture).settings.size
    return Row(name, f"short side {size}", sending, receiving)


def random_cost(name: str, network: SqganConfig, size: Size, threads: int) -> Row:
    """SQ-GAN's networks alone, of any shape: tokens of a picture, and the picture of them."""
    task: Fields = {"network": asdict(network), "height": size.height, "width": size.width}
    halves = (measured(f"random {half}", task, threads) for half in ("transmitter", "receiver"))
    return Row(name, f"{size.height}x{size.width}", *halves)


COLUMNS: dict[str, Callable[[Row], str]] = {
    "scheme": lambda row: row.name,
    "size": lambda row: row.size,
    "transmitter s": lambda row: f"{row.transmitter.seconds:.2f}",
    "transmitter peak MiB": lambda row: f"{row.transmitter.peak_bytes / MIB:.0f}",
    "receiver s": lambda row: f"{row.receiver.seconds:.2f}",
    "receiver peak MiB": lambda row: f"{row.receiver.peak_bytes / MIB:.0f}",
}
LEFT = ("scheme", "size")


def tell(rows: Sequence[Row], *, threads: int, json: bool, markdown: bool) -> None:
    """Prints the rows on stdout."""
    if json:
        print_json({"threads": threads, "rows": [asdict(row) for row in rows]})
    elif markdown:
        sys.stdout.write(markdown_table(COLUMNS, rows))
    else:
        wide_console().print(_drawn(rows, threads))


def _drawn(rows: Sequence[Row], threads: int) -> Table:
    title = f"A photo on the processor, {threads} thread{'s' * (threads > 1)}"
    table = Table(title=title, box=SIMPLE_HEAD, title_justify="left")
    for name in COLUMNS:
        justify: Any = "left" if name in LEFT else "right"
        table.add_column(name.replace(" peak ", "\npeak "), justify=justify)
    for row in rows:
        table.add_row(*(cell(row) for cell in COLUMNS.values()))
    return table
