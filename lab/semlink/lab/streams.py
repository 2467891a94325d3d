"""The radio's account, stream by stream: what it cost and what became of it."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from semlink.core.events import (
    Demodulated,
    Encoded,
    PayloadAccount,
    PayloadVerdict,
    Propagated,
)
from semlink.core.frame import StreamDraw

NOTHING = "-"
LEAST_GAIN_DB = 0.005  # what two decimals can show


@dataclass(frozen=True)
class StreamReport:
    """One stream.

    Attributes:
        name: of the payload, or "header".
        samples: real numbers sent, 0 for bits.
        payload_bytes: bytes sent, 0 for samples.
        container_bytes: how many of them are the file format's framing.
        mcs: name of the modulation and coding scheme; empty for samples.
        code_rate: information bits, CRC included, per coded bit; 0 for samples.
        blocks: transport blocks, 0 for samples.
        blocks_lost: how many of them failed; None behind a lost header, where none is decoded.
        lost: nothing of it can be used.
        channel_uses: complex symbols, pilots included.
        measured_snr_db: mean power over noise, as drawn.
        measured_psnr_db: peak power over noise, as drawn.
        measured_gain_db: mean power gain of the channel, as drawn.
    """

    name: str
    samples: int
    payload_bytes: int
    container_bytes: int
    mcs: str
    code_rate: float
    blocks: int
    blocks_lost: int | None
    lost: bool
    channel_uses: int
    measured_snr_db: float
    measured_psnr_db: float
    measured_gain_db: float


def stream_reports(
    encoded: Encoded, propagated: Propagated, demodulated: Demodulated
) -> tuple[StreamReport, ...]:
    """All streams, in the order of the frame."""
    draws = {draw.name: draw for draw in propagated.draws}
    verdicts = {verdict.name: verdict for verdict in demodulated.payloads}
    return tuple(
        _report(item, draws[item.name], verdicts.get(item.name)) for item in encoded.payloads
    )


def _report(
    account: PayloadAccount, draw: StreamDraw, verdict: PayloadVerdict | None
) -> StreamReport:
    return StreamReport(
        name=account.name,
        samples=account.samples,
        payload_bytes=account.payload_bytes,
        container_bytes=account.container_bytes,
        mcs=account.mcs,
        code_rate=account.code_rate,
        blocks=account.blocks,
        blocks_lost=verdict.blocks_lost if verdict else None,
        lost=verdict.lost if verdict else True,
        channel_uses=account.channel_uses,
        measured_snr_db=draw.measured_snr_db,
        measured_psnr_db=draw.measured_psnr_db,
        measured_gain_db=draw.measured_gain_db,
    )


COLUMNS: dict[str, Callable[[StreamReport], str]] = {
    "stream": lambda stream: stream.name,
    "sent": lambda stream: _sent(stream),
    "framing": lambda stream: f"{stream.container_bytes:,}" if stream.container_bytes else NOTHING,
    "mcs": lambda stream: stream.mcs or "uncoded",
    "code rate": lambda stream: f"{stream.code_rate:.3f}" if stream.mcs else NOTHING,
    "blocks lost": lambda stream: _blocks(stream),
    "channel uses": lambda stream: f"{stream.channel_uses:,}",
    "SNR dB": lambda stream: f"{stream.measured_snr_db:.2f}",
    "PSNR dB": lambda stream: NOTHING if stream.mcs else f"{stream.measured_psnr_db:.2f}",
    "gain dB": lambda stream: _gain(stream.measured_gain_db),
}
WORDS = ("stream", "sent", "mcs")  # the other columns are numbers


def stream_table(streams: Sequence[StreamReport]) -> dict[str, list[str]]:
    """The cells of each column, for people; a column that says nothing is left out."""
    cells = {name: [cell(stream) for stream in streams] for name, cell in COLUMNS.items()}
    return {name: column for name, column in cells.items() if set(column) - {NOTHING}}


def decibels(level_db: float) -> str:
    """A level as people read it."""
    return f"{level_db:.2f} dB" if math.isfinite(level_db) else f"{level_db:g}"


def _sent(stream: StreamReport) -> str:
    return f"{stream.payload_bytes:,} bytes" if stream.mcs else f"{stream.samples:,} samples"


def _blocks(stream: StreamReport) -> str:
    if stream.blocks_lost is None:
        return "not decoded"
    if stream.blocks:
        return f"{stream.blocks_lost} of {stream.blocks}"
    return "all" if stream.lost else NOTHING


def _gain(gain_db: float) -> str:
    return f"{gain_db:.2f}" if abs(gain_db) >= LEAST_GAIN_DB else NOTHING
