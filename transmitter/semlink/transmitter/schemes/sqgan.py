"""SQ-GAN's encoder (arXiv 2502.09520): vector-quantised tokens of the map and of the picture."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from semlink.core.codecs.tokens import (
    IndexTable,
    IndexTables,
    Pieces,
    encode_indices,
    encode_masks,
)
from semlink.core.errors import InvalidInput
from semlink.core.headers import TokensHeader
from semlink.core.message import BitsPayload, Message
from semlink.core.phy.mcs import DEFAULT_MCS
from semlink.core.phy.modulation import stream_layouts
from semlink.core.phy.radio import Radio
from semlink.core.schemes import Scheme
from semlink.core.tokens import SentTokens
from semlink.transmitter.schemes.source import Scene, Source
from semlink.transmitter.sqgan.tokenizer import Tokenizer

MASK, MAP, PICTURE = "mask", "map", "picture"
MASK_MCS = "qpsk-1/3"  # without the mask nothing can be decoded
MAP_MCS = "qpsk-1/2"  # the map's tokens condition the picture; either's gaps can be filled


def encode(source: Source) -> Message:
    """Three payloads of bits: "mask", then the tokens of "map" and of "picture", in pieces.

    A budget scales both fractions alike until the message fills it; where one of them comes to
    1, the other goes on. A budget that does not suffice for one token each is refused by the
    modulator, which says what does.

    Raises:
        NotFound: the tokenizer of the settings is not served.
        InvalidInput: it was made for other classes than the segmenter's, or for other sizes.
    """
    scored = scored_tokens(source)
    fractions = source.settings.map_fraction, source.settings.picture_fraction
    if source.radio.has_budget:
        return scored.largest(*fractions, source.radio)
    positions = scored.map.grid.pixels
    return scored.message(*(max(1, int(positions * fraction)) for fraction in fractions))


@dataclass(frozen=True)
class Scored:
    """A photo's tokens, all of them, and what can be sent of them.

    Attributes:
        header: of the message, but for the tables that it will follow.
        map: most important first.
        picture: likewise.
        tables: of both codebooks.
    """

    header: TokensHeader
    map: SentTokens
    picture: SentTokens
    tables: IndexTables

    def message(self, map_count: int, picture_count: int) -> Message:
        """The message of the most important tokens, at least one each."""
        of_map, of_picture = self.map.first(map_count), self.picture.first(picture_count)
        mask = encode_masks(of_map.mask, of_picture.mask)
        map_pieces, map_table = _cheapest(of_map, self.tables.map)
        picture_pieces, picture_table = _cheapest(of_picture, self.tables.picture)
        header = replace(self.header, map_table=map_table, picture_table=picture_table)
        payloads = (
            BitsPayload(MASK, mask, MASK_MCS),
            _payload(MAP, map_pieces, MAP_MCS),
            _payload(PICTURE, picture_pieces, DEFAULT_MCS),
        )
        return Message(Scheme.SQGAN, header.to_bytes(), payloads)

    def largest(self, map_fraction: float, picture_fraction: float, radio: Radio) -> Message:
        """The message of most tokens within the budget; if none is, the smallest.

        Args:
            map_fraction: in whose proportion to the other the tokens are; either can become 1.
            picture_fraction: likewise.
            radio: has a budget.
        """
        most, least = max(map_fraction, picture_fraction), min(map_fraction, picture_fraction)
        positions = self.map.grid.pixels

        def message(step: int) -> Message:
            """With so many tokens of the grid of which more are sent, if it has as many."""
            shares = (math.floor(step * f / most) for f in (map_fraction, picture_fraction))
            return self.message(*(min(max(1, share), positions) for share in shares))

        best, fitting, beyond = message(1), 1, math.ceil(positions * most / least) + 1
        while beyond - fitting > 1:
            step = (fitting + beyond) // 2
            if _fits(tried := message(step), radio):
                best, fitting = tried, step
            else:
                beyond = step
        return best


def scored_tokens(source: Source) -> Scored:
    """All tokens of a photo.

    Raises:
        NotFound: the tokenizer of the settings is not served.
        InvalidInput: it was made for other classes than the segmenter's, or for other sizes.
    """
    scene, tokenizer = source.segment(), source.tokenizer()
    _check_classes(scene, tokenizer, source.settings.tokenizer)
    of_map, of_picture = tokenizer.tokens(source.picture, scene.labels)
    header = TokensHeader(source.size, source.settings.size, tokenizer.tables.fingerprint)
    return Scored(header, of_map, of_picture, tokenizer.tables)


def _cheapest(tokens: SentTokens, table: IndexTable) -> tuple[Pieces, bool]:
    """The fewest bytes, and whether they follow the table or take all codewords as alike."""
    learnt, plain = encode_indices(tokens, table), encode_indices(tokens, table.plain)
    follow = len(learnt.data) <= len(plain.data)
    return (learnt if follow else plain), follow


def _payload(name: str, pieces: Pieces, mcs: str) -> BitsPayload:
    return BitsPayload(name, pieces.data, mcs, least_blocks=pieces.blocks)


def _fits(message: Message, radio: Radio) -> bool:
    try:
        stream_layouts(message, radio)
    except InvalidInput:
        return False
    return True


def _check_classes(scene: Scene, tokenizer: Tokenizer, name: str) -> None:
    if scene.taxonomy != tokenizer.taxonomy:
        raise InvalidInput(
            f"the tokenizer knows the classes of {tokenizer.taxonomy}; the map has those of "
            f"{scene.taxonomy}.",
            field="tokenizer",
            value=name,
            cure=f"Set taxonomy={tokenizer.taxonomy}, or choose another segmenter or tokenizer.",
        )
