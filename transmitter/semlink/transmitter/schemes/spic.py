"""SPIC's encoder (arXiv 2310.15737): the label map without loss, and a coarse picture."""

from __future__ import annotations

import numpy as np

from semlink.core.choices import Preset
from semlink.core.codecs import label_coder
from semlink.core.codecs.table import CODECS
from semlink.core.codecs.thumbnail import (
    CANDIDATES,
    TAG_BYTES,
    encode_thumbnail,
    tagged,
    thumbnail_size,
)
from semlink.core.headers import CoarseMapHeader, MapHeader
from semlink.core.message import BitsPayload, Message
from semlink.core.phy.layouts import coded_layout
from semlink.core.phy.mcs import DEFAULT_MCS
from semlink.core.phy.radio import Radio
from semlink.core.pictures import Rgb, resize
from semlink.core.schemes import Scheme
from semlink.transmitter.schemes.rate_search import fit, psnr_db
from semlink.transmitter.schemes.source import Source

MAP, COARSE = "map", "coarse"
MAP_MCS = "qpsk-1/2"  # stronger than the coarse picture's: without the map there is no picture

USUAL: dict[Preset, tuple[Scheme, float]] = {
    Preset.SEMLINK: (Scheme.AVIF, 24.0),
    Preset.PAPER: (Scheme.HEIC, 16.0),  # HEVC intra at QP 35, which is what BPG holds
}
"""Codec and quality of the coarse picture where there is no budget."""


def encode(source: Source) -> Message:
    """Two payloads of bits: "map", whole or worthless, then "coarse", without which one can do.

    A budget decides the bytes of the coarse picture once the map is paid for. A budget that does
    not suffice for the smallest coarse picture is refused by the modulator, which says what does.
    """
    scene = source.segment()
    present = tuple(int(label) for label in np.unique(scene.labels))
    of_map = MapHeader(source.size, source.working, scene.taxonomy, scene.classes, present)
    header = CoarseMapHeader(of_map, source.settings.coarse_factor).to_bytes()
    map_payload = BitsPayload(MAP, label_coder.encode(scene.labels, present), MAP_MCS)
    coarse = BitsPayload(COARSE, _coarse(source, len(header), map_payload), DEFAULT_MCS)
    return Message(Scheme.SPIC, header, (map_payload, coarse))


def _coarse(source: Source, header_bytes: int, map_payload: BitsPayload) -> bytes:
    size = thumbnail_size(source.working, source.settings.coarse_factor)
    thumbnail = resize(source.picture, size)
    most_bytes = _most_coarse_bytes(source.radio, header_bytes, map_payload)
    if most_bytes is None:
        return encode_thumbnail(thumbnail, *USUAL[source.settings.preset])
    return best_thumbnail(thumbnail, most_bytes)


def _most_coarse_bytes(radio: Radio, header_bytes: int, map_payload: BitsPayload) -> int | None:
    map_layout = coded_layout(len(map_payload.data), radio.mcs(MAP, map_payload.mcs))
    mcs = radio.mcs(COARSE, DEFAULT_MCS)
    return radio.most_last_payload_bytes(header_bytes, (map_layout,), mcs)


def best_thumbnail(thumbnail: Rgb, most_bytes: int) -> bytes:
    """A thumbnail in so many bytes, by the codec of the best PSNR; if none fits, the smallest."""
    fitting, smallest = [], []
    for scheme in CANDIDATES:
        codec = CODECS[scheme]
        found = fit(codec, thumbnail, max(1, most_bytes - TAG_BYTES))
        if found.data is not None:
            quality_db = psnr_db(codec, found.data, thumbnail)
            fitting.append((quality_db, tagged(scheme, found.data)))
        elif not fitting:
            smallest.append(encode_thumbnail(thumbnail, scheme, codec.qualities[0]))
    return max(fitting)[1] if fitting else min(smallest, key=len)
