"""What one transmission gave."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from semlink.core.errors import InternalError
from semlink.core.events import (
    Demodulated,
    Denoised,
    Encoded,
    Event,
    Lost,
    Outcome,
    Propagated,
    Reconstructed,
)
from semlink.core.pictures import LabelMap, Rgb, encode_png, resize
from semlink.core.schemes import GENERATIVE
from semlink.core.settings import TransmissionSettings
from semlink.lab.photo import Photo
from semlink.lab.streams import StreamReport, stream_reports

WHITE = 255.0


@dataclass(frozen=True)
class Result:
    """A transmission from end to end; shows its picture in a notebook.

    Attributes:
        source: the photo as it was given.
        settings: of the transmission.
        encoded: what was sent and what it costs.
        propagated: what the channel did.
        demodulated: what the radio made of it.
        denoised: the map as it arrived, and cleaned; None for schemes without a map, and where
            it was lost.
        ending: the picture, or why there is none.
        total_s: seconds from the call to the last event, loading of networks left out.
    """

    source: Photo
    settings: TransmissionSettings
    encoded: Encoded
    propagated: Propagated
    demodulated: Demodulated
    denoised: Denoised | None
    ending: Reconstructed | Lost
    total_s: float

    @property
    def outcome(self) -> Outcome:
        """How it ended."""
        if isinstance(self.ending, Lost):
            return self.ending.outcome
        return Outcome.PARTIAL if self.ending.lost else Outcome.RECONSTRUCTED

    @property
    def lost(self) -> tuple[str, ...]:
        """Names of payloads that did not arrive whole."""
        return self.ending.payloads if isinstance(self.ending, Lost) else self.ending.lost

    @property
    def reconstructed(self) -> Reconstructed:
        """The ending that has a picture.

        Raises:
            PictureLost: there is none.
        """
        if isinstance(self.ending, Lost):
            raise self.ending.error
        return self.ending

    @property
    def picture(self) -> Rgb:
        """The reconstruction at the photo's size.

        Raises:
            PictureLost: there is none.
        """
        return self.reconstructed.picture

    @property
    def photo(self) -> Rgb:
        """What was sent, upright."""
        return self.source.pixels

    @cached_property
    def working_photo(self) -> Rgb:
        """The photo at the working size, which the reconstruction is to be compared with."""
        return resize(self.photo, self.encoded.working)

    @cached_property
    def psnr_db(self) -> float | None:
        """PSNR of the working picture that came out; None without one, inf for no difference."""
        if isinstance(self.ending, Lost):
            return None
        return picture_psnr_db(self.ending.working_picture, self.working_photo)

    @property
    def bits_per_pixel(self) -> float:
        """Bits sent per pixel of the working picture, before channel coding."""
        return self.encoded.bits_per_pixel

    @property
    def channel_uses_per_pixel(self) -> float:
        """Complex symbols per pixel of the working picture."""
        return self.encoded.channel_uses_per_pixel

    @property
    def received_accuracy(self) -> float | None:
        """Share of pixels whose class arrived, before denoising, 0 .. 1; None if no map did."""
        return self._agreement(self.denoised.received_map) if self.denoised else None

    @property
    def denoised_accuracy(self) -> float | None:
        """The same, after denoising."""
        return self._agreement(self.denoised.denoised_map) if self.denoised else None

    @cached_property
    def streams(self) -> tuple[StreamReport, ...]:
        """What every stream cost and what became of it."""
        return stream_reports(self.encoded, self.propagated, self.demodulated)

    @property
    def stages_s(self) -> dict[str, float]:
        """Seconds per stage, in order; `elsewhere` is what no stage accounts for.

        Elsewhere are reading the photo and, over services, serialising and waiting. Schemes that
        use no networks have one stage `decode` in place of those that do.
        """
        sent, end = self.encoded, self.ending
        stages = {
            "encode": sent.encode_s,
            "propagate": self.propagated.propagate_s,
            "demodulate": self.demodulated.demodulate_s,
        }
        if self.settings.scheme in GENERATIVE:
            stages = {"segment": sent.segment_s} | stages
            stages |= {"denoise": self.denoised.denoise_s if self.denoised else 0.0}
        if isinstance(end, Reconstructed):
            stages |= self._painting_s(end)
        return stages | {"elsewhere": max(0.0, self.total_s - sum(stages.values()))}

    def _painting_s(self, end: Reconstructed) -> dict[str, float]:
        if self.settings.scheme not in GENERATIVE:
            return {"decode": end.sample_s, "finish": end.finish_s}
        sampler_s = end.sample_s - end.network_s
        return {"network": end.network_s, "sampler": sampler_s, "finish": end.finish_s}

    def _agreement(self, labels: LabelMap) -> float:
        assert self.encoded.sent_map is not None, "a map that arrives was sent"
        return float(np.mean(labels == self.encoded.sent_map))

    def _repr_png_(self) -> bytes | None:
        return None if isinstance(self.ending, Lost) else encode_png(self.ending.picture)


def picture_psnr_db(one: Rgb, other: Rgb) -> float:
    """Peak signal-to-noise ratio of two pictures of one size, peak 255, over all channels."""
    error = np.mean(np.square(one.astype(np.float64) - other))
    return math.inf if error == 0.0 else float(10.0 * np.log10(WHITE**2 / error))


def result_from_events(
    source: Photo, settings: TransmissionSettings, events: Iterable[Event], total_s: float
) -> Result:
    """Puts the events of one whole transmission together.

    Raises:
        InternalError: the link ended without one of them and without an error.
    """
    by_kind = {type(event): event for event in events}
    ending = by_kind.get(Reconstructed) or by_kind.get(Lost)
    denoised = by_kind.get(Denoised)
    assert denoised is None or isinstance(denoised, Denoised)
    match [by_kind.get(Encoded), by_kind.get(Propagated), by_kind.get(Demodulated), ending]:
        case [
            Encoded() as sent,
            Propagated() as draw,
            Demodulated() as received,
            Reconstructed() | Lost() as end,
        ]:
            return Result(source, settings, sent, draw, received, denoised, end, total_s)
    missing = [kind for kind in (Encoded, Propagated, Demodulated) if kind not in by_kind]
    names = [kind.__name__ for kind in missing] + ["Reconstructed"] * (ending is None)
    raise InternalError("the link ended early.", field="missing events", value=", ".join(names))
