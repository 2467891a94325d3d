"""The receipt of a sweep: all that it takes to make its rows again and to compare them."""

from __future__ import annotations

import io
import json
import math
import platform
import subprocess
from hashlib import blake2b
from pathlib import Path
from typing import Any

from PIL import Image

from semlink.lab.report.swept import Swept
from semlink.lab.sweep.origin import versions
from semlink.lab.sweep.rows import TIMINGS, Values
from semlink.lab.sweep.runner import processors

FORMAT = 1
PICTURE = "picture"


def receipt(swept: Swept) -> dict[str, Any]:
    """As plain values, ready for JSON.

    `versions`, `commit` and `machine` are those of the report; every row has the versions that it
    was made with.
    """
    plan = swept.plan
    return {
        "semlink_receipt": FORMAT,
        "versions": json.loads(versions()),
        "commit": commit(),
        "machine": machine(),
        "plan": plan.model_dump(mode="json"),
        "seeds": list(plan.seeds),
        "weights": weights(swept),
        "rows": [facts(row) | picture_digest(swept, row) for row in swept.rows],
    }


def facts(row: Values) -> dict[str, Any]:
    """A row without its timings; lists as digests, texts of JSON as what they say."""
    return {name: _plain(name, value) for name, value in row.items() if name not in TIMINGS}


def picture_digest(swept: Swept, row: Values) -> dict[str, str]:
    """Of the pixels of a row's picture, if one was kept."""
    path = swept.picture(row["key"])
    return {} if path is None else {PICTURE: pixels_digest(path.read_bytes())}


def pixels_digest(file: bytes) -> str:
    """Of a picture's size and pixels; empty for a damaged file."""
    try:
        with Image.open(io.BytesIO(file)) as image:
            return bytes_digest(f"{image.size}".encode() + image.convert("RGB").tobytes())
    except OSError:
        return ""


JSON_COLUMNS = ("settings", "options", "versions", "weights")


def _plain(name: str, value: Any) -> Any:
    if name in JSON_COLUMNS and isinstance(value, str):
        return json.loads(value)
    if name == "lost":
        return value
    if isinstance(value, list):
        return bytes_digest(json.dumps(value, sort_keys=True).encode())
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value


def bytes_digest(content: bytes) -> str:
    """As sweeps know photos by, in hex."""
    return blake2b(content, digest_size=16).hexdigest()


def weights(swept: Swept) -> dict[str, list[str]]:
    """SHA-256 of the weights that rows were made with, by network."""
    found: dict[str, dict[str, None]] = {}
    for text in {row["weights"] or "{}" for row in swept.rows}:
        for name, digest in json.loads(text).items():
            found.setdefault(name, {})[digest] = None
    return {name: list(found[name]) for name in sorted(found)}


def machine() -> dict[str, Any]:
    """The processor that makes the receipt."""
    return {
        "processor": _processor(),
        "architecture": platform.machine(),
        "system": f"{platform.system()} {platform.release()}",
        "processors": processors(),
    }


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.is_file() else []
    models = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(models, platform.processor())


def commit() -> str | None:
    """Of the program, where it runs from a git checkout, with a mark if files are changed."""
    if not _git("ls-files", Path(__file__).name):  # a checkout of something else, around it
        return None
    return _git("describe", "--always", "--dirty", "--abbrev=40", "--exclude=*")


def _git(*arguments: str) -> str | None:
    command = ["git", "-C", str(Path(__file__).resolve().parent), *arguments]
    try:
        run = subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return run.stdout.strip() or None if run.returncode == 0 else None
