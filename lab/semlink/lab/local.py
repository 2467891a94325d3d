"""The link in one process: the same three parts, without a network between them."""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from uuid import uuid4

from semlink.channel.models import preload, propagate
from semlink.core.capture import Capture, write_capture
from semlink.core.errors import DeadlineExceeded
from semlink.core.events import Event, Propagated
from semlink.core.pictures import photo_digest
from semlink.core.schemes import GENERATIVE, Scheme
from semlink.core.settings import TransmissionSettings
from semlink.core.transmission import Transmission
from semlink.lab.link import DEFAULTS, Link, as_photo
from semlink.lab.photo import Photo, PhotoSource
from semlink.receiver.receiver import Receiver
from semlink.transmitter.transmitter import Transmitter


class LocalLink(Link):
    """Loads each network when settings first need it, and keeps it.

    Args:
        device: as torch names it; None for the best there is.
        capture: file that keeps the latest transmission as it was on the air.
        folders: of networks that do not come with the program; settings name them by the last
            part of the path.
    """

    transmitter_kind: type[Transmitter] = Transmitter
    receiver_kind: type[Receiver] = Receiver

    def __init__(
        self,
        device: str | None = None,
        capture: Path | None = None,
        folders: Sequence[Path] = (),
    ):
        self._device = device
        self._capture = capture
        self._folders = {folder.name: str(folder.resolve()) for folder in folders}
        self._transmitters: dict[tuple[str, ...], Transmitter] = {}
        self._receivers: dict[tuple[str, ...], Receiver] = {}

    def load(self, settings: TransmissionSettings) -> None:
        """Loads the networks that the scheme needs, and the channel's library."""
        preload()
        self._transmitter(settings)
        self._receiver(settings)

    def events(
        self,
        photo: PhotoSource | Photo,
        settings: TransmissionSettings = DEFAULTS,
        *,
        timeout_s: float | None = None,
    ) -> Iterator[Event]:
        """As `Link.events`; the time is checked between events."""
        end_s = None if timeout_s is None else time.perf_counter() + timeout_s
        with closing(self._events(as_photo(photo), settings)) as events:
            for event in events:
                if end_s is not None and time.perf_counter() > end_s:
                    raise _too_late(timeout_s)
                yield event

    def _events(self, photo: Photo, settings: TransmissionSettings) -> Generator[Event]:
        pixels = photo.pixels
        transmission = Transmission(uuid4().hex, settings.seed, photo_digest(pixels))
        frame, encoded = self._transmitter(settings).encode(pixels, settings)
        yield encoded
        start = time.perf_counter()
        propagation = propagate(frame, settings.channel, transmission)
        yield Propagated(propagation.draws, time.perf_counter() - start)
        if self._capture is not None:
            write_capture(self._capture, Capture(transmission, settings, propagation))
        receiver = self._receiver(settings)
        yield from receiver.reconstruct(propagation, settings.receiver, transmission)

    def _transmitter(self, settings: TransmissionSettings) -> Transmitter:
        segmenters = _needed(settings, settings.segmenter)
        tokenizers = (settings.tokenizer,) if settings.scheme is Scheme.SQGAN else ()
        names = segmenters + tokenizers
        if names not in self._transmitters:
            load, own = self.transmitter_kind.load, self._sources
            self._transmitters[names] = load(
                own(segmenters), self._device, tokenizers=own(tokenizers)
            )
        return self._transmitters[names]

    def _receiver(self, settings: TransmissionSettings) -> Receiver:
        names = _needed(settings, settings.receiver.network)
        if names not in self._receivers:
            self._receivers[names] = self.receiver_kind.load(self._sources(names), self._device)
        return self._receivers[names]

    def _sources(self, names: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(self._folders.get(name, name) for name in names)


def _needed(settings: TransmissionSettings, network: str) -> tuple[str, ...]:
    """The network, if the scheme uses any."""
    return (network,) if settings.scheme in GENERATIVE else ()


def _too_late(timeout_s: float | None) -> DeadlineExceeded:
    return DeadlineExceeded(
        "the picture was not ready in time.",
        field="timeout_s",
        value=f"{timeout_s:g}",
        cure="Grant more time, or ask for fewer steps or a smaller size.",
    )
