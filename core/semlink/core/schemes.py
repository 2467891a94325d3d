"""The communication systems that run on the link."""

from __future__ import annotations

from enum import StrEnum


class Scheme(StrEnum):
    """One member per system; each has one encoder and one decoder."""

    GESCO = "gesco"  # segmentation map, diffusion (arXiv 2306.04321)
    SPIC = "spic"  # segmentation map and coarse picture, diffusion (arXiv 2310.15737)
    SGC = "sgc"  # small segmentation and colour maps, latent diffusion (MMSP 2023)
    SQGAN = "sqgan"  # vector-quantised tokens of map and picture (arXiv 2502.09520)
    JPEG2000 = "jpeg2000"
    WEBP = "webp"
    JPEGXL = "jpegxl"
    AVIF = "avif"
    HEIC = "heic"  # HEVC intra, the codec inside BPG
    ANALOG = "analog"  # the picture itself, uncoded, as samples


SEPARATE = (Scheme.JPEG2000, Scheme.WEBP, Scheme.JPEGXL, Scheme.AVIF, Scheme.HEIC)
"""Source coding by an image codec, channel coding by the radio: the classical baseline."""

GENERATIVE = (Scheme.GESCO, Scheme.SPIC, Scheme.SGC, Scheme.SQGAN)
"""Those that need a segmenter to send and a network to paint."""
