"""The transmitter without its service: photo in, frame out."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch

from semlink.core.errors import NotFound
from semlink.core.events import Encoded, PayloadAccount
from semlink.core.frame import Frame, Stream
from semlink.core.message import BitsPayload, Payload
from semlink.core.phy import modulate
from semlink.core.pictures import Rgb, Size, resize, working_size
from semlink.core.settings import MULTIPLE, PhotoSettings, TransmissionSettings
from semlink.core.taxonomy import TAXONOMIES
from semlink.transmitter.schemes import ENCODERS
from semlink.transmitter.schemes.scene import Scene
from semlink.transmitter.segmentation import Segmenter
from semlink.zoo import find, names


class Transmitter:
    """Holds the segmentation networks and runs the schemes' encoders.

    Args:
        segmenters: by the name under which settings ask for them.
    """

    def __init__(self, segmenters: Mapping[str, Segmenter]):
        self.segmenters = dict(segmenters)

    @classmethod
    def load(
        cls, segmenters: Sequence[str] = ("segmenter-camvid",), device: str | None = None
    ) -> Transmitter:
        """Loads networks by zoo name, folder or hub id.

        Args:
            segmenters: what to load. Settings ask for them by the same words; a folder given by
                its absolute path goes by its last part.
            device: as torch names it; None for the best there is.

        Raises:
            NotFound: there is no such network.
        """
        device = device or ("cuda" if torch.cuda.is_available() else "cpu")
        return cls({served_name(name): _load(name, device) for name in segmenters})

    def encode(self, photo: Rgb, settings: TransmissionSettings) -> tuple[Frame, Encoded]:
        """Segments the photo, encodes it with the scheme and modulates the message.

        Raises:
            NotFound: the settings name a segmenter that was not loaded.
        """
        start = time.perf_counter()
        scene = self._segment(photo, settings)
        segmented = time.perf_counter()
        message = ENCODERS[settings.scheme](scene)
        frame = modulate(message)
        encoded = Encoded(
            photo=scene.photo,
            working=scene.working,
            taxonomy=scene.taxonomy,
            header_bytes=len(message.header),
            payloads=tuple(map(_account, message.payloads, frame.streams)),
            sent_map=scene.labels,
            segment_s=segmented - start,
            encode_s=time.perf_counter() - segmented,
        )
        return frame, encoded

    def warm(self) -> None:
        """Sends a grey picture through every network, so that no photo pays for the first run."""
        grey = np.full((64, 64, 3), 128, np.uint8)
        for name in self.segmenters:
            self.encode(grey, TransmissionSettings(segmenter=name, size=64))

    def _segment(self, photo: Rgb, settings: PhotoSettings) -> Scene:
        segmenter = self._segmenter(settings.segmenter)
        size = Size(*photo.shape[:2])
        working = working_size(size, settings.size, MULTIPLE)
        # A network that takes a picture as it is may have no answer to one of few pixels.
        picture = photo if size.pixels >= working.pixels else resize(photo, working)
        labels = segmenter.label_map(picture, working)
        return Scene(size, labels, *taxonomy_of(settings.segmenter, segmenter.classes))

    def _segmenter(self, name: str) -> Segmenter:
        if name not in self.segmenters:
            raise NotFound(
                "this transmitter does not serve that network.",
                field="segmenter",
                value=name,
                cure=f"Use {', '.join(self.segmenters)}, or start it with the one you want.",
            )
        return self.segmenters[name]


def served_name(name: str) -> str:
    """Under which name settings find a network: settings cannot hold absolute paths."""
    return Path(name).name if Path(name).is_absolute() else name


def taxonomy_of(segmenter: str, classes: tuple[str, ...]) -> tuple[str, int]:
    """Name and number K of the classes: a data set's where they are its first ones, in order.

    A network that never says "void" still speaks of its data set's classes.
    """
    for taxonomy in TAXONOMIES.values():
        if taxonomy.classes[: len(classes)] == classes:
            return taxonomy.name, len(taxonomy.classes)
    return segmenter, len(classes)


def _load(name: str, device: str) -> Segmenter:
    """From the zoo or a folder, else from the hub, whose ids have an owner: OWNER/NAME."""
    is_hub_id = name not in names() and "/" in name and not Path(name).exists()
    return Segmenter.load(name if is_hub_id else find(name), device=device)


def _account(payload: Payload, stream: Stream) -> PayloadAccount:
    uses = stream.symbols.size
    if isinstance(payload, BitsPayload):
        return PayloadAccount(payload.name, 0, len(payload.data), uses)
    return PayloadAccount(payload.name, payload.samples.size, 0, uses)
