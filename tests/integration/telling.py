"""What a link tells of a transmission, to be compared with what another tells."""

from __future__ import annotations

import numpy as np

from semlink.core.events import Event
from semlink.core.pictures import Rgb
from semlink.core.settings import TransmissionSettings
from semlink.lab import Link


def told(link: Link, photo: Rgb, settings: TransmissionSettings) -> list[dict[str, object]]:
    """The fields of all events, bit by bit, without the seconds that they took."""
    return [_without_seconds(event) for event in link.events(photo, settings)]


def _without_seconds(event: Event) -> dict[str, object]:
    fields = {name: value for name, value in vars(event).items() if not name.endswith("_s")}
    return {
        name: value.tobytes() if isinstance(value, np.ndarray) else value
        for name, value in fields.items()
    }
