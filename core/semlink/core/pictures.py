"""Photos in, pictures out: bounded reading, working sizes, PNG.

A *photo* is what the user has, of any size; the *working picture* is what a scheme sees.
"""

from __future__ import annotations

import io
import re
import warnings
from dataclasses import dataclass
from hashlib import sha256
from typing import NamedTuple

import numpy as np
from jaxtyping import UInt8
from PIL import Image, ImageOps

from semlink.core.errors import InvalidInput, TooLarge, UnsupportedMedia

# The underscores leave the axes unbound: pictures that meet in one call may differ in size.
Rgb = UInt8[np.ndarray, "_height _width 3"]
LabelMap = UInt8[np.ndarray, "_height _width"]

FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "TIFF", "PPM")


class Size(NamedTuple):
    """Height and width in pixels."""

    height: int
    width: int

    @property
    def pixels(self) -> int:
        """Area."""
        return self.height * self.width

    def __str__(self) -> str:
        return f"{self.width}x{self.height}"


@dataclass(frozen=True)
class PictureLimits:
    """What a service accepts from a stranger.

    Attributes:
        upload_bytes: largest file.
        pixels: largest photo, checked before decoding.
        side: smallest height and width.
        aspect: largest ratio of the longer to the shorter side.
    """

    upload_bytes: int = 32 << 20
    pixels: int = 40_000_000
    side: int = 16
    aspect: float = 4.0


DEFAULT_LIMITS = PictureLimits()


def read_photo(data: bytes, limits: PictureLimits = DEFAULT_LIMITS) -> Rgb:
    """Decodes a photo, upright (EXIF orientation applied), as RGB.

    Raises:
        UnsupportedMedia: not a picture, a format we do not read, or damaged.
        TooLarge: more bytes or pixels than `limits` allow; said before anything is decoded.
        InvalidInput: too small or too elongated.
    """
    if len(data) > limits.upload_bytes:
        raise too_many_bytes(len(data), limits)
    image = _open(data)
    check_size(Size(image.height, image.width), limits)
    return _decode(image)


def too_many_bytes(count: int, limits: PictureLimits) -> TooLarge:
    """The error for an upload of `count` bytes or more."""
    return TooLarge(
        f"the upload exceeds {limits.upload_bytes >> 20} MiB.",
        field="photo",
        value=f"{count} bytes",
        cure="Send a smaller file, for instance a JPEG.",
    )


def check_size(size: Size, limits: PictureLimits = DEFAULT_LIMITS) -> None:
    """Refuses photos that are too large, too small or too elongated (see `read_photo`)."""
    if size.pixels > limits.pixels:
        raise TooLarge(
            f"the picture exceeds {limits.pixels / 1e6:g} megapixels.",
            field="photo",
            value=str(size),
            cure="Scale it down first.",
        )
    if min(size) < limits.side:
        raise InvalidInput(
            f"the picture is smaller than {limits.side} pixels.",
            field="photo",
            value=str(size),
            cure=f"Send one of at least {limits.side}x{limits.side}.",
        )
    if max(size) > limits.aspect * min(size):
        raise InvalidInput(
            f"the longer side exceeds {limits.aspect:g} times the shorter one.",
            field="photo",
            value=str(size),
            cure="Crop it.",
        )


def _open(data: bytes) -> Image.Image:
    try:
        with warnings.catch_warnings(action="ignore"):  # our own bounds are lower
            return Image.open(io.BytesIO(data), formats=FORMATS)
    except Image.DecompressionBombError as error:
        pixels = re.search(r"\d+", str(error))  # Pillow says how many, but only in its sentence
        raise TooLarge(
            "the picture has too many pixels.",
            field="photo",
            value=f"{pixels.group()} pixels" if pixels else "",
            cure="Scale it down first.",
        ) from error
    except (OSError, ValueError, SyntaxError) as error:
        raise UnsupportedMedia(
            "the upload is not a picture that can be read.",
            field="photo",
            value=f"{len(data)} bytes",
            cure=f"Send one of {', '.join(FORMATS)}.",
        ) from error


def _decode(image: Image.Image) -> Rgb:
    if image.mode in ("I", "F"):
        raise UnsupportedMedia(
            "samples of 32 bits have no known white.",
            field="photo",
            value=image.mode,
            cure="Save it with 8 or 16 bits per sample.",
        )
    try:
        with warnings.catch_warnings(action="ignore"):  # what is wrong but readable is read
            return _rgb(ImageOps.exif_transpose(image))
    except Exception as error:  # a hostile file can make the decoders raise anything
        raise UnsupportedMedia(
            f"the {image.format} picture is damaged or cut short.",
            field="photo",
            value=f"{image.width}x{image.height}",
            cure="Send the file again, whole.",
        ) from error


def _rgb(image: Image.Image) -> Rgb:
    if not image.mode.startswith("I;16"):
        return np.array(image.convert("RGB"), dtype=np.uint8)
    grey = (np.asarray(image) >> 8).astype(np.uint8)  # Pillow would clip instead of scale
    return np.stack([grey] * 3, axis=-1)


def photo_digest(photo: Rgb) -> str:
    """SHA-256 over size and pixels, in hex: the photo's identity whatever file it came in."""
    head = np.array(photo.shape, dtype="<u4").tobytes()
    return sha256(head + np.ascontiguousarray(photo).tobytes()).hexdigest()


def working_size(photo: Size, short_side: int, multiple: int) -> Size:
    """Size of the working picture: short side as asked, aspect kept, sides to the multiple."""
    scale = short_side / min(photo)
    height, width = (max(multiple, round(side * scale / multiple) * multiple) for side in photo)
    return Size(height, width)


def resize(picture: Rgb, size: Size) -> Rgb:
    """Picture at another size: area average downwards, Lanczos upwards."""
    if picture.shape[:2] == size:
        return picture
    downwards = size.pixels < picture.shape[0] * picture.shape[1]
    method = Image.Resampling.BOX if downwards else Image.Resampling.LANCZOS
    return np.asarray(Image.fromarray(picture).resize((size.width, size.height), method))


def encode_png(picture: Rgb | LabelMap) -> bytes:
    """PNG file of a picture or, as eight-bit grey, of a label map."""
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, "PNG", compress_level=6)
    return buffer.getvalue()


def decode_png(data: bytes, pixels: int = DEFAULT_LIMITS.pixels) -> Rgb | LabelMap:
    """Inverse of `encode_png`.

    Raises:
        UnsupportedMedia: not such a PNG.
        TooLarge: more than `pixels`.
    """
    image = _open(data)
    size = Size(image.height, image.width)
    if size.pixels > pixels:
        raise TooLarge("the PNG exceeds its bound.", field="png", value=str(size), cure="")
    if image.format != "PNG" or image.mode not in ("RGB", "L"):
        raise UnsupportedMedia("not an RGB or grey PNG.", field="png", value=image.mode, cure="")
    return _decode(image) if image.mode == "RGB" else np.array(image, dtype=np.uint8)
