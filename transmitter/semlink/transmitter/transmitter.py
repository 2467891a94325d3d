"""The transmitter without its service: photo in, frame out."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

import numpy as np
import torch

from semlink.core.codecs import label_coder
from semlink.core.conversions import convert
from semlink.core.errors import NotFound
from semlink.core.events import Encoded
from semlink.core.frame import Frame
from semlink.core.phy.modulation import header_bytes, modulate
from semlink.core.phy.radio import Radio
from semlink.core.pictures import Rgb, Size, resize, working_size
from semlink.core.settings import MULTIPLE, PhotoSettings, TransmissionSettings
from semlink.core.taxonomy import TAXONOMIES
from semlink.transmitter.accounting import accounts
from semlink.transmitter.schemes import ENCODERS
from semlink.transmitter.schemes.source import Scene, Source
from semlink.transmitter.segmentation import Segmenter
from semlink.transmitter.sqgan.tokenizer import Tokenizer
from semlink.zoo import find, names, verify


class Transmitter:
    """Holds the networks and runs the schemes' encoders.

    Args:
        segmenters: by the name under which settings ask for them.
        tokenizers: likewise.
    """

    def __init__(
        self,
        segmenters: Mapping[str, Segmenter],
        tokenizers: Mapping[str, Tokenizer] = MappingProxyType({}),
    ):
        self.segmenters = dict(segmenters)
        self.tokenizers = dict(tokenizers)

    @classmethod
    def load(
        cls,
        segmenters: Sequence[str] = ("segmenter-camvid",),
        device: str | None = None,
        *,
        tokenizers: Sequence[str] = ("sqgan-camvid",),
    ) -> Transmitter:
        """Loads networks by zoo name, folder or hub id.

        Args:
            segmenters: what to load. Settings ask for them by the same words; a folder given by
                its absolute path goes by its last part.
            tokenizers: likewise, but no hub ids.
            device: as torch names it; None for the best there is.

        Raises:
            NotFound: there is no such network.
        """
        device = device or ("cuda" if torch.cuda.is_available() else "cpu")
        return cls(
            {served_name(name): _load(name, device) for name in segmenters},
            {served_name(name): _load_tokenizer(name, device) for name in tokenizers},
        )

    def encode(self, photo: Rgb, settings: TransmissionSettings) -> tuple[Frame, Encoded]:
        """Encodes the photo with the scheme and modulates the message.

        Raises:
            NotFound: the settings name a network that was not loaded, and the scheme needs it.
            InvalidInput: the budget does not suffice, or the segmenter's classes cannot be
                converted to those wanted.
        """
        start = time.perf_counter()
        working = working_size(Size(*photo.shape[:2]), settings.size, MULTIPLE)
        radio = Radio.of(settings, working)
        segment = _Once(lambda: self.scene(photo, working, settings))
        source = Source(
            photo, working, settings, radio, segment, lambda: self._tokenizer(settings.tokenizer)
        )
        message = ENCODERS[settings.scheme](source)
        frame = modulate(message, radio)
        encoded = Encoded(
            photo=source.size,
            working=working,
            taxonomy=segment.scene.taxonomy if segment.scene else "",
            header_bytes=header_bytes(message, radio),
            payloads=accounts(message, frame),
            sent_map=segment.scene.labels if segment.scene else None,
            segment_s=segment.seconds,
            encode_s=time.perf_counter() - start - segment.seconds,
        )
        return frame, encoded

    def warm(self) -> None:
        """Sends a grey picture through every network, so that no photo pays for the first run.

        The coder of label maps is compiled as well.
        """
        label_coder.warm_up()
        grey = np.full((64, 64, 3), 128, np.uint8)
        for name in self.segmenters:
            self.encode(grey, TransmissionSettings(segmenter=name, size=64))
        for tokenizer in self.tokenizers.values():
            tokenizer.warm()

    def scene(self, photo: Rgb, working: Size, settings: PhotoSettings) -> Scene:
        """The classes of the photo's pixels, at the working size, as they are to be sent.

        Raises:
            NotFound: the settings name a segmenter that was not loaded.
            InvalidInput: its classes cannot be converted to those wanted.
        """
        segmenter = self._segmenter(settings.segmenter)
        # A network that takes a picture as it is may have no answer to one of few pixels.
        pixels = photo.shape[0] * photo.shape[1]
        picture = photo if pixels >= working.pixels else resize(photo, working)
        labels = segmenter.label_map(picture, working)
        scene = Scene(labels, *taxonomy_of(settings.segmenter, segmenter.classes))
        scene = converted(scene, settings.taxonomy or scene.taxonomy)
        return replace(
            scene, labels=label_coder.without_specks(scene.labels, settings.min_region_px)
        )

    def _segmenter(self, name: str) -> Segmenter:
        if name not in self.segmenters:
            raise NotFound(
                "this transmitter does not serve that network.",
                field="segmenter",
                value=name,
                cure=f"Use {', '.join(self.segmenters)}, or start it with the one you want.",
            )
        return self.segmenters[name]

    def _tokenizer(self, name: str) -> Tokenizer:
        if name not in self.tokenizers:
            raise NotFound(
                "this transmitter does not serve that network.",
                field="tokenizer",
                value=name,
                cure=f"Use {', '.join(self.tokenizers)}, or start it with the one you want."
                if self.tokenizers
                else "Start it with the one you want.",
            )
        return self.tokenizers[name]


class _Once:
    """Segments when first asked, and remembers what came of it and how long it took."""

    def __init__(self, segment: Callable[[], Scene]):
        self._segment = segment
        self.scene: Scene | None = None
        self.seconds = 0.0

    def __call__(self) -> Scene:
        if self.scene is None:
            start = time.perf_counter()
            self.scene = self._segment()
            self.seconds = time.perf_counter() - start
        return self.scene


def served_name(name: str) -> str:
    """Under which name settings find a network: settings cannot hold absolute paths."""
    return Path(name).name if Path(name).is_absolute() else name


def taxonomy_of(segmenter: str, classes: tuple[str, ...]) -> tuple[str, int]:
    """Name and number K of the classes: a data set's where they are its classes, in order.

    A network that never says "void" still speaks of its data set's classes, if void is the last.
    """
    known = tuple(name.strip() for name in classes)
    for taxonomy in TAXONOMIES.values():
        if known in (taxonomy.classes, taxonomy.classes[:-1]):
            return taxonomy.name, len(taxonomy.classes)
    return segmenter, len(classes)


def converted(scene: Scene, taxonomy: str) -> Scene:
    """A scene in the classes of another data set.

    Raises:
        InvalidInput: they are not known in terms of each other.
    """
    if taxonomy == scene.taxonomy:
        return scene
    labels = convert(scene.labels, scene.taxonomy, taxonomy)
    return Scene(labels, taxonomy, len(TAXONOMIES[taxonomy].classes))


def _load(name: str, device: str) -> Segmenter:
    """From the zoo or a folder, else from the hub, whose ids have an owner: OWNER/NAME."""
    is_hub_id = name not in names() and "/" in name and not Path(name).exists()
    return Segmenter.load(name if is_hub_id else find(name), device=device)


def _load_tokenizer(name: str, device: str) -> Tokenizer:
    folder = find(name)
    if name in names():
        verify(name)
    return Tokenizer.load(folder, torch.device(device))
