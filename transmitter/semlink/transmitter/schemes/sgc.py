"""SGC's encoder (Bordin and Maugey, MMSP 2023): a small label map and a small colour map."""

from __future__ import annotations

import numpy as np

from semlink.core.codecs import label_coder
from semlink.core.codecs.colour_map import COLOURS, encode_colours
from semlink.core.headers import ColouredMapHeader, MapHeader, reduced_size
from semlink.core.message import BitsPayload, Message
from semlink.core.phy.layouts import coded_layout
from semlink.core.phy.mcs import DEFAULT_MCS
from semlink.core.phy.radio import Radio
from semlink.core.pictures import LabelMap, Size, resize
from semlink.core.schemes import Scheme
from semlink.transmitter.schemes.rate_search import fit
from semlink.transmitter.schemes.source import Source

MAP, COLOUR = "map", "colours"
MAP_MCS = "qpsk-1/2"  # stronger than the colour map's: without the map there is no picture
USUAL_QUALITY = 20  # of the colour map where there is no budget: about 80 bytes for 16x21 pixels


def encode(source: Source) -> Message:
    """Two payloads of bits: "map", whole or worthless, then "colours", without which one can do.

    A budget decides the bytes of the colour map once the label map is paid for. One that does
    not suffice for the worst colour map is refused by the modulator, which says what does.
    """
    scene, settings = source.segment(), source.settings
    labels = most_frequent(scene.labels, reduced_size(source.working, settings.map_side))
    present = tuple(int(label) for label in np.unique(labels))
    of_map = MapHeader(source.size, source.working, scene.taxonomy, scene.classes, present)
    header = ColouredMapHeader(of_map, settings.map_side, settings.colour_side)
    packed = header.to_bytes()
    label_map = BitsPayload(MAP, label_coder.encode(labels, present), MAP_MCS)
    most_bytes = _most_colour_bytes(source.radio, len(packed), label_map)
    colours = _colours(source, header.colour_size, most_bytes)
    return Message(Scheme.SGC, packed, (label_map, BitsPayload(COLOUR, colours, DEFAULT_MCS)))


def most_frequent(labels: LabelMap, size: Size) -> LabelMap:
    """A smaller map: the most frequent label of every cell, of equals the lowest.

    Args:
        labels: of every pixel.
        size: of the result; cells are as equal as whole pixels allow.
    """
    height, width = labels.shape
    rows = np.arange(height) * size.height // height
    columns = np.arange(width) * size.width // width
    cells = rows[:, None] * size.width + columns
    votes = np.zeros((size.pixels, int(labels.max()) + 1), np.int32)
    np.add.at(votes, (cells, labels), 1)
    winners: LabelMap = votes.argmax(1).astype(np.uint8).reshape(size)
    return winners


def _most_colour_bytes(radio: Radio, header_bytes: int, label_map: BitsPayload) -> int | None:
    ahead = coded_layout(len(label_map.data), radio.mcs(MAP, label_map.mcs))
    return radio.most_last_payload_bytes(header_bytes, (ahead,), radio.mcs(COLOUR, DEFAULT_MCS))


def _colours(source: Source, size: Size, most_bytes: int | None) -> bytes:
    colours = resize(source.picture, size)
    if most_bytes is None:
        return encode_colours(colours, USUAL_QUALITY)
    fitting = fit(COLOURS, colours, max(1, most_bytes))
    return fitting.data or encode_colours(colours, 0)
