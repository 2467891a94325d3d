"""SQ-GAN's encoder: what is sent of the tokens, and what it costs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from semlink.core.codecs.tokens import Pieces, decode_indices, decode_masks
from semlink.core.errors import InvalidInput, NotFound
from semlink.core.headers import TokensHeader
from semlink.core.message import BitsPayload, Message
from semlink.core.phy.mcs import mcs_named
from semlink.core.phy.modulation import modulate, sent_bytes
from semlink.core.phy.radio import Radio
from semlink.core.pictures import LabelMap, Rgb, Size, resize
from semlink.core.schemes import Scheme
from semlink.core.settings import PhotoSettings, settings_from_fields
from semlink.core.tokens import SentTokens
from semlink.transmitter.schemes import ENCODERS
from semlink.transmitter.schemes.source import Scene, Source
from semlink.transmitter.sqgan.tokenizer import Tokenizer
from semlink.transmitter.transmitter import Transmitter

WORKING = Size(192, 256)
GRID = Size(12, 16)


@pytest.fixture(scope="module")
def tokenizer(tiny_sqgan: Path) -> Tokenizer:
    return Tokenizer.load(tiny_sqgan)


@pytest.fixture(scope="module")
def photo() -> Rgb:
    blocks = np.random.default_rng(1).integers(0, 256, (12, 16, 3), dtype=np.uint8)
    return blocks.repeat(20, axis=0).repeat(20, axis=1)


@pytest.fixture(scope="module")
def labels() -> LabelMap:
    labels = np.zeros(WORKING, np.uint8)
    labels[90:], labels[100:, 60:] = 3, 7
    return labels


@pytest.fixture(scope="module")
def scored(tokenizer: Tokenizer, photo: Rgb, labels: LabelMap) -> tuple[SentTokens, SentTokens]:
    return tokenizer.tokens(resize(photo, WORKING), labels)


@pytest.fixture
def source(tokenizer: Tokenizer, photo: Rgb, labels: LabelMap) -> Source:
    return Source(
        photo,
        WORKING,
        PhotoSettings(scheme=Scheme.SQGAN),
        Radio(),
        lambda: Scene(labels, "camvid", 12),
        lambda: tokenizer,
    )


def encoded(source: Source, radio: Radio | None = None, **fields: float) -> Message:
    settings = PhotoSettings(scheme=Scheme.SQGAN, **fields)  # type: ignore[arg-type]
    changed = Source(
        source.photo,
        WORKING,
        settings,
        radio or Radio(),
        source.segment,
        source.tokenizer,
    )
    return ENCODERS[Scheme.SQGAN](changed)


def parts(message: Message) -> tuple[BitsPayload, BitsPayload, BitsPayload]:
    mask, of_map, of_picture = message.payloads
    assert isinstance(mask, BitsPayload)
    assert isinstance(of_map, BitsPayload)
    assert isinstance(of_picture, BitsPayload)
    return mask, of_map, of_picture


def arrived(message: Message, tokenizer: Tokenizer) -> list[SentTokens]:
    mask, *payloads = parts(message)
    tables = (tokenizer.tables.map, tokenizer.tables.picture)
    return [
        decode_indices(Pieces(payload.data, payload.least_blocks).split(), GRID, places, table)
        for payload, places, table in zip(
            payloads, decode_masks(mask.data, GRID), tables, strict=True
        )
    ]


def on_grid(tokens: SentTokens) -> dict[int, int]:
    return dict(zip(tokens.positions.tolist(), tokens.indices.tolist(), strict=True))


@pytest.mark.parametrize(("map_fraction", "picture_fraction"), [(0.4, 0.4), (0.05, 1.0)])
def test_the_most_important_tokens_travel(
    source: Source,
    tokenizer: Tokenizer,
    scored: tuple[SentTokens, SentTokens],
    map_fraction: float,
    picture_fraction: float,
) -> None:
    fractions = map_fraction, picture_fraction
    message = encoded(source, map_fraction=map_fraction, picture_fraction=picture_fraction)
    header = TokensHeader.from_bytes(message.header)
    assert header.photo == Size(240, 320)
    assert header.working == WORKING
    assert header.fingerprint == tokenizer.tables.fingerprint
    for found, tokens, fraction in zip(
        arrived(message, tokenizer), scored, fractions, strict=True
    ):
        assert on_grid(found) == on_grid(tokens.first(int(fraction * 192)))


def test_the_mask_is_better_protected_than_the_map_and_that_than_the_picture(
    source: Source,
) -> None:
    names, efficiencies = zip(
        *((one.name, mcs_named(one.mcs).efficiency) for one in parts(encoded(source))),
        strict=True,
    )
    assert names == ("mask", "map", "picture")
    assert efficiencies == tuple(sorted(efficiencies))


def test_tokens_travel_in_several_blocks(source: Source) -> None:
    frame = modulate(encoded(source, picture_fraction=1.0), Radio())
    layouts = {stream.name: stream.layout for stream in frame.streams}
    assert layouts["picture"].blocks >= 3  # type: ignore[union-attr]
    assert layouts["mask"].blocks == 1  # type: ignore[union-attr]


@pytest.mark.parametrize("free_header", [False, True])
@pytest.mark.parametrize("most_bytes", [60, 100, 170])
def test_a_budget_of_bytes_is_kept_and_filled(
    source: Source, most_bytes: int, free_header: bool
) -> None:
    radio = Radio(most_bytes=most_bytes, free_header=free_header)
    message = encoded(source, radio)
    assert 0.95 * most_bytes <= sent_bytes(message, radio) <= most_bytes
    modulate(message, radio)


@pytest.mark.parametrize("granted_uses", [1200, 2000])
def test_a_grant_is_kept_and_filled(source: Source, granted_uses: int) -> None:
    radio = Radio(granted_uses=granted_uses)
    frame = modulate(encoded(source, radio), radio)
    used = sum(stream.symbols.size for stream in frame.streams)
    assert 0.95 * granted_uses <= used <= granted_uses


def test_a_budget_keeps_map_and_picture_in_proportion_until_one_is_whole(
    source: Source, tokenizer: Tokenizer
) -> None:
    def counts(most_bytes: int) -> tuple[int, ...]:
        radio = Radio(most_bytes=most_bytes)
        message = encoded(source, radio, map_fraction=0.6, picture_fraction=0.2)
        return tuple(found.positions.size for found in arrived(message, tokenizer))

    of_map, of_picture = counts(80)
    assert of_map == pytest.approx(3 * of_picture, abs=3)
    of_map, of_picture = counts(180)
    assert of_map == 192
    assert of_picture > 192 / 3


def test_a_large_budget_sends_all(source: Source, tokenizer: Tokenizer) -> None:
    message = encoded(source, Radio(most_bytes=10_000), map_fraction=0.1, picture_fraction=1.0)
    assert [found.positions.size for found in arrived(message, tokenizer)] == [192, 192]


@pytest.mark.parametrize("budget", [{"most_bytes": 15}, {"granted_uses": 300}])
def test_a_budget_that_is_too_small_is_refused_with_the_least(
    source: Source, budget: dict[str, int]
) -> None:
    radio = Radio(pixels=WORKING.pixels, **budget)  # type: ignore[arg-type]
    with pytest.raises(InvalidInput, match=r"the message takes .*Grant at least") as caught:
        modulate(encoded(source, radio), radio)
    least = float(caught.value.cure.split()[-1].rstrip("."))
    field = "bpp" if "most_bytes" in budget else "cpp"
    enough = Radio.of(settings_from_fields({"scheme": "sqgan", field: least}), WORKING)
    modulate(encoded(source, enough), enough)


def test_other_classes_are_refused(source: Source, labels: LabelMap, tokenizer: Tokenizer) -> None:
    scene = Scene(labels, "cityscapes", 20)
    other = Source(
        source.photo, WORKING, source.settings, Radio(), lambda: scene, lambda: tokenizer
    )
    with pytest.raises(InvalidInput, match="knows the classes of camvid"):
        ENCODERS[Scheme.SQGAN](other)


def test_without_a_tokenizer_there_is_a_clear_error(
    source: Source, tiny_segmenter: Path, photo: Rgb
) -> None:
    alone = Source(source.photo, WORKING, source.settings, Radio(), source.segment)
    with pytest.raises(NotFound, match="serves no network that makes tokens"):
        ENCODERS[Scheme.SQGAN](alone)
    transmitter = Transmitter.load((str(tiny_segmenter),), "cpu", tokenizers=())
    fields = {"scheme": "sqgan", "segmenter": "tiny-segmenter"}
    with pytest.raises(NotFound) as caught:
        transmitter.encode(photo, settings_from_fields(fields))
    assert (caught.value.field, caught.value.value) == ("tokenizer", "sqgan-camvid")


@pytest.mark.parametrize("fields", [{"map_fraction": 0}, {"picture_fraction": 1.1}])
def test_impossible_fractions_are_refused(fields: dict[str, float]) -> None:
    with pytest.raises(InvalidInput, match="fraction"):
        settings_from_fields({"scheme": "sqgan"} | fields)
