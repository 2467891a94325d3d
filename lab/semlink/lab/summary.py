"""What the command line says of a transmission that is over."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from rich.table import Table

from semlink.core.settings import TransmissionSettings
from semlink.lab.console import ENDINGS, print_json, wide_console
from semlink.lab.result import Result
from semlink.lab.streams import NOTHING, WORDS, decibels, stream_table

LEVEL_NAMES = {
    "psnr_db": "PSNR {:g} dB",
    "snr_db": "SNR {:g} dB",
    "ebno_db": "Eb/N0 {:g} dB",
    "sigma": "sigma {:g}",
    "gesco_table_db": "table level {:g}",
}


def summarise(result: Result, written: Mapping[str, Path], *, json: bool) -> None:
    """Says what was sent and what came of it, on stdout.

    Args:
        result: of the transmission.
        written: files by what they are.
        json: as one JSON object.
    """
    if json:
        print_json(result_fields(result) | {name: str(path) for name, path in written.items()})
        return
    console = wide_console()
    for table in (_summary(result), _streams(result), _after(result, written)):
        console.print(table, soft_wrap=True)


def result_fields(result: Result) -> dict[str, Any]:
    """The result as plain values, ready for JSON; pictures are left out."""
    sent = result.encoded
    return {
        "scheme": result.settings.scheme.value,
        "outcome": result.outcome.value,
        "lost": list(result.lost),
        "settings": result.settings.model_dump(mode="json"),
        "photo_size": list(sent.photo),
        "working_size": list(sent.working),
        "taxonomy": sent.taxonomy,
        "header_bytes": sent.header_bytes,
        "sent_bytes": sent.sent_bytes,
        "bits_per_pixel": result.bits_per_pixel,
        "channel_uses": sent.channel_uses,
        "channel_uses_per_pixel": result.channel_uses_per_pixel,
        "streams": [vars(stream) for stream in result.streams],
        "blocks_lost": result.demodulated.blocks_lost,
        "psnr_db": result.psnr_db,
        "map_accuracy": {
            "received": result.received_accuracy,
            "denoised": result.denoised_accuracy,
        },
        "seconds": result.stages_s | {"total": result.total_s},
    }


def level_text(settings: TransmissionSettings) -> str:
    """The noise level as it was asked for, as in "PSNR 10 dB"."""
    channel = settings.channel
    return LEVEL_NAMES[channel.noise.value].format(channel.level)


def sent_text(result: Result) -> str:
    """What all of it cost, in channel uses and in bytes, and both per pixel."""
    sent = result.encoded
    return (
        f"{sent.channel_uses:,} channel uses ({sent.channel_uses_per_pixel:.3g} per pixel), "
        f"{sent.sent_bytes:,} bytes ({sent.bits_per_pixel:.3g} bits per pixel)"
    )


def _summary(result: Result) -> Table:
    settings, sent = result.settings, result.encoded
    channel = f"{settings.channel.model.value} at {level_text(settings)}"
    return _grid(
        {
            "scheme": f"{settings.scheme.value} over {channel}",
            "photo": f"{sent.photo}, working picture {sent.working}",
            "sent": sent_text(result),
        }
    )


def _streams(result: Result) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    cells = stream_table(result.streams)
    for name in cells:
        side: Literal["left", "right"] = "left" if name in WORDS else "right"
        table.add_column(name.replace(" ", "\n"), justify=side, no_wrap=True, vertical="bottom")
    for stream, *row in zip(result.streams, *cells.values(), strict=True):
        damaged = "red" if stream.lost else "yellow" if stream.blocks_lost else None
        table.add_row(*row, style=damaged)
    return table


def _after(result: Result, written: Mapping[str, Path]) -> Table:
    said, style = ENDINGS[result.outcome]
    names = f" ({', '.join(result.lost)})" if result.lost else ""
    lines = {"outcome": f"[{style}]{said}{names}[/]", "picture PSNR": NOTHING}
    if result.psnr_db is not None:
        lines["picture PSNR"] = decibels(result.psnr_db)
    received, denoised = result.received_accuracy, result.denoised_accuracy
    if received is not None and denoised is not None:
        lines["map"] = f"{received:.1%} right as received, {denoised:.1%} denoised"
    lines["time"] = f"{result.total_s:.2f} s"
    return _grid(lines | {name: f"[bold green]{path}[/]" for name, path in written.items()})


def _grid(lines: Mapping[str, str]) -> Table:
    table = Table.grid(padding=(0, 2))
    for name, text in lines.items():
        table.add_row(f"[dim]{name}[/dim]", text)
    return table
