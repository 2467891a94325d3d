"""Every metric by its name: what it is, and what has to be there for it. Loads no library."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from importlib.util import find_spec

from semlink.core.errors import InvalidInput

Value = float | list[int] | list[float]
Row = dict[str, Value]
"""Columns of one transmission: numbers, counts of label pairs, features of a picture."""

DEPTH_MODEL = "depth-anything/Depth-Anything-V2-Small-hf"
CLIP_MODEL = "openai/clip-vit-large-patch14"


class Over(StrEnum):
    """How the values of many transmissions become one."""

    MEAN = "mean"  # of the pictures' values
    POOLED = "pooled"  # counts are added up first, as published mIoU are
    SET = "set"  # there is no value of one picture


class Better(StrEnum):
    """Which way is up."""

    HIGHER = "higher"
    LOWER = "lower"


@dataclass(frozen=True)
class Metric:
    """What one number is.

    Attributes:
        what: definition, in one line.
        unit: with range.
        better: higher or lower.
        over: how it is taken over many transmissions.
        columns: what it puts in a transmission's row, where that has a picture.
        packages: modules beyond semlink[lab] that it imports; `EXTRA` installs them.
        model: what is downloaded or loaded for it; empty for none.
    """

    what: str
    unit: str
    better: Better
    over: Over = Over.MEAN
    columns: tuple[str, ...] = ()
    packages: tuple[str, ...] = ()
    model: str = ""


EXTRA = "metrics-hub"
TORCHVISION = ("torchvision",)
FIDELITY = ("torch_fidelity", "torchvision")
INCEPTION = ("inception_features", "photo_inception_features")
SEGMENTER_FEATURES = ("segmenter_features", "photo_segmenter_features")
SHARE = "0 .. 1"
LPIPS_WEIGHTS = "AlexNet of torchvision; the weights over it come with torchmetrics"
DISTS_WEIGHTS = "VGG16 of torchvision; the weights over it come with torchmetrics"
INCEPTION_WEIGHTS = "InceptionV3 of torch-fidelity"
BACKBONE = "backbone of segmenter-camvid, shipped"
CHOSEN = "the segmenter chosen; segmenter-camvid is shipped"


def _miou(guess: str, truth: str, name: str, model: str = CHOSEN) -> Metric:
    what = f"mean intersection over union of {guess} with {truth}"
    columns = (f"{name}_miou", f"{name}_confusion")
    return Metric(what, SHARE, Better.HIGHER, Over.POOLED, columns, model=model)


def _accuracy(guess: str, truth: str, name: str, model: str = CHOSEN) -> Metric:
    what = f"share of pixels whose class in {guess} is that in {truth}"
    columns = (f"{name}_accuracy", f"{name}_confusion")
    return Metric(what, SHARE, Better.HIGHER, Over.POOLED, columns, model=model)


MAP_PAIRS: dict[str, tuple[str, str]] = {
    "sent": ("the reconstruction's map", "the map that was sent"),
    "photo": ("the reconstruction's map", "the photo's map by the same segmenter"),
    "truth": ("the reconstruction's map", "the labels of the data set"),
}
LINK_PAIRS: dict[str, tuple[str, str]] = {
    "received": ("the map as it arrived", "the map that was sent"),
    "denoised": ("the map after denoising", "the map that was sent"),
}

METRICS: dict[str, Metric] = {
    "psnr_db": Metric(
        "peak signal-to-noise ratio, peak 255, over all channels", "dB", Better.HIGHER
    ),
    "ssim": Metric(
        "structural similarity, Gaussian window of 11 pixels, mean of the channels",
        "-1 .. 1",
        Better.HIGHER,
    ),
    "ms_ssim": Metric(
        "structural similarity of five scales, for pictures of 176 pixels a side or more",
        SHARE,
        Better.HIGHER,
    ),
    "lpips": Metric(
        "learned perceptual distance (AlexNet)",
        "0 and up",
        Better.LOWER,
        packages=TORCHVISION,
        model=LPIPS_WEIGHTS,
    ),
    "dists": Metric(
        "deep structure and texture distance (VGG16)",
        "0 and up",
        Better.LOWER,
        packages=TORCHVISION,
        model=DISTS_WEIGHTS,
    ),
    "segmenter_feature_distance": Metric(
        "distance of unit-length features of the shipped segmenter", "0 .. 4", Better.LOWER
    ),
    **{f"{name}_miou": _miou(*pair, name) for name, pair in MAP_PAIRS.items()},
    **{f"{name}_accuracy": _accuracy(*pair, name) for name, pair in MAP_PAIRS.items()},
    **{f"{name}_miou": _miou(*pair, name, "") for name, pair in LINK_PAIRS.items()},
    **{f"{name}_accuracy": _accuracy(*pair, name, "") for name, pair in LINK_PAIRS.items()},
    "label_bce": Metric(
        "binary cross-entropy of the reconstruction's class probabilities with the photo's map",
        "nats per pixel, 0 and up",
        Better.LOWER,
        model=CHOSEN,
    ),
    "depth_error": Metric(
        "error of the reconstruction's depth map after the best scale and shift, relative to "
        "the spread of the photo's",
        SHARE,
        Better.LOWER,
        model=DEPTH_MODEL,
    ),
    "clip_alignment": Metric(
        "cosine of the CLIP embeddings of reconstruction and photo",
        "-1 .. 1",
        Better.HIGHER,
        model=CLIP_MODEL,
    ),
    "segmenter_frechet_distance": Metric(
        "Frechet distance of the shipped segmenter's features of both sets of pictures",
        "0 and up",
        Better.LOWER,
        Over.SET,
        SEGMENTER_FEATURES,
    ),
    "fid": Metric(
        "Frechet Inception distance",
        "0 and up",
        Better.LOWER,
        Over.SET,
        INCEPTION,
        FIDELITY,
        INCEPTION_WEIGHTS,
    ),
    "kid": Metric(
        "kernel Inception distance: unbiased squared MMD, all pictures at once",
        "around 0 and up",
        Better.LOWER,
        Over.SET,
        INCEPTION,
        FIDELITY,
        INCEPTION_WEIGHTS,
    ),
}


def columns_of(name: str) -> tuple[str, ...]:
    """Keys that a metric puts in a row."""
    return METRICS[name].columns or (name,)


def check_known(name: str) -> None:
    """Whether there is a metric of that name.

    Raises:
        InvalidInput: there is none; the message lists those there are.
    """
    if name not in METRICS:
        raise InvalidInput(
            "there is no such metric.",
            field="metrics",
            value=name[:80],
            cure=f"Use some of {', '.join(METRICS)}.",
        )


def check_names(names: Iterable[str]) -> tuple[str, ...]:
    """The names without repetition, in order.

    Raises:
        InvalidInput: there is no metric of that name, or a package that it needs is missing.
    """
    chosen = tuple(dict.fromkeys(names))
    for name in chosen:
        check_known(name)
        _check_packages(name)
    return chosen


def _check_packages(name: str) -> None:
    missing = [package for package in METRICS[name].packages if find_spec(package) is None]
    if missing:
        raise InvalidInput(
            f"this metric needs {' and '.join(missing)}, not installed.".replace("_", "-"),
            field="metrics",
            value=name,
            cure=f"Run pip install 'semlink[{EXTRA}]', or choose metrics that need no download.",
        )
