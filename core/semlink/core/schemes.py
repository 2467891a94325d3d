"""The semantic communication systems that run on the link."""

from __future__ import annotations

from enum import StrEnum


class Scheme(StrEnum):
    """One member per system; each has one encoder and one decoder."""

    GESCO = "gesco"  # one-hot segmentation map as samples, diffusion (arXiv 2306.04321)
