"""What one transmission gave."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from semlink.core.errors import InternalError
from semlink.core.events import Denoised, Encoded, Event, Propagated, Reconstructed
from semlink.core.pictures import LabelMap, Rgb, encode_png, resize
from semlink.core.settings import TransmissionSettings
from semlink.lab.photo import Photo


@dataclass(frozen=True)
class Result:
    """A transmission from end to end; shows its picture in a notebook.

    Attributes:
        source: the photo as it was given.
        settings: of the transmission.
        encoded: what was sent and what it costs.
        propagated: what the channel did.
        denoised: the map as it arrived, and cleaned.
        reconstructed: the picture.
        total_s: seconds from the call to the last event, loading of networks left out.
    """

    source: Photo
    settings: TransmissionSettings
    encoded: Encoded
    propagated: Propagated
    denoised: Denoised
    reconstructed: Reconstructed
    total_s: float

    @property
    def picture(self) -> Rgb:
        """The reconstruction at the photo's size."""
        return self.reconstructed.picture

    @property
    def photo(self) -> Rgb:
        """What was sent, upright."""
        return self.source.pixels

    @cached_property
    def working_photo(self) -> Rgb:
        """The photo at the working size, which the reconstruction is to be compared with."""
        return resize(self.photo, self.encoded.working)

    @property
    def received_accuracy(self) -> float:
        """Share of the pixels whose class arrived, before denoising; 0 .. 1."""
        return _agreement(self.denoised.received_map, self.encoded.sent_map)

    @property
    def denoised_accuracy(self) -> float:
        """The same, after denoising."""
        return _agreement(self.denoised.denoised_map, self.encoded.sent_map)

    @property
    def stages_s(self) -> dict[str, float]:
        """Seconds per stage, in order; `elsewhere` is what no stage accounts for.

        Elsewhere are reading the photo and, over services, serialising and waiting.
        """
        stages = {
            "segment": self.encoded.segment_s,
            "encode": self.encoded.encode_s,
            "propagate": self.propagated.propagate_s,
            "denoise": self.denoised.denoise_s,
            "network": self.reconstructed.network_s,
            "sampler": self.reconstructed.sample_s - self.reconstructed.network_s,
            "finish": self.reconstructed.finish_s,
        }
        return stages | {"elsewhere": max(0.0, self.total_s - sum(stages.values()))}

    def _repr_png_(self) -> bytes:
        return encode_png(self.picture)


def result_from_events(
    source: Photo, settings: TransmissionSettings, events: Iterable[Event], total_s: float
) -> Result:
    """Puts the events of one whole transmission together.

    Raises:
        InternalError: the link ended without one of them and without an error.
    """
    by_kind = {type(event): event for event in events}
    stages = [by_kind.get(kind) for kind in (Encoded, Propagated, Denoised, Reconstructed)]
    match stages:
        case [
            Encoded() as sent,
            Propagated() as draw,
            Denoised() as denoised,
            Reconstructed() as end,
        ]:
            return Result(source, settings, sent, draw, denoised, end, total_s)
    missing = ", ".join(
        kind.__name__
        for kind in (Encoded, Propagated, Denoised, Reconstructed)
        if kind not in by_kind
    )
    raise InternalError("the link ended early.", field="missing events", value=missing)


def _agreement(one: LabelMap, other: LabelMap) -> float:
    return float(np.mean(one == other))
