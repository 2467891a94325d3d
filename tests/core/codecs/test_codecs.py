from __future__ import annotations

import io
import math
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from semlink.core.codecs.codec import PictureCodec
from semlink.core.codecs.table import CODECS
from semlink.core.errors import CorruptData, InvalidInput
from semlink.core.pictures import Rgb, Size, encode_png
from semlink.core.schemes import SEPARATE, Scheme

FLOORS_DB = {  # at the best quality; WebP always halves the resolution of chroma
    Scheme.JPEG2000: 48.0,
    Scheme.WEBP: 32.0,
    Scheme.JPEGXL: 40.0,
    Scheme.AVIF: 44.0,
    Scheme.HEIC: 48.0,
}
EXAMPLES = settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])


def at(codec: PictureCodec, share: float) -> float:
    """The quality at some share of the way from worst to best."""
    worst, best = codec.qualities
    return worst + share * (best - worst)


def size_of(picture: Rgb) -> Size:
    return Size(*picture.shape[:2])


def psnr_db(picture: Rgb, reference: Rgb) -> float:
    error = np.mean((picture.astype(float) - reference) ** 2)
    return 10 * math.log10(255**2 / error) if error else math.inf


@pytest.fixture(scope="module", params=SEPARATE)
def codec(request: pytest.FixtureRequest) -> PictureCodec:
    return CODECS[request.param]


@pytest.fixture(scope="module")
def encoded(codec: PictureCodec, natural: Rgb) -> bytes:
    return codec.encode(natural, at(codec, 0.4))


def test_every_separate_scheme_has_a_codec() -> None:
    assert tuple(CODECS) == SEPARATE


@pytest.mark.parametrize("scheme", SEPARATE)
def test_best_quality(scheme: Scheme, natural: Rgb) -> None:
    codec = CODECS[scheme]
    decoded = codec.decode(codec.encode(natural, at(codec, 1.0)), size_of(natural))
    assert psnr_db(decoded, natural) >= FLOORS_DB[scheme]


def test_bytes_and_psnr_grow_with_the_quality(codec: PictureCodec, natural: Rgb) -> None:
    data = [codec.encode(natural, at(codec, share)) for share in (0.1, 0.4, 0.7, 1.0)]
    levels = [psnr_db(codec.decode(d, size_of(natural)), natural) for d in data]
    assert list(map(len, data)) == sorted({len(d) for d in data})
    assert levels == sorted(set(levels))


@pytest.mark.parametrize("size", [Size(16, 16), Size(67, 131), Size(130, 65)], ids=str)
def test_any_size(codec: PictureCodec, natural: Rgb, size: Size) -> None:
    picture = np.asarray(Image.fromarray(natural).resize((size.width, size.height)))
    decoded = codec.decode(codec.encode(picture, at(codec, 0.9)), size)
    assert decoded.shape == picture.shape
    assert decoded.dtype == np.uint8
    assert psnr_db(decoded, picture) > 24


def test_jpeg_2000_has_a_least_side() -> None:
    with pytest.raises(InvalidInput, match="at least 16"):
        CODECS[Scheme.JPEG2000].encode(np.zeros((15, 40, 3), np.uint8), 0.0)


def test_the_same_bytes_from_any_thread(codec: PictureCodec, natural: Rgb, encoded: bytes) -> None:
    def again(_: int) -> bytes:
        return codec.encode(natural, at(codec, 0.4))

    with ThreadPoolExecutor(3) as pool:
        assert set(pool.map(again, range(3))) == {encoded}


def test_other_ways_are_for_the_same_reader(codec: PictureCodec, natural: Rgb) -> None:
    usual = codec.encode(natural, at(codec, 0.7))
    for encode in codec.others:
        data = encode(natural, at(codec, 0.7))
        assert 0.8 < len(data) / len(usual) < 1.25
        assert psnr_db(codec.decode(data, size_of(natural)), natural) > 26


