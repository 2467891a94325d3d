"""The classical baseline: an image codec, and separate from it the radio's channel code."""

from __future__ import annotations

import math
from dataclasses import replace

from semlink.core.codecs.codec import PictureCodec
from semlink.core.codecs.table import CODECS
from semlink.core.errors import InvalidInput
from semlink.core.headers import PictureHeader
from semlink.core.message import BitsPayload, Message
from semlink.core.phy.mcs import DEFAULT_MCS
from semlink.core.phy.radio import Radio, impossible_budget
from semlink.core.schemes import Scheme
from semlink.transmitter.schemes.rate_search import ENOUGH, fit
from semlink.transmitter.schemes.source import Encoder, Source

PAYLOAD = "picture"
DEFAULT_CPP = 0.25  # channel uses per pixel of the working picture, where no budget is set


def encoder(scheme: Scheme) -> Encoder:
    """The encoder of a scheme of `schemes.SEPARATE`."""
    return lambda source: _encode(source, scheme)


def _encode(source: Source, scheme: Scheme) -> Message:
    """One payload "picture": the best quality of the codec that the budget allows.

    Raises:
        InvalidInput: the worst quality takes more, or the best leaves over 3 % of the bits.
    """
    codec = CODECS[scheme]
    header = PictureHeader(source.size, source.working, source.working).to_bytes()
    radio = _with_budget(source)
    most_bytes = radio.most_payload_bytes(len(header), radio.mcs(PAYLOAD, DEFAULT_MCS))
    assert most_bytes is not None, "there is a budget"
    data = _fitting(codec, source, most_bytes, radio)
    payload = BitsPayload(PAYLOAD, data, container_bytes=codec.container_bytes(data))
    return Message(scheme, header, (payload,))


def _with_budget(source: Source) -> Radio:
    if source.radio.has_budget:
        return source.radio
    return replace(source.radio, granted_uses=math.floor(DEFAULT_CPP * source.working.pixels))


def _fitting(codec: PictureCodec, source: Source, most_bytes: int, radio: Radio) -> bytes:
    found = fit(codec, source.picture, most_bytes)
    if found.data is None:
        raise impossible_budget(
            f"{codec.name} takes at least {found.least_bytes} bytes for this picture; "
            f"beside the header there is room for {most_bytes}.",
            radio,
            "Grant more, or use a smaller size.",
        )
    if radio.most_bytes is not None and len(found.data) < ENOUGH * most_bytes:
        raise _unused(codec, len(found.data), radio)
    return found.data


def _unused(codec: PictureCodec, used_bytes: int, radio: Radio) -> InvalidInput:
    return impossible_budget(
        f"{codec.name} comes no closer than {used_bytes} bytes for this picture.",
        radio,
        "Grant less, or cpp, whose channel code fills what is left.",
    )
