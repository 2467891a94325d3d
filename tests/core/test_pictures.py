from __future__ import annotations

import io
import struct
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from semlink.core.errors import InvalidInput, SemlinkError, TooLarge, UnsupportedMedia
from semlink.core.pictures import (
    FORMATS,
    LabelMap,
    PictureLimits,
    Rgb,
    Size,
    check_size,
    decode_png,
    encode_png,
    photo_digest,
    read_photo,
    resize,
    working_size,
)

EXIF_ORIENTATION = 274
LOSSLESS = ("PNG", "BMP", "TIFF", "PPM")


def gradient(height: int, width: int) -> Rgb:
    rows, columns = np.mgrid[0:height, 0:width]
    channels = (rows * 255 // height, columns * 255 // width, (rows + columns) % 64)
    return np.stack(channels, axis=-1).astype(np.uint8)


PHOTO = gradient(40, 60)


def saved(picture: Image.Image | Rgb, form: str, **options: object) -> bytes:
    image = Image.fromarray(picture) if isinstance(picture, np.ndarray) else picture
    buffer = io.BytesIO()
    image.save(buffer, form, **options)
    return buffer.getvalue()


@pytest.mark.parametrize("form", FORMATS)
def test_formats(form: str) -> None:
    picture = read_photo(saved(PHOTO, form))
    assert picture.shape == PHOTO.shape
    assert picture.dtype == np.uint8
    tolerance = 0 if form in LOSSLESS else 12
    assert np.abs(picture.astype(int) - PHOTO).mean() <= tolerance


@pytest.mark.parametrize("form", ["GIF", "ICO", "PDF"])
def test_other_formats_are_refused(form: str) -> None:
    with pytest.raises(UnsupportedMedia, match="JPEG, PNG"):
        read_photo(saved(PHOTO, form))


@pytest.mark.parametrize("data", [b"", b"\xff\xd8", b"GIF89a", b"not a picture", bytes(1000)])
def test_other_bytes_are_refused(data: bytes) -> None:
    with pytest.raises(UnsupportedMedia):
        read_photo(data)


@pytest.mark.parametrize(
    ("orientation", "upright"),
    [
        (1, PHOTO),
        (2, PHOTO[:, ::-1]),
        (3, PHOTO[::-1, ::-1]),
        (4, PHOTO[::-1]),
        (5, PHOTO.transpose(1, 0, 2)),
        (6, np.rot90(PHOTO, -1)),
        (7, PHOTO[::-1, ::-1].transpose(1, 0, 2)),
        (8, np.rot90(PHOTO, 1)),
    ],
)
def test_a_photo_is_turned_upright(orientation: int, upright: Rgb) -> None:
    exif = Image.Exif()
    exif[EXIF_ORIENTATION] = orientation
    np.testing.assert_array_equal(read_photo(saved(PHOTO, "PNG", exif=exif)), upright)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGBA", "I;16"])
def test_modes_keep_their_greys(mode: str) -> None:
    ramp = np.tile(np.linspace(0, 255, 64).astype(np.uint8), (32, 1))
    image = Image.fromarray(ramp).point(lambda v: 255 * (v > 127)) if mode == "1" else None
    if mode == "I;16":
        image = Image.fromarray(ramp.astype(np.uint16) * 257)
    image = (image or Image.fromarray(ramp)).convert(mode)
    picture = read_photo(saved(image, "PNG"))
    expected = np.where(ramp > 127, 255, 0) if mode == "1" else ramp
    assert picture.shape == (32, 64, 3)
    assert np.abs(picture - expected[..., None].astype(int)).max() <= 1


def test_transparency_is_dropped() -> None:
    alpha = np.zeros((40, 60, 1), np.uint8)
    data = saved(np.concatenate([PHOTO, alpha], axis=-1), "PNG")
    np.testing.assert_array_equal(read_photo(data), PHOTO)


def test_palette_with_transparency() -> None:
    image = Image.fromarray(PHOTO).quantize(16)
    data = saved(image, "PNG", transparency=bytes(range(16)))
    np.testing.assert_array_equal(read_photo(data), np.asarray(image.convert("RGB")))


def test_cmyk_jpeg() -> None:
    data = saved(Image.fromarray(PHOTO).convert("CMYK"), "JPEG", quality=95)
    assert np.abs(read_photo(data).astype(int) - PHOTO).mean() < 6


def test_samples_of_32_bits_are_refused() -> None:
    data = saved(Image.fromarray(np.zeros((20, 20), np.float32)), "TIFF")
    with pytest.raises(UnsupportedMedia, match=r"photo=F: .*8 or 16 bits"):
        read_photo(data)


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "BMP", "TIFF", "PPM"])
@pytest.mark.parametrize("part", [0.3, 0.9])
def test_a_file_cut_short_is_refused(form: str, part: float) -> None:
    data = saved(PHOTO, form)
    with pytest.raises(UnsupportedMedia):
        read_photo(data[: int(len(data) * part)])


