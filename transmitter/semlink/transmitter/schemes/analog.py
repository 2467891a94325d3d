"""The picture itself as samples, uncoded: every pixel three real numbers."""

from __future__ import annotations

import math

import numpy as np
from jaxtyping import Float32

from semlink.core.headers import PictureHeader
from semlink.core.message import Message, SamplesPayload
from semlink.core.phy.radio import Radio, impossible_budget
from semlink.core.pictures import Rgb, Size, resize
from semlink.core.schemes import Scheme
from semlink.transmitter.schemes.source import Source

PAYLOAD = "picture"
SAMPLES_PER_USE = 2
CHANNELS = 3
NEARLY = 0.98  # of the pixels granted may be left for a better aspect


def encode(source: Source) -> Message:
    """One samples payload "picture", (3, height, width), -1 for black and 1 for full.

    It costs 1.5 channel uses per pixel; where fewer are granted, the picture is scaled down.

    Raises:
        InvalidInput: the budget is in bits, which samples do not have, or less than one pixel.
    """
    radio = source.radio
    if radio.most_bytes is not None:
        raise impossible_budget("samples have no bits.", radio, "Use cpp.")
    header_bytes = len(PictureHeader(source.size, source.working, source.working).to_bytes())
    sent = _sent_size(source.working, header_bytes, radio)
    header = PictureHeader(source.size, source.working, sent)
    samples = to_samples(resize(source.picture, sent))
    return Message(Scheme.ANALOG, header.to_bytes(), (SamplesPayload(PAYLOAD, samples, peak=1.0),))


def to_samples(picture: Rgb) -> Float32[np.ndarray, "3 height width"]:
    """0 .. 255 becomes -1 .. 1."""
    channels = picture.transpose(2, 0, 1).astype(np.float32)
    return channels / np.float32(127.5) - np.float32(1)


def _sent_size(working: Size, header_bytes: int, radio: Radio) -> Size:
    """The largest that is granted, its aspect as near to the working picture's as it goes."""
    uses = radio.remaining_uses(header_bytes)
    if uses is None or CHANNELS * working.pixels <= SAMPLES_PER_USE * uses:
        return working
    pixels = SAMPLES_PER_USE * uses // CHANNELS
    if pixels < 1:
        raise impossible_budget("the header leaves no room for a pixel.", radio)
    aspect = working.width / working.height
    height = math.sqrt(pixels / aspect)
    rows = {max(1, math.floor(height)), math.ceil(height)}
    sizes = [Size(row, min(pixels // row, working.width)) for row in rows if row <= pixels]
    most = max(size.pixels for size in sizes)
    nearly = [size for size in sizes if size.pixels >= NEARLY * most]
    return min(nearly, key=lambda size: abs(size.width / size.height - aspect))
