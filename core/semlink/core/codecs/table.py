"""The baseline's codecs. Their libraries load when they are first used."""

from __future__ import annotations

from semlink.core.codecs import avif, heic, jpeg2000, jpegxl, webp
from semlink.core.codecs.codec import PictureCodec
from semlink.core.schemes import Scheme

CODECS: dict[Scheme, PictureCodec] = {
    Scheme.JPEG2000: jpeg2000.CODEC,
    Scheme.WEBP: webp.CODEC,
    Scheme.JPEGXL: jpegxl.CODEC,
    Scheme.AVIF: avif.CODEC,
    Scheme.HEIC: heic.CODEC,
}
