"""Which metric does what with a transmission."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch

from semlink.core.pictures import LabelMap, Size
from semlink.lab.confusion import mean_iou, pixel_accuracy
from semlink.lab.metrics.maps import confusion, flat, in_classes_of, label_bce
from semlink.lab.metrics.pictures import depth_error, ms_ssim, ssim
from semlink.lab.metrics.table import LINK_PAIRS, MAP_PAIRS, Row
from semlink.lab.metrics.views import View
from semlink.lab.result import Result, picture_psnr_db


@dataclass(frozen=True)
class Comparison:
    """One transmission, ready to be measured.

    Attributes:
        result: of it.
        truth: labels of the photo in the segmenter's classes; None where there are none.
        picture: the working picture that came out; None where none did.
        photo: the photo at the working size.
    """

    result: Result
    truth: LabelMap | None
    picture: View | None
    photo: View


class MapPair(NamedTuple):
    """Two maps of one size and their classes."""

    truth: LabelMap
    guess: LabelMap
    taxonomy: str


def _sent(case: Comparison) -> MapPair | None:
    sent, picture = case.result.encoded.sent_map, case.picture
    if sent is None or picture is None:
        return None
    taxonomy = case.photo.networks.taxonomy
    wanted = in_classes_of(sent, case.result.encoded.taxonomy, taxonomy)
    return MapPair(wanted, picture.labels(Size(*sent.shape)), taxonomy)


def _photo(case: Comparison) -> MapPair | None:
    if case.picture is None:
        return None
    size = Size(*case.photo.picture.shape[:2])
    return MapPair(
        case.photo.labels(size), case.picture.labels(size), case.photo.networks.taxonomy
    )


def _truth(case: Comparison) -> MapPair | None:
    if case.picture is None or case.truth is None:
        return None
    guess = case.picture.labels(Size(*case.truth.shape))
    return MapPair(case.truth, guess, case.photo.networks.taxonomy)


def _received(case: Comparison) -> MapPair | None:
    sent, arrived = case.result.encoded, case.result.denoised
    if sent.sent_map is None or arrived is None:
        return None
    return MapPair(sent.sent_map, arrived.received_map, sent.taxonomy)


def _denoised(case: Comparison) -> MapPair | None:
    sent, arrived = case.result.encoded, case.result.denoised
    if sent.sent_map is None or arrived is None:
        return None
    return MapPair(sent.sent_map, arrived.denoised_map, sent.taxonomy)


PAIRS: dict[str, Callable[[Comparison], MapPair | None]] = {
    "sent": _sent,
    "photo": _photo,
    "truth": _truth,
    "received": _received,
    "denoised": _denoised,
}


def _of_maps(name: str, score: str) -> Callable[[Comparison], Row]:
    scores = {"miou": mean_iou, "accuracy": pixel_accuracy}

    def row(case: Comparison) -> Row:
        pair = PAIRS[name](case)
        if pair is None:
            return {}
        counts = confusion(*pair)
        if not counts.any():  # all of it is void
            return {}
        return {f"{name}_{score}": scores[score](counts), f"{name}_confusion": flat(counts)}

    return row


def _feature_distance(ours: View, photo: View) -> float:
    ends = (view.pixels / 127.5 - 1 for view in (ours, photo))
    return float(ours.networks.features(*ends))


def _label_bce(ours: View, photo: View) -> float:
    size = Size(*photo.picture.shape[:2])
    logits = ours.logits(size)
    labels = torch.from_numpy(photo.labels(size)).long()
    return label_bce(logits, labels.to(logits.device))


def _depth_error(ours: View, photo: View) -> float:
    return depth_error(ours.depth, photo.depth)


def _clip_alignment(ours: View, photo: View) -> float:
    return float(ours.clip_embedding @ photo.clip_embedding)


@torch.inference_mode()
def _lpips(ours: View, photo: View) -> float:
    metric: Any = ours.networks.lpips
    value = float(metric(ours.pixels / 255, photo.pixels / 255))
    metric.reset()  # else it goes on adding up what it saw
    return value


@torch.inference_mode()
def _dists(ours: View, photo: View) -> float:
    return float(ours.networks.dists(ours.pixels / 255, photo.pixels / 255))


NUMBERS: dict[str, Callable[[View, View], float]] = {
    "psnr_db": lambda ours, photo: picture_psnr_db(ours.picture, photo.picture),
    "ssim": lambda ours, photo: ssim(ours.pixels, photo.pixels),
    "ms_ssim": lambda ours, photo: ms_ssim(ours.pixels, photo.pixels),
    "lpips": _lpips,
    "dists": _dists,
    "segmenter_feature_distance": _feature_distance,
    "label_bce": _label_bce,
    "depth_error": _depth_error,
    "clip_alignment": _clip_alignment,
}


def _number(name: str) -> Callable[[Comparison], Row]:
    return lambda case: (
        {} if case.picture is None else {name: NUMBERS[name](case.picture, case.photo)}
    )


def _segmenter_features(case: Comparison) -> Row:
    if case.picture is None:
        return {}
    return {
        "segmenter_features": case.picture.segmenter_features,
        "photo_segmenter_features": case.photo.segmenter_features,
    }


def _inception_features(case: Comparison) -> Row:
    if case.picture is None:
        return {}
    return {
        "inception_features": case.picture.inception_features,
        "photo_inception_features": case.photo.inception_features,
    }


MEASURES: dict[str, Callable[[Comparison], Row]] = {
    **{name: _number(name) for name in NUMBERS},
    **{f"{name}_miou": _of_maps(name, "miou") for name in MAP_PAIRS | LINK_PAIRS},
    **{f"{name}_accuracy": _of_maps(name, "accuracy") for name in MAP_PAIRS | LINK_PAIRS},
    "segmenter_frechet_distance": _segmenter_features,
    "fid": _inception_features,
    "kid": _inception_features,
}
"""By the names of `METRICS`: the columns that each puts in a row."""

NETWORKS: dict[str, str] = {
    "lpips": "lpips",
    "dists": "dists",
    "segmenter_feature_distance": "features",
    "segmenter_frechet_distance": "features",
    **{f"{name}_miou": "segmenter" for name in MAP_PAIRS},
    **{f"{name}_accuracy": "segmenter" for name in MAP_PAIRS},
    "label_bce": "segmenter",
    "depth_error": "depth",
    "clip_alignment": "clip",
    "fid": "inception",
    "kid": "inception",
}
"""By the names of those that look through one: the attribute of `Networks`."""
