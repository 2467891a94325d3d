"""The link in this process, for many transmissions of the same photos."""

from __future__ import annotations

import time
from collections.abc import Generator, Hashable, Mapping
from dataclasses import replace
from types import MappingProxyType

import numpy as np
from jaxtyping import UInt8

from semlink.core.events import Encoded, Event, Progress
from semlink.core.frame import Frame
from semlink.core.pictures import Rgb, Size, photo_digest
from semlink.core.received import ReceivedBits
from semlink.core.settings import PhotoSettings, TransmissionSettings
from semlink.lab.local import LocalLink
from semlink.lab.sweep.latest import Latest
from semlink.receiver.loading import Network
from semlink.receiver.receiver import Receiver
from semlink.receiver.schemes.job import Job
from semlink.transmitter.segmentation import Segmenter
from semlink.transmitter.sqgan.tokenizer import Tokenizer
from semlink.transmitter.transmitter import Transmitter

MAPS = 32  # of photos, kept for other schemes
FRAMES = 4  # of one photo, kept for other levels and seeds; some megabytes each
PICTURES = 4  # kept for levels at which the same bits arrive; a photo's size each


class OnceSegmenter(Segmenter):
    """Looks at a photo once.

    Args:
        segmenter: the network.

    Attributes:
        answer_s: seconds that the latest answer took when it was found.
    """

    def __init__(self, segmenter: Segmenter):
        super().__init__(segmenter.model, segmenter.preprocessing, segmenter.classes)
        self.answer_s = 0.0
        self._answers = Latest[tuple[UInt8[np.ndarray, "_rows _columns"], float]](MAPS)

    def label_map(self, photo: Rgb, size: Size) -> UInt8[np.ndarray, "_rows _columns"]:
        """As `Segmenter.label_map`."""
        key = (photo_digest(photo), size)
        answer = self._answers.get(key)
        if answer is None:
            start = time.perf_counter()
            labels = super().label_map(photo, size)
            answer = self._answers.keep(key, (labels, time.perf_counter() - start))
        self.answer_s = answer[1]
        return answer[0]


class OnceTransmitter(Transmitter):
    """Encodes a photo once for all noise levels and seeds, which change nothing in a frame.

    The seconds that it states are those that the work took when it was done.
    """

    def __init__(
        self,
        segmenters: Mapping[str, Segmenter],
        tokenizers: Mapping[str, Tokenizer] = MappingProxyType({}),
    ):
        self._once = {name: OnceSegmenter(network) for name, network in segmenters.items()}
        super().__init__(self._once, tokenizers)
        self._frames = Latest[tuple[Frame, Encoded]](FRAMES)

    def encode(self, photo: Rgb, settings: TransmissionSettings) -> tuple[Frame, Encoded]:
        """As `Transmitter.encode`."""
        key = (photo_digest(photo), _encoding(settings), settings.grid)
        return self._frames.get(key) or self._frames.keep(key, self._encode(photo, settings))

    def _encode(self, photo: Rgb, settings: TransmissionSettings) -> tuple[Frame, Encoded]:
        frame, encoded = super().encode(photo, settings)
        if encoded.sent_map is None:
            return frame, encoded
        answer_s = self._once[settings.segmenter].answer_s
        return frame, replace(encoded, segment_s=max(encoded.segment_s, answer_s))


class OnceReceiver(Receiver):
    """Decodes the same bits once, at however many noise levels they arrive alike.

    The seconds that it states are those that the work took when it was done.
    """

    def __init__(self, networks: Mapping[str, Network]):
        super().__init__(networks)
        self._decoded = Latest[tuple[Event, ...]](PICTURES)

    def decode(self, job: Job) -> Generator[Event, None, None]:
        """As `Receiver.decode`; samples never arrive alike."""
        if not all(isinstance(payload, ReceivedBits) for payload in job.received.payloads):
            yield from super().decode(job)
            return
        sent = job.transmission
        key = (job.received, job.settings, sent.seed, sent.photo_digest)
        yield from self._decoded.get(key) or self._decode(key, job)

    def _decode(self, key: Hashable, job: Job) -> Generator[Event, None, None]:
        events: list[Event] = []
        for event in super().decode(job):
            yield event
            if not isinstance(event, Progress):
                events.append(event)
        self._decoded.keep(key, tuple(events))


class SweepLink(LocalLink):
    """As `LocalLink`, with the same results; what was made is kept for a while."""

    transmitter_kind = OnceTransmitter
    receiver_kind = OnceReceiver


def _encoding(settings: TransmissionSettings) -> str:
    """All that an encoder sees of the settings, but for the grid of the radio."""
    names = set(PhotoSettings.model_fields) - {"seed"}
    return settings.model_dump_json(include=names)
