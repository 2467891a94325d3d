"""GESCO's encoder (arXiv 2306.04321): the one-hot label map uncoded, or its labels as bits."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float32

from semlink.core.choices import Transport
from semlink.core.codecs import label_coder
from semlink.core.headers import MapHeader
from semlink.core.message import BitsPayload, Message, Payload, SamplesPayload
from semlink.core.phy.radio import Radio, impossible_budget
from semlink.core.pictures import LabelMap
from semlink.core.schemes import Scheme
from semlink.transmitter.schemes.source import Source

PAYLOAD = "map"
DIGITAL_MCS = "qpsk-1/2"  # a label map has no redundancy that could hide an error


def encode(source: Source) -> Message:
    """One payload "map": samples of peak 1, a channel for each class that is present; or bits.

    The published code gives the receiver the list of present classes for free; here it travels
    in the header and is counted.

    Raises:
        InvalidInput: the budget does not suffice; the map takes what it takes.
    """
    scene = source.segment()
    present = tuple(int(label) for label in np.unique(scene.labels))
    header = MapHeader(source.size, source.working, scene.taxonomy, scene.classes, present)
    packed = header.to_bytes()
    if source.settings.transport is Transport.DIGITAL:
        payload = _digital(scene.labels, present, len(packed), source.radio)
    else:
        payload = _analog(scene.labels, present, source.radio)
    return Message(Scheme.GESCO, packed, (payload,))


def one_hot(
    labels: LabelMap, present: tuple[int, ...]
) -> Float32[np.ndarray, "present height width"]:
    """Indicator of each class of `present`, in that order."""
    channels = np.array(present, dtype=labels.dtype)
    return np.asarray(labels == channels[:, None, None], dtype=np.float32)


def _analog(labels: LabelMap, present: tuple[int, ...], radio: Radio) -> Payload:
    if radio.most_bytes is not None:
        raise impossible_budget("samples have no bits.", radio, "Use cpp, or transport=digital.")
    return SamplesPayload(PAYLOAD, one_hot(labels, present), peak=1.0)


def _digital(
    labels: LabelMap, present: tuple[int, ...], header_bytes: int, radio: Radio
) -> Payload:
    """The map as bits, as well protected as a grant of channel uses allows."""
    data = label_coder.encode(labels, present)
    fitting = DIGITAL_MCS
    if radio.granted_uses is not None:
        fitting = radio.strongest_mcs(header_bytes, len(data)) or DIGITAL_MCS
    return BitsPayload(PAYLOAD, data, fitting)
