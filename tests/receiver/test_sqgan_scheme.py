"""SQ-GAN's decoder: from all of the tokens, from some, and from none."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from semlink.core.codecs.tokens import encode_indices, encode_masks
from semlink.core.codecs.tokens.indices import Pieces
from semlink.core.errors import CorruptData, InvalidInput
from semlink.core.events import Denoised, Event, Lost, Outcome, Progress, Reconstructed
from semlink.core.headers import TokensHeader
from semlink.core.pictures import Size
from semlink.core.received import Received, ReceivedBits
from semlink.core.schemes import Scheme
from semlink.core.settings import ReceiverSettings
from semlink.core.tokens import SentTokens
from semlink.core.transmission import Transmission
from semlink.receiver.painting import to_rgb
from semlink.receiver.receiver import Receiver
from semlink.receiver.schemes import DECODERS
from semlink.receiver.schemes.job import Job
from semlink.receiver.sqgan.painter import SqganNetwork

NAME = "tiny-sqgan"
GRID = Size(24, 32)
CODES = 16
SETTINGS = ReceiverSettings(network=NAME)
TRANSMISSION = Transmission("t", 0, "d" * 64)

Decode = Callable[..., list[Event]]


def tokens(count: int, seed: int) -> SentTokens:
    generator = np.random.default_rng(seed)
    positions = generator.permutation(GRID.pixels)[:count]
    return SentTokens(GRID, CODES, positions, generator.integers(0, CODES, count))


OF_MAP, OF_PICTURE = tokens(300, 1), tokens(GRID.pixels, 2)


@pytest.fixture(scope="module")
def receiver(tiny_sqgan: Path, tiny_gesco: Path) -> Receiver:
    return Receiver.load((str(tiny_sqgan), str(tiny_gesco)), "cpu")


@pytest.fixture(scope="module")
def network(receiver: Receiver) -> SqganNetwork:
    network = receiver.network(NAME)
    assert isinstance(network, SqganNetwork)
    return network


def bits(name: str, pieces: Pieces, lost: Collection[int] = ()) -> ReceivedBits:
    """What the radio hands over: bytes of lost blocks are zero."""
    data = bytearray(pieces.data)
    size = -(-len(data) // pieces.blocks)
    for index in lost:
        data[index * size : (index + 1) * size] = bytes(len(data[index * size :][:size]))
    verdicts = tuple(index not in lost for index in range(pieces.blocks))
    return ReceivedBits(name, bytes(data), verdicts, size)


@pytest.fixture
def decode(receiver: Receiver, network: SqganNetwork) -> Decode:
    mask = encode_masks(OF_MAP.mask, OF_PICTURE.mask)
    of_map = encode_indices(OF_MAP, network.tables.map)
    of_picture = encode_indices(OF_PICTURE, network.tables.picture)
    assert of_map.blocks >= 4
    assert of_picture.blocks >= 10

    def events(
        lost_map: Collection[int] = (),
        lost_picture: Collection[int] = (),
        *,
        settings: ReceiverSettings = SETTINGS,
        header: dict[str, object] | None = None,
        **changed: ReceivedBits | None,
    ) -> list[Event]:
        arrived = {
            "mask": bits("mask", Pieces(mask, 1)),
            "map": bits("map", of_map, lost_map),
            "picture": bits("picture", of_picture, lost_picture),
        } | changed
        plain = TokensHeader(Size(300, 400), 384, network.tables.fingerprint)
        packed = replace(plain, **(header or {})).to_bytes()  # type: ignore[arg-type]
        kept = tuple(one for one in arrived.values() if one is not None)
        received = Received(Scheme.SQGAN, packed, (), kept)
        job = Job(received, settings, TRANSMISSION, receiver.network)
        return list(DECODERS[Scheme.SQGAN](job))

    return events


def painted(events: list[Event]) -> Reconstructed:
    end = events[-1]
    assert isinstance(end, Reconstructed)
    return end


def test_map_and_picture_come_of_their_tokens(decode: Decode, network: SqganNetwork) -> None:
    events = decode()
    labels = network.labels(OF_MAP)
    shown, *progress, end = events
    assert isinstance(shown, Denoised)
    np.testing.assert_array_equal(shown.denoised_map, labels)
    assert progress == [Progress(1, 2), Progress(2, 2)]
    expected = to_rgb(network.picture(OF_PICTURE, labels))
    np.testing.assert_array_equal(painted(events).working_picture, expected)
    assert painted(events).picture.shape == (300, 400, 3)
    assert painted(events).lost == ()
    assert isinstance(end, Reconstructed)


@pytest.mark.parametrize(
    ("lost_map", "lost_picture", "named"),
    [((0,), (), ("map",)), ((), (1, 3), ("picture",)), ((2,), (0,), ("map", "picture"))],
)
def test_damaged_payloads_are_named_and_the_rest_is_painted(
    decode: Decode,
    lost_map: tuple[int, ...],
    lost_picture: tuple[int, ...],
    named: tuple[str, ...],
) -> None:
    assert painted(decode(lost_map, lost_picture)).lost == named


def test_all_tokens_may_be_lost(decode: Decode) -> None:
    everything = range(16)
    assert painted(decode(everything, everything)).lost == ("map", "picture")


def test_lost_tokens_of_the_picture_leave_the_map_as_it_is(decode: Decode) -> None:
    whole, hurt = decode(), decode(lost_picture=(0, 1, 2))
    assert isinstance(whole[0], Denoised)
    assert isinstance(hurt[0], Denoised)
    np.testing.assert_array_equal(whole[0].denoised_map, hurt[0].denoised_map)


def test_the_error_grows_smoothly_with_the_share_of_lost_blocks(
    decode: Decode, network: SqganNetwork
) -> None:
    count = encode_indices(OF_PICTURE, network.tables.picture).blocks
    whole = painted(decode()).working_picture.astype(float)
    generator = np.random.default_rng(0)

    def error(share: float) -> float:
        """Root of the mean square, of several patterns of loss."""
        lost = [generator.permutation(count)[: round(share * count)].tolist() for _ in range(4)]
        pictures = [painted(decode(lost_picture=one)).working_picture for one in lost]
        return float(np.sqrt(np.mean([np.square(picture - whole) for picture in pictures])))

    errors = [error(share) for share in (0, 0.05, 0.2, 0.4, 1)]
    assert errors[0] == 0
    assert errors == sorted(errors)
    assert 0 < errors[1] < 0.6 * errors[-1]


def test_without_the_mask_there_is_no_picture(decode: Decode) -> None:
    lost = ReceivedBits("mask", bytes(9), (False,), 9)
    assert decode(mask=lost) == [Lost(Outcome.LOST, ("mask",))]
    assert decode((0,), (1,), mask=lost) == [Lost(Outcome.LOST, ("mask", "map", "picture"))]


def test_a_mask_whose_damage_the_crc_missed_is_lost(decode: Decode) -> None:
    assert decode(mask=ReceivedBits("mask", b"\xff" * 9, (True,), 9))[-1] == Lost(
        Outcome.LOST, ("mask",)
    )


def test_pieces_whose_damage_the_crc_missed_are_lost(
    decode: Decode, network: SqganNetwork
) -> None:
    data, blocks = encode_indices(OF_PICTURE, network.tables.picture)
    longer = Pieces(b"\xff" * len(data), blocks)
    end = painted(decode(picture=bits("picture", longer)))
    assert end.lost == ("picture",)


def test_tokens_of_another_network_are_refused(decode: Decode, network: SqganNetwork) -> None:
    with pytest.raises(InvalidInput, match="made by another network"):
        decode(header={"fingerprint": network.tables.fingerprint ^ 1})


def test_networks_of_other_schemes_are_refused(decode: Decode) -> None:
    with pytest.raises(InvalidInput, match="not made for scheme sqgan"):
        decode(settings=ReceiverSettings(network="tiny-gesco"))


def test_a_picture_beyond_all_bounds_is_refused(decode: Decode) -> None:
    with pytest.raises(CorruptData, match="a size is not within"):
        decode(header={"photo": Size(1000, 10), "short_side": 512})


def test_a_missing_payload_is_corrupt(decode: Decode) -> None:
    with pytest.raises(CorruptData, match="no bits"):
        decode(picture=None)