def test_nothing_is_sent_that_the_reader_knows(codec: PictureCodec, natural: Rgb) -> None:
    grey = np.full_like(natural, 128)
    data = codec.encode(grey, at(codec, 0.4))
    # Of HEVC the parameter sets remain, which depend on the encoder.
    assert len(data) <= (120 if codec is CODECS[Scheme.HEIC] else 90)
    assert 0 <= codec.container_bytes(data) < 12


def test_damage_is_corrupt_data_or_a_picture(codec: PictureCodec, encoded: bytes) -> None:
    size = Size(64, 96)

    @EXAMPLES
    @given(
        changes=st.lists(
            st.tuples(st.integers(0, len(encoded) - 1), st.integers(0, 255)), max_size=4
        ),
        front=st.lists(st.tuples(st.integers(0, 39), st.integers(0, 255)), max_size=2),
        kept=st.one_of(st.just(len(encoded)), st.integers(0, len(encoded))),
        tail=st.binary(max_size=20),
    )
    def damaged(
        changes: list[tuple[int, int]], front: list[tuple[int, int]], kept: int, tail: bytes
    ) -> None:
        data = bytearray(encoded)
        for position, value in changes + front:
            data[position] = value
        assert_picture_or_corrupt(codec, bytes(data[:kept]) + tail, size)

    damaged()


def test_noise_is_corrupt_data_or_a_picture(codec: PictureCodec) -> None:
    @EXAMPLES
    @given(data=st.binary(max_size=300))
    def noise(data: bytes) -> None:
        assert_picture_or_corrupt(codec, data, Size(64, 96))

    noise()


def assert_picture_or_corrupt(codec: PictureCodec, data: bytes, size: Size) -> None:
    coarser = codec.partial(data, size)
    assert coarser is None or coarser.shape == (*size, 3)
    try:
        picture = codec.decode(data, size)
    except CorruptData:
        return
    assert picture.shape == (*size, 3)
    assert picture.dtype == np.uint8


def test_other_files_are_refused(codec: PictureCodec, natural: Rgb) -> None:
    jpeg = io.BytesIO()
    Image.fromarray(natural).save(jpeg, "JPEG")
    for data in (b"", b"\0", encode_png(natural), jpeg.getvalue()):
        with pytest.raises(CorruptData):
            codec.decode(data, size_of(natural))
        assert codec.partial(data, size_of(natural)) is None


@pytest.mark.parametrize("scheme", [s for s in SEPARATE if s is not Scheme.JPEG2000])
def test_another_size_is_refused_before_it_is_decoded(scheme: Scheme) -> None:
    codec = CODECS[scheme]
    data = codec.encode(np.zeros((512, 512, 3), np.uint8), at(codec, 0.4))
    with pytest.raises(CorruptData, match="size"):
        codec.decode(data, Size(64, 96))


def test_prefixes_of_jpeg_2000_are_coarser_pictures(natural: Rgb) -> None:
    codec = CODECS[Scheme.JPEG2000]
    picture = np.asarray(Image.fromarray(natural).resize((384, 256)))
    data, size = codec.encode(picture, 1.0), size_of(picture)
    whole_db = psnr_db(codec.decode(data, size), picture)
    levels = []
    for share in (0.1, 0.3, 0.6, 0.9, 1.0):
        coarser = codec.partial(data[: int(share * len(data))], size)
        levels.append(-math.inf if coarser is None else psnr_db(coarser, picture))
    assert levels[0] == -math.inf
    assert levels[1] > 25
    assert levels == sorted(levels)
    assert levels[-1] < whole_db


@pytest.mark.parametrize("scheme", [s for s in SEPARATE if s is not Scheme.JPEG2000])
def test_other_formats_are_whole_or_lost(scheme: Scheme, natural: Rgb) -> None:
    codec = CODECS[scheme]
    data = codec.encode(natural, at(codec, 0.4))
    assert codec.partial(data[:-1], size_of(natural)) is None
