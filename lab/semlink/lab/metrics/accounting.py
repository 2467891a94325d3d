"""What a transmission cost and what became of its blocks: a row without any network."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from semlink.lab.result import Result


def accounting(result: Result) -> dict[str, float]:
    """Rate, errors, seconds and memory of one transmission.

    Returns:
        bits_per_pixel, channel_uses_per_pixel: of the working picture, header included.
        bits_per_pixel_NAME, channel_uses_per_pixel_NAME: the same of each stream, the header's
            under `header`; samples have no bits.
        blocks, blocks_lost: transport blocks that were sent, and of those that the receiver
            tried, how many failed.
        STAGE_s: seconds per stage; total_s: seconds in all.
        peak_memory_bytes: most that this process has held so far, not this transmission alone.
    """
    pixels = result.encoded.working.pixels
    row = {
        "bits_per_pixel": result.bits_per_pixel,
        "channel_uses_per_pixel": result.channel_uses_per_pixel,
    }
    for stream in result.streams:
        row[f"bits_per_pixel_{stream.name}"] = 8 * stream.payload_bytes / pixels
        row[f"channel_uses_per_pixel_{stream.name}"] = stream.channel_uses / pixels
    row["bits_per_pixel_header"] = 8 * result.encoded.header_bytes / pixels
    row["blocks"] = float(sum(stream.blocks for stream in result.streams))
    row["blocks_lost"] = float(result.demodulated.blocks_lost)
    row |= {f"{stage}_s": seconds for stage, seconds in result.stages_s.items()}
    return row | {"total_s": result.total_s, "peak_memory_bytes": peak_memory_bytes()}


def peak_memory_bytes() -> float:
    """Most main memory that this process has held since it began."""
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return float(peak if sys.platform == "darwin" else 1024 * peak)
