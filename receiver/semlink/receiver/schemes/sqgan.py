"""SQ-GAN's decoder (arXiv 2502.09520): the map of its tokens, and the picture under the map."""

from __future__ import annotations

from collections.abc import Generator
from time import perf_counter

import numpy as np
from jaxtyping import Int64

from semlink.core.codecs.tokens import IndexTable, Pieces, decode_indices, decode_masks
from semlink.core.errors import CorruptData, InvalidInput
from semlink.core.events import Denoised, Event, Lost, Outcome, Progress, Reconstructed
from semlink.core.headers import TokensHeader
from semlink.core.pictures import Size, resize
from semlink.core.received import ReceivedBits
from semlink.core.tokens import SentTokens
from semlink.receiver.painting import Timed, to_rgb
from semlink.receiver.schemes.job import Job
from semlink.receiver.sqgan.painter import SqganNetwork

MASK, MAP, PICTURE = "mask", "map", "picture"
STAGES = 2

Positions = tuple[Int64[np.ndarray, " of_map"], Int64[np.ndarray, " of_picture"]]


def decode(job: Job) -> Generator[Event, None, None]:
    """The picture of the tokens that arrived, event by event.

    Without the mask there is no picture. Tokens of lost transport blocks are as if they had not
    been sent: the network fills the gaps, even if all of them are missing.

    Raises:
        CorruptData: the header cannot be read, or a payload is missing.
        InvalidInput: the tokens are of another network than the settings name.
    """
    started = perf_counter()
    header = TokensHeader.from_bytes(job.header)
    network = job.network(SqganNetwork)
    _check_network(header, network, job.settings.network)
    of_map, of_picture = job.received.bits(MAP), job.received.bits(PICTURE)
    grid = network.config.grid(header.working)
    positions = _received_positions(job.received.bits(MASK), grid)
    if positions is None:
        yield Lost(Outcome.LOST, (MASK, *(b.name for b in (of_map, of_picture) if not b.intact)))
        return
    map_table, picture_table = _tables(header, network)
    map_tokens = _received_tokens(of_map, grid, positions[0], map_table)
    tokens = _received_tokens(of_picture, grid, positions[1], picture_table)
    label, paint = Timed(network.labels, network.device), Timed(network.picture, network.device)
    labels = label(map_tokens)
    yield Denoised(received_map=labels, denoised_map=labels, denoise_s=perf_counter() - started)
    yield Progress(1, STAGES)
    picture = paint(tokens, labels)
    yield Progress(2, STAGES)
    painted = perf_counter()
    arrived = {MAP: map_tokens, PICTURE: tokens}
    sizes = zip(arrived.items(), positions, strict=True)
    working_picture = to_rgb(picture)
    yield Reconstructed(
        picture=resize(working_picture, header.photo),
        working_picture=working_picture,
        network_s=label.seconds + paint.seconds,
        sample_s=label.seconds + paint.seconds,
        finish_s=perf_counter() - painted,
        lost=tuple(name for (name, found), sent in sizes if found.indices.size < sent.size),
    )


def _check_network(header: TokensHeader, network: SqganNetwork, name: str) -> None:
    if header.fingerprint != network.tables.fingerprint:
        raise InvalidInput(
            "the tokens were made by another network.",
            field="network",
            value=name,
            cure="Choose the network whose tokenizer the transmitter used.",
        )


def _tables(header: TokensHeader, network: SqganNetwork) -> tuple[IndexTable, IndexTable]:
    """Those that the indices of the map and of the picture follow."""
    of_map, of_picture = network.tables.map, network.tables.picture
    return (
        of_map if header.map_table else of_map.plain,
        of_picture if header.picture_table else of_picture.plain,
    )


def _received_positions(bits: ReceivedBits, grid: Size) -> Positions | None:
    if not bits.intact:
        return None
    try:
        return decode_masks(bits.data, grid)
    except CorruptData:  # an error that the CRCs missed
        return None


def _received_tokens(
    bits: ReceivedBits, grid: Size, positions: Int64[np.ndarray, " sent"], table: IndexTable
) -> SentTokens:
    """The tokens of the transport blocks that arrived, a piece in each."""
    pieces = Pieces(bits.data, len(bits.blocks_ok)).split()
    arrived = [piece if ok else None for piece, ok in zip(pieces, bits.blocks_ok, strict=True)]
    return decode_indices(arrived, grid, positions, table)
