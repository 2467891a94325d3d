from __future__ import annotations

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given

from semlink.core.codecs.table import CODECS
from semlink.core.codecs.thumbnail import (
    CANDIDATES,
    codec_of,
    decode_thumbnail,
    encode_thumbnail,
    thumbnail_size,
)
from semlink.core.errors import CorruptData
from semlink.core.pictures import Rgb, Size
from semlink.core.schemes import Scheme

SIZE = Size(48, 64)


@pytest.fixture(scope="module")
def picture() -> Rgb:
    """Smooth, with an edge."""
    across = np.broadcast_to(np.linspace(0, 200, SIZE.width), SIZE)
    down = np.broadcast_to(np.linspace(250, 30, SIZE.height)[:, None], SIZE)
    edge = np.where(across > down, 40.0, 180.0)
    return np.stack([across, down, edge], -1).astype(np.uint8)


@pytest.mark.parametrize("scheme", CANDIDATES)
def test_any_codec_brings_the_picture_back(scheme: Scheme, picture: Rgb) -> None:
    worst, best = CODECS[scheme].qualities
    data = encode_thumbnail(picture, scheme, worst + 0.5 * (best - worst))
    decoded = decode_thumbnail(data, SIZE)
    assert codec_of(data) is CODECS[scheme]
    assert decoded.shape == (*SIZE, 3)
    error = np.mean(np.square(decoded.astype(float) - picture))
    assert 10 * np.log10(255**2 / error) > 25
    assert len(data) == 1 + len(CODECS[scheme].encode(picture, worst + 0.5 * (best - worst)))


@given(height=st.integers(1, 1000), width=st.integers(1, 1000), factor=st.integers(1, 32))
def test_thumbnails_cover_the_picture_and_no_more(height: int, width: int, factor: int) -> None:
    small = thumbnail_size(Size(height, width), factor)
    for side, sent in ((height, small.height), (width, small.width)):
        assert factor * (sent - 1) < side <= factor * sent


@pytest.mark.parametrize("data", [b"", b"\xff", bytes([len(CANDIDATES)]) + b"abc", b"\0", b"\0\1"])
def test_what_is_no_thumbnail_is_corrupt(data: bytes) -> None:
    with pytest.raises(CorruptData, match="cannot be decoded"):
        decode_thumbnail(data, SIZE)


@pytest.mark.parametrize("scheme", CANDIDATES)
def test_a_thumbnail_of_another_size_is_corrupt(scheme: Scheme, picture: Rgb) -> None:
    data = encode_thumbnail(picture, scheme, 10.0)
    with pytest.raises(CorruptData):
        decode_thumbnail(data, Size(SIZE.height, SIZE.width + 64))


@pytest.mark.parametrize("scheme", CANDIDATES)
def test_a_thumbnail_cut_short_is_corrupt_or_some_picture(scheme: Scheme, picture: Rgb) -> None:
    data = encode_thumbnail(picture, scheme, 10.0)
    for kept in (1, 2, len(data) // 2):
        try:
            assert decode_thumbnail(data[:kept], SIZE).shape == (*SIZE, 3)
        except CorruptData:
            continue
