"""GESCO's encoder (arXiv 2306.04321): the one-hot label map, sent uncoded."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float32

from semlink.core.headers import MapHeader
from semlink.core.message import Message, SamplesPayload
from semlink.core.pictures import LabelMap
from semlink.core.schemes import Scheme
from semlink.transmitter.schemes.scene import Scene


def encode(scene: Scene) -> Message:
    """One samples payload "map" of peak 1, a channel for each class that is present.

    The published code gives the receiver the list of present classes for free; here it travels
    in the header and is counted.
    """
    present = tuple(int(label) for label in np.unique(scene.labels))
    header = MapHeader(scene.photo, scene.working, scene.taxonomy, scene.classes, present)
    samples = one_hot(scene.labels, present)
    return Message(Scheme.GESCO, header.to_bytes(), (SamplesPayload("map", samples, peak=1.0),))


def one_hot(
    labels: LabelMap, present: tuple[int, ...]
) -> Float32[np.ndarray, "present height width"]:
    """Indicator of each class of `present`, in that order."""
    channels = np.array(present, dtype=labels.dtype)
    return np.asarray(labels == channels[:, None, None], dtype=np.float32)
