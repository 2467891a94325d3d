"""The link in this process, for many transmissions of the same photos."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Hashable, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Generic, TypeVar

import numpy as np
from jaxtyping import UInt8

from semlink.core.events import Encoded
from semlink.core.frame import Frame
from semlink.core.pictures import Rgb, Size, photo_digest
from semlink.core.settings import PhotoSettings, TransmissionSettings
from semlink.lab.local import LocalLink
from semlink.transmitter.segmentation import Segmenter
from semlink.transmitter.sqgan.tokenizer import Tokenizer
from semlink.transmitter.transmitter import Transmitter

V = TypeVar("V")
MAPS = 32  # of photos, kept for other schemes
FRAMES = 4  # of one photo, kept for other levels and seeds; some megabytes each


class Latest(Generic[V]):
    """The values that were last asked for.

    Args:
        most: how many are kept.
    """

    def __init__(self, most: int):
        self._most = most
        self._values: OrderedDict[Hashable, V] = OrderedDict()

    def get(self, key: Hashable) -> V | None:
        """The value, if it is still there."""
        if key in self._values:
            self._values.move_to_end(key)
        return self._values.get(key)

    def keep(self, key: Hashable, value: V) -> V:
        """Remembers a value; the one that was not asked for the longest goes."""
        self._values[key] = value
        if len(self._values) > self._most:
            self._values.popitem(last=False)
        return value


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


class SweepLink(LocalLink):
    """As `LocalLink`, with the same results; what a photo becomes is kept for a while."""

    transmitter_kind = OnceTransmitter


def _encoding(settings: TransmissionSettings) -> str:
    """All that an encoder sees of the settings, but for the grid of the radio."""
    names = set(PhotoSettings.model_fields) - {"seed"}
    return settings.model_dump_json(include=names)
