"""Where the seconds of a transmission go."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

from rich.console import Console
from rich.table import Table

from semlink.core.settings import TransmissionSettings
from semlink.lab.console import print_json
from semlink.lab.link import Link
from semlink.lab.photo import Photo
from semlink.lab.sending import DEMO_PHOTOS, chosen_link, demo_photo, settings_and_folders

NETWORKS = ("segment", "network")  # stages that are the computation of a neural network


@dataclass(frozen=True)
class Timing:
    """Mean seconds per photo.

    Attributes:
        photos: how many were sent.
        stages_s: by stage, in order. `read` is the client's; over services `transport` is all
            that the services do not account for: PNG, gRPC, waiting.
        settings: of the transmissions.
    """

    photos: int
    stages_s: dict[str, float]
    settings: TransmissionSettings

    @property
    def total_s(self) -> float:
        """Seconds per photo."""
        return sum(self.stages_s.values())

    @property
    def overhead(self) -> float:
        """Share of the whole that is not the networks' computation, 0 .. 1."""
        return 1.0 - sum(self.stages_s.get(name, 0.0) for name in NETWORKS) / self.total_s


def measure(
    photos: Sequence[Path], fields: Mapping[str, Any], *, link: str | None, device: str | None
) -> Timing:
    """Sends every photo once, after the first has gone ahead to warm up.

    Args:
        photos: files; none for the bundled ones.
        fields: as `settings_from_fields`.
        link: HOST:PORT, or None for the link in this process.
        device: of the link in this process.

    Raises:
        SemlinkError: whatever stopped a transmission.
    """
    settings, folders = settings_and_folders(fields)
    paths = photos or [demo_photo(name) for name in DEMO_PHOTOS]
    way = chosen_link(link, device, folders)
    way.send(paths[0], settings)
    runs = [_stages_s(way, path, settings, remote=link is not None) for path in paths]
    means = {stage: fmean(run.get(stage, 0.0) for run in runs) for stage in runs[0]}
    return Timing(len(runs), means, settings)


def _stages_s(
    way: Link, path: Path, settings: TransmissionSettings, *, remote: bool
) -> dict[str, float]:
    photo = Photo(path)
    start = time.perf_counter()
    _ = photo.file if remote else photo.pixels
    read_s = time.perf_counter() - start
    stages = way.send(photo, settings).stages_s
    rest = stages.pop("elsewhere")
    return {"read": read_s} | stages | {"transport" if remote else "between": rest}


def tell(timing: Timing, *, json: bool) -> None:
    """Prints the timing on stdout."""
    if json:
        print_json(
            {
                "photos": timing.photos,
                "settings": timing.settings.model_dump(mode="json"),
                "seconds": timing.stages_s | {"total": timing.total_s},
                "overhead": timing.overhead,
            }
        )
        return
    table = Table("stage", title=f"Seconds per photo, mean of {timing.photos}")
    table.add_column("seconds", justify="right")
    table.add_column("share", justify="right")
    for stage, seconds in timing.stages_s.items():
        table.add_row(stage, f"{seconds:.4f}", f"{seconds / timing.total_s:.1%}")
    table.add_section()
    table.add_row("total", f"{timing.total_s:.4f}", "100.0%")
    table.add_row(
        "not the networks", f"{timing.overhead * timing.total_s:.4f}", f"{timing.overhead:.1%}"
    )
    Console(highlight=False).print(table)
