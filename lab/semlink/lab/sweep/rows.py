"""The columns of a row, and how a transmission fills them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from semlink.core.errors import InvalidInput, SemlinkError
from semlink.lab.metrics.table import columns_of
from semlink.lab.result import Result
from semlink.lab.streams import StreamReport
from semlink.lab.sweep.grid import Task, settings_text
from semlink.lab.sweep.origin import versions

FAILED = "failed"  # an error stopped it
IMPOSSIBLE = "impossible"  # the scheme cannot meet the budget
BUDGET_FIELDS = ("bpp", "cpp", "budget")  # that an error names where a budget does not suffice
STAGES = (
    *("segment", "encode", "propagate", "demodulate", "denoise", "network", "sampler"),
    *("decode", "finish"),
)

STREAM = pa.struct(
    {
        "name": pa.string(),
        "payload_bytes": pa.int64(),
        "samples": pa.int64(),
        "container_bytes": pa.int64(),
        "mcs": pa.string(),
        "code_rate": pa.float64(),
        "channel_uses": pa.int64(),
        "bits_per_pixel": pa.float64(),
        "channel_uses_per_pixel": pa.float64(),
        "blocks": pa.int64(),
        "blocks_lost": pa.int64(),
        "lost": pa.bool_(),
        "measured_snr_db": pa.float64(),
        "measured_psnr_db": pa.float64(),
        "measured_gain_db": pa.float64(),
    }
)

COLUMNS: dict[str, pa.DataType] = {
    "key": pa.string(),
    "photo": pa.string(),
    "photo_file": pa.string(),
    "photo_digest": pa.string(),
    "system": pa.string(),
    "scheme": pa.string(),
    "options": pa.string(),
    "channel": pa.string(),
    "level_kind": pa.string(),
    "level": pa.float64(),
    "budget_kind": pa.string(),
    "budget": pa.float64(),
    "seed": pa.int64(),
    "settings": pa.string(),
    "outcome": pa.string(),
    "reason": pa.string(),
    "lost": pa.list_(pa.string()),
    "psnr_db": pa.float64(),
    "bits_per_pixel": pa.float64(),
    "channel_uses_per_pixel": pa.float64(),
    "measured_snr_db": pa.float64(),
    "blocks": pa.int64(),
    "blocks_lost": pa.int64(),
    "streams": pa.list_(STREAM),
    "working_height": pa.int64(),
    "working_width": pa.int64(),
    **{f"{stage}_s": pa.float64() for stage in STAGES},
    "spent_s": pa.float64(),
    "peak_memory_bytes": pa.int64(),
    "versions": pa.string(),
    "weights": pa.string(),
}

TIMINGS = (*(f"{stage}_s" for stage in STAGES), "spent_s", "peak_memory_bytes")
"""What differs between two runs of one transmission."""

NUMBERS = tuple(name for name, kind in COLUMNS.items() if kind in (pa.float64(), pa.int64()))

Values = dict[str, Any]
"""A row: values by column; a column that is left out has none."""


@dataclass(frozen=True)
class Row:
    """What became of one transmission.

    Attributes:
        values: by column.
        picture: the working picture, as a file, where it is to be kept.
    """

    values: Values
    picture: bytes | None = None

    @property
    def key(self) -> str:
        """Whose row it is."""
        key: str = self.values["key"]
        return key


def schema(metrics: Sequence[str]) -> pa.Schema:
    """Of rows with these metrics, keys of `lab.metrics.METRICS`, beside what all rows have."""
    names = dict.fromkeys(column for name in metrics for column in columns_of(name))
    return pa.schema(COLUMNS | {name: _kind(name) for name in names if name not in COLUMNS})


def _kind(metric_column: str) -> pa.DataType:
    kinds = {"confusion": pa.list_(pa.int64()), "features": pa.list_(pa.float64())}
    return kinds.get(metric_column.rpartition("_")[2], pa.float64())


def asked(task: Task, name: str, path: str, digest: str) -> Values:
    """The columns that are known before the work.

    Args:
        task: the transmission.
        name: of the photo.
        path: of its file.
        digest: of its content.
    """
    settings = task.settings
    kind = "bpp" if settings.bpp is not None else "cpp" if settings.cpp is not None else None
    return {
        "key": task.key,
        "photo": name,
        "photo_file": path,
        "photo_digest": digest,
        "system": task.cell.system,
        "scheme": settings.scheme.value,
        "options": task.cell.options,
        "channel": task.cell.channel,
        "level_kind": settings.channel.noise.value,
        "level": settings.channel.level,
        "budget_kind": kind,
        "budget": getattr(settings, kind) if kind else None,
        "seed": task.seed,
        "settings": settings_text(settings),
        "versions": versions(),
    }


def ended(result: Result) -> Values:
    """The columns of a transmission that came to an end."""
    working, streams = result.encoded.working, result.streams
    stages = {f"{name}_s": seconds for name, seconds in result.stages_s.items()}
    return {
        "outcome": result.outcome.value,
        "lost": list(result.lost),
        "psnr_db": result.psnr_db,
        "bits_per_pixel": result.bits_per_pixel,
        "channel_uses_per_pixel": result.channel_uses_per_pixel,
        "measured_snr_db": _measured_snr_db(streams),
        "blocks": sum(stream.blocks for stream in streams),
        "blocks_lost": sum(stream.blocks_lost or 0 for stream in streams),
        "streams": [_stream(stream, working.pixels) for stream in streams],
        "working_height": working.height,
        "working_width": working.width,
    } | {name: seconds for name, seconds in stages.items() if name in COLUMNS}


def failed(error: SemlinkError) -> Values:
    """The columns of a transmission that an error stopped."""
    impossible = isinstance(error, InvalidInput) and error.field in BUDGET_FIELDS
    reason = f"{type(error).__name__}: {error}"
    return {"outcome": IMPOSSIBLE if impossible else FAILED, "reason": " ".join(reason.split())}


def _stream(stream: StreamReport, pixels: int) -> Values:
    per_pixel = {
        "bits_per_pixel": 8 * stream.payload_bytes / pixels,
        "channel_uses_per_pixel": stream.channel_uses / pixels,
    }
    return vars(stream) | per_pixel


def _measured_snr_db(streams: Sequence[StreamReport]) -> float:
    """Over all channel uses: mean noise against mean power, each stream's power being one."""
    uses = sum(stream.channel_uses for stream in streams)
    noise = sum(item.channel_uses * 10 ** (-item.measured_snr_db / 10) for item in streams)
    return -10 * math.log10(noise / uses) if noise else math.inf
