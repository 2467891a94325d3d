"""Colour maps: laws, hostile bytes, and what they cost beside thumbnails of image codecs."""

from __future__ import annotations

from bisect import bisect_left
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from semlink.core.codecs.colour_map import (
    MAX_BYTES,
    MAX_PIXELS,
    QUALITIES,
    decode_colours,
    encode_colours,
)
from semlink.core.codecs.table import CODECS
from semlink.core.errors import CorruptData
from semlink.core.pictures import Rgb, Size, resize
from semlink.core.schemes import Scheme

SIZE = Size(16, 21)


def psnr_db(one: Rgb, other: Rgb) -> float:
    error = np.mean(np.square(one.astype(float) - other))
    return float(10 * np.log10(255**2 / max(error, 1e-9)))


@pytest.fixture(scope="module")
def picture() -> Rgb:
    """A slope with an edge."""
    down, across = np.mgrid[: SIZE.height, : SIZE.width] * 12
    return np.stack([down, across, np.where(down > across, 40, 200)], -1).astype(np.uint8)


def noise(size: Size, seed: int) -> Rgb:
    return np.random.default_rng(seed).integers(0, 256, (*size, 3)).astype(np.uint8)


def test_quality_buys_bytes_and_psnr(picture: Rgb) -> None:
    sizes, qualities_db = [], []
    for quality in range(0, QUALITIES, 16):
        data = encode_colours(picture, quality)
        sizes.append(len(data))
        qualities_db.append(psnr_db(decode_colours(data, SIZE), picture))
    assert sizes == sorted(sizes)
    assert qualities_db == sorted(qualities_db)
    assert sizes[0] < 20
    assert qualities_db[-1] > 30  # its blue has an edge; the upper half of chroma does not travel


def test_grey_pictures_lose_only_what_the_quantiser_takes() -> None:
    grey = noise(SIZE, 1)[..., :1].repeat(3, -1)
    for quality, step in ((48, 2), (40, 4), (24, 16)):
        decoded = decode_colours(encode_colours(grey, quality), SIZE)
        error = np.sqrt(np.mean(np.square(decoded.astype(float) - grey)))
        assert error < 0.45 * step  # sqrt(1 / 12) of it, and what the wider dead zone adds


@settings(max_examples=30)
@given(
    st.integers(1, 12),
    st.integers(1, 12),
    st.integers(0, QUALITIES - 1),
    st.integers(0, 9),
)
def test_any_size_comes_back(height: int, width: int, quality: int, seed: int) -> None:
    size = Size(height, width)
    picture = noise(size, seed)
    data = encode_colours(picture, quality)
    decoded = decode_colours(data, size)
    assert decoded.shape == (*size, 3)
    assert encode_colours(picture, quality) == data
    np.testing.assert_array_equal(decode_colours(data, size), decoded)


@pytest.mark.parametrize(
    ("size", "colour"),
    [
        (Size(64, 64), (255, 255, 255)),
        (Size(1, MAX_PIXELS), (0, 0, 0)),
        (Size(128, 32), (0, 255, 0)),
    ],
)
def test_extremes_do_not_overflow(size: Size, colour: tuple[int, int, int]) -> None:
    picture = np.full((*size, 3), colour, np.uint8)
    decoded = decode_colours(encode_colours(picture, QUALITIES - 1), size)
    assert np.abs(decoded.astype(int) - picture).max() <= 2


def test_the_bytes_never_change(picture: Rgb) -> None:
    """What an older version sent, a newer one reads."""
    assert (
        encode_colours(picture, 10).hex()
        == "0a3c9cc0a25739224b04b19407e5631475ebc0db14d310bf28a41f4c30c43cc33e34176be4d005"
    )


def test_the_reader_is_the_only_one_who_knows_the_size(picture: Rgb) -> None:
    data = encode_colours(picture, 20)
    for other in (Size(21, 16), Size(16, 20), Size(32, 42)):
        with suppress(CorruptData):  # or some picture of that size
            assert decode_colours(data, other).shape == (*other, 3)


@pytest.mark.parametrize(
    "data", [b"", b"\x40", b"\xff", bytes([QUALITIES]), b"\x14" + bytes(MAX_BYTES)]
)
def test_what_is_no_colour_map_is_corrupt(data: bytes) -> None:
    with pytest.raises(CorruptData, match="cannot be decoded"):
        decode_colours(data, SIZE)


def test_a_picture_of_too_many_pixels_is_corrupt() -> None:
    with pytest.raises(CorruptData, match="too large"):
        decode_colours(b"\0", Size(1, MAX_PIXELS + 1))


@given(st.binary(max_size=60), st.integers(0, QUALITIES - 1))
def test_any_bytes_are_a_picture_or_corrupt(data: bytes, quality: int) -> None:
    size = Size(4, 5)
    with suppress(CorruptData):
        assert decode_colours(bytes([quality]) + data, size).shape == (*size, 3)


@given(cut=st.integers(0, 30), more=st.binary(min_size=1, max_size=4))
@settings(max_examples=30)
def test_what_is_cut_short_or_too_long_is_corrupt(cut: int, more: bytes) -> None:
    size = Size(5, 6)
    data = encode_colours(noise(size, 3), 30)
    assert len(data) > 32
    with suppress(CorruptData):  # the rest may spell another picture, but not the same
        assert not np.array_equal(
            decode_colours(data[: 1 + cut], size), decode_colours(data, size)
        )
    with pytest.raises(CorruptData):
        decode_colours(data + more, size)


def test_they_take_fewer_bytes_than_avif_for_the_same_psnr(camvid: Path) -> None:
    """A fifth fewer at least, on street scenes; the other image codecs take more than AVIF."""
    codec = CODECS[Scheme.AVIF]
    for path in sorted((camvid / "val" / "images").iterdir())[::40]:
        picture = resize(np.asarray(Image.open(path).convert("RGB")), SIZE)
        data = codec.encode(picture, 12.0)
        wanted_db = psnr_db(codec.decode(data, SIZE), picture)
        qualities = range(QUALITIES)
        enough = bisect_left(qualities, wanted_db, key=lambda q: reached_db(picture, q))
        assert len(encode_colours(picture, enough)) < 0.8 * len(data)


def reached_db(picture: Rgb, quality: int) -> float:
    return psnr_db(decode_colours(encode_colours(picture, quality), SIZE), picture)
