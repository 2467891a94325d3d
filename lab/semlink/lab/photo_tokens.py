"""Tokens of many photos, as the transmitter makes them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import partial
from typing import TypeVar

from semlink.core.phy.radio import Radio
from semlink.core.pictures import Rgb, Size, working_size
from semlink.core.settings import MULTIPLE, settings_from_fields
from semlink.transmitter.schemes.source import Source
from semlink.transmitter.schemes.sqgan import Scored, scored_tokens
from semlink.transmitter.transmitter import Transmitter, served_name

T = TypeVar("T")


def photo_tokens(
    photos: Iterable[Rgb], *, network: str, segmenter: str, device: str | None = None
) -> Iterator[Scored]:
    """All tokens of each photo, at the default working size.

    Args:
        photos: of any size.
        network: SQ-GAN's, a name of the zoo or a folder.
        segmenter: that finds the classes, likewise.
        device: as torch names it; None for the best there is.

    Raises:
        NotFound: there is no such network.
        InvalidInput: the networks know different classes.
    """
    transmitter = Transmitter.load((segmenter,), device, tokenizers=(network,))
    (tokenizer,) = transmitter.tokenizers.values()
    names = {"segmenter": served_name(segmenter), "tokenizer": served_name(network)}
    settings = settings_from_fields({"scheme": "sqgan"} | names)
    for photo in photos:
        working = working_size(Size(*photo.shape[:2]), settings.size, MULTIPLE)
        scene = transmitter.scene(photo, working, settings)
        segment, tokenize = partial(_same, scene), partial(_same, tokenizer)
        yield scored_tokens(Source(photo, working, settings, Radio(), segment, tokenize))


def _same(value: T) -> T:
    return value
