"""The radio's account, stream by stream: what it cost and what became of it."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from semlink.core.events import Demodulated, Encoded, Propagated

NOTHING = "-"


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
        blocks_lost: how many of them failed.
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
    blocks_lost: int
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
        StreamReport(
            name=item.name,
            samples=item.samples,
            payload_bytes=item.payload_bytes,
            container_bytes=item.container_bytes,
            mcs=item.mcs,
            code_rate=item.code_rate,
            blocks=item.blocks,
            blocks_lost=verdicts[item.name].blocks_lost,
            lost=verdicts[item.name].lost,
            channel_uses=item.channel_uses,
            measured_snr_db=draws[item.name].measured_snr_db,
            measured_psnr_db=draws[item.name].measured_psnr_db,
            measured_gain_db=draws[item.name].measured_gain_db,
        )
        for item in encoded.payloads
    )


COLUMNS: dict[str, Callable[[StreamReport], str]] = {
    "stream": lambda stream: stream.name,
    "sent": lambda stream: _sent(stream),
    "mcs": lambda stream: stream.mcs or "uncoded",
    "code rate": lambda stream: f"{stream.code_rate:.3f}" if stream.mcs else NOTHING,
    "blocks lost": lambda stream: _blocks(stream),
    "channel uses": lambda stream: f"{stream.channel_uses:,}",
    "SNR": lambda stream: decibels(stream.measured_snr_db),
    "PSNR": lambda stream: NOTHING if stream.mcs else decibels(stream.measured_psnr_db),
    "gain": lambda stream: decibels(stream.measured_gain_db),
}
"""A table of streams for people: what each column says."""


def decibels(level_db: float) -> str:
    """A level as people read it."""
    return f"{level_db:.2f} dB" if math.isfinite(level_db) else f"{level_db:g}"


def _sent(stream: StreamReport) -> str:
    if not stream.mcs:
        return f"{stream.samples:,} samples"
    framing = f" ({stream.container_bytes:,} framing)" if stream.container_bytes else ""
    return f"{stream.payload_bytes:,} bytes{framing}"


def _blocks(stream: StreamReport) -> str:
    if stream.blocks:
        return f"{stream.blocks_lost} of {stream.blocks}"
    return "all" if stream.lost else NOTHING