def png_header(width: int, height: int) -> bytes:
    """A PNG that announces a size; its one data chunk is empty."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        check = struct.pack(">I", zlib.crc32(kind + body))
        return struct.pack(">I", len(body)) + kind + body + check

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b""))


@pytest.mark.parametrize("side", [6500, 12_000, 30_000])
def test_a_bomb_is_refused_before_it_is_decoded(side: int) -> None:
    with pytest.raises(TooLarge, match=rf"photo=({side}x{side}|{side**2} pixels): "):
        read_photo(png_header(side, side))
    if side > 6500:
        with pytest.raises(TooLarge):
            decode_png(png_header(side, side))


def test_too_many_bytes() -> None:
    data = saved(PHOTO, "PNG")
    with pytest.raises(TooLarge, match=f"photo={len(data)} bytes"):
        read_photo(data, PictureLimits(upload_bytes=len(data) - 1))


@pytest.mark.parametrize("size", [Size(1, 1), Size(15, 40), Size(16, 65), Size(65, 16)])
def test_too_small_or_elongated(size: Size) -> None:
    with pytest.raises(InvalidInput, match=f"photo={size.width}x{size.height}: .*"):
        read_photo(saved(gradient(*size), "PNG"))


@pytest.mark.parametrize("size", [Size(16, 16), Size(16, 64), Size(64, 16), Size(5000, 8000)])
def test_what_is_just_allowed(size: Size) -> None:
    check_size(size)


JPEG = saved(PHOTO, "JPEG", exif=Image.Exif())
TIFF = saved(PHOTO[:20, :20], "TIFF")


@settings(max_examples=150)
@given(
    st.sampled_from([JPEG, TIFF]),
    st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), max_size=6),
)
def test_a_damaged_file_is_a_picture_or_an_error_of_ours(
    data: bytes, changes: list[tuple[float, int]]
) -> None:
    damaged = bytearray(data)
    for place, value in changes:
        damaged[int(place * len(data))] = value
    try:
        picture = read_photo(bytes(damaged), PictureLimits(pixels=100_000))
    except SemlinkError:
        return
    assert picture.shape[2] == 3


def test_digest_tells_pixels_and_shape_apart() -> None:
    flat = np.zeros((4, 6, 3), np.uint8)
    pictures = [flat, flat.reshape(6, 4, 3), flat + 1, gradient(4, 6)]
    assert len({photo_digest(picture) for picture in pictures}) == len(pictures)
    assert photo_digest(flat) == photo_digest(np.asfortranarray(flat))
    assert photo_digest(flat)[:16] == "28a81215e017b431"  # or seeds change


sides = st.integers(16, 4000)


@given(sides, sides, st.integers(2, 16), st.sampled_from([8, 16, 32]))
def test_working_size_law(height: int, width: int, blocks: int, multiple: int) -> None:
    photo, short = Size(height, width), blocks * 32
    size = working_size(photo, short, multiple)
    assert min(size) == short
    for side, original in zip(size, photo, strict=True):
        assert side % multiple == 0
        assert abs(side - original * short / min(photo)) <= multiple / 2


@given(st.integers(1, 40), st.integers(1, 40))
def test_resize_keeps_flat_pictures(height: int, width: int) -> None:
    flat = np.full((20, 30, 3), 77, np.uint8)
    assert (resize(flat, Size(height, width)) == np.full((height, width, 3), 77)).all()


def test_resize_downwards_is_the_mean_of_blocks() -> None:
    blocks = PHOTO.reshape(20, 2, 30, 2, 3).mean(axis=(1, 3))
    rounded_twice = resize(PHOTO, Size(20, 30))  # once per axis
    assert np.abs(rounded_twice - blocks).max() <= 1
    assert resize(PHOTO, Size(40, 60)) is PHOTO


@given(st.integers(1, 9), st.integers(1, 9), st.booleans(), st.integers(0, 2**32 - 1))
def test_png_round_trip(height: int, width: int, colour: bool, seed: int) -> None:
    shape = (height, width, 3) if colour else (height, width)
    picture: Rgb | LabelMap = np.random.default_rng(seed).integers(0, 256, shape, np.uint8)
    np.testing.assert_array_equal(decode_png(encode_png(picture)), picture)


@pytest.mark.parametrize("mode", ["RGBA", "P", "I;16", "1"])
def test_other_pngs_are_not_ours(mode: str) -> None:
    image = Image.fromarray(PHOTO[..., 0]).convert(mode)
    with pytest.raises(UnsupportedMedia, match="RGB or grey"):
        decode_png(saved(image, "PNG"))
    with pytest.raises(UnsupportedMedia, match="RGB or grey"):
        decode_png(JPEG)
