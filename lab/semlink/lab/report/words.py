"""How a report names numbers, levels and points, in words and in figures."""

from __future__ import annotations

import math

from semlink.lab.metrics import METRICS, Better, Interval
from semlink.lab.report.swept import Point
from semlink.lab.sweep.wanted import ARRIVED

NOTHING = "-"
NAMES = {
    "psnr_db": "PSNR (dB)",
    "ssim": "SSIM",
    "ms_ssim": "MS-SSIM",
    "lpips": "LPIPS",
    "dists": "DISTS",
    "fid": "FID",
    "kid": "KID",
    "sent_miou": "mIoU with the sent map",
    "photo_miou": "mIoU with the photo's map",
    "truth_miou": "mIoU with the labels",
    "received_miou": "mIoU of the received map",
    "denoised_miou": "mIoU of the denoised map",
    "label_bce": "label BCE (nats per pixel)",
    "clip_alignment": "CLIP alignment",
    "bits_per_pixel": "bits per pixel",
    "channel_uses_per_pixel": "channel uses per pixel",
    ARRIVED: "pictures that arrived",
}
LEVELS = {
    "psnr_db": "peak power over noise (dB)",
    "snr_db": "SNR (dB)",
    "ebno_db": "Eb/N0 (dB)",
    "sigma": "standard deviation of the noise",
    "gesco_table_db": "level of the published table (dB)",
}
SHORT_LEVELS = {
    "psnr_db": "PSNR {:g} dB",
    "snr_db": "SNR {:g} dB",
    "ebno_db": "Eb/N0 {:g} dB",
    "sigma": "sigma {:g}",
    "gesco_table_db": "table level {:g} dB",
}


def name_of(number: str) -> str:
    """A number's name, with its unit."""
    return NAMES.get(number, number.replace("_", " "))


def direction(number: str) -> str:
    """Which way is better, in a word; empty where nobody can say."""
    if number in METRICS:
        return "higher is better" if METRICS[number].better is Better.HIGHER else "lower is better"
    return ""


def value_text(value: float | None, number: str) -> str:
    """A number as tables show it: two decimals of dB, three of all else."""
    if value is None or math.isnan(value):
        return NOTHING
    return f"{value:.{_decimals(number)}f}"


def interval_text(found: Interval, number: str) -> str:
    """A number with the half-width of its interval, where that is known and not 0."""
    text = value_text(found.value, number)
    width = value_text(found.high - found.value, number)
    certain = width == NOTHING or float(width) == 0.0
    return text if certain else f"{text} ± {width}"


def _decimals(number: str) -> int:
    return 2 if number.endswith("_db") else 3


def level_text(kind: str, level: float) -> str:
    """A noise level, as in "PSNR 6 dB"."""
    return SHORT_LEVELS.get(kind, kind + " {:g}").format(level)


def budget_text(budget: tuple[str, float] | None) -> str:
    """A budget, as in "cpp 0.25"."""
    return f"{budget[0]} {budget[1]:g}" if budget else NOTHING


def own_budget(point: Point) -> tuple[str, float] | None:
    """A point's budget, whether it is the plan's or the scheme's."""
    if point.budget_kind is None or point.budget is None:
        return None
    return point.budget_kind, point.budget


def pictures_text(point: Point) -> str:
    """How many of a point's transmissions have a picture, with what is odd about them."""
    odd = {outcome: point.count(outcome) for outcome in ("partial", "impossible", "failed")}
    said = [f"{count} {outcome}" for outcome, count in odd.items() if count]
    return f"{point.pictures} of {len(point.rows)}" + (f" ({', '.join(said)})" if said else "")
