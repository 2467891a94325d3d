"""The link as a user sees it: a photo in, events or a result out."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from semlink.core.events import Event, Progress
from semlink.core.settings import TransmissionSettings
from semlink.lab.photo import Photo, PhotoSource
from semlink.lab.result import Result, result_from_events

DEFAULTS = TransmissionSettings()


class Link(ABC):
    """Transmitter, channel and receiver, wherever they run.

    >>> result = Link.local().send("photo.jpg")
    >>> result = Link.connect("127.0.0.1:50051").send("photo.jpg")

    Both give the same picture, bit by bit, on the same kind of device.
    """

    @staticmethod
    def local(
        device: str | None = None, *, capture: Path | None = None, folders: Sequence[Path] = ()
    ) -> Link:
        """The three parts in this process, without a network.

        Args:
            device: as torch names it; None for the best there is.
            capture: file that keeps the latest transmission as it was on the air.
            folders: of networks of one's own, named in the settings by the path's last part.
        """
        from semlink.lab.local import LocalLink

        return LocalLink(device, capture, folders)

    @staticmethod
    def connect(address: str) -> Link:
        """The link behind a transmitter's gRPC service at HOST:PORT."""
        from semlink.lab.remote import RemoteLink

        return RemoteLink(address)

    @abstractmethod
    def load(self, settings: TransmissionSettings) -> None:
        """Makes ready what these settings need, so that no transmission pays for it."""

    @abstractmethod
    def events(
        self,
        photo: PhotoSource | Photo,
        settings: TransmissionSettings = DEFAULTS,
        *,
        timeout_s: float | None = None,
    ) -> Iterator[Event]:
        """Sends a photo; closing the iterator stops the work.

        Args:
            photo: path, file content or RGB pixels.
            settings: of the transmission.
            timeout_s: seconds after which the work is given up; None for no limit.

        Raises:
            SemlinkError: whatever stopped the transmission.
        """

    def send(
        self,
        photo: PhotoSource | Photo,
        settings: TransmissionSettings = DEFAULTS,
        *,
        timeout_s: float | None = None,
        watch: Callable[[Event], None] | None = None,
    ) -> Result:
        """Sends a photo and waits for its reconstruction.

        Args:
            photo: as `events`.
            settings: as `events`.
            timeout_s: as `events`.
            watch: gets every event as it happens.

        Raises:
            SemlinkError: as `events`.
        """
        source = as_photo(photo)
        self.load(settings)
        start = time.perf_counter()
        seen: list[Event] = []
        for event in self.events(source, settings, timeout_s=timeout_s):
            if watch is not None:
                watch(event)
            if not isinstance(event, Progress):
                seen.append(event)
        return result_from_events(source, settings, seen, time.perf_counter() - start)


def as_photo(photo: PhotoSource | Photo) -> Photo:
    """The photo itself, or one made of the source."""
    return photo if isinstance(photo, Photo) else Photo(photo)
