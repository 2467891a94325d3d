"""What is left of a photo's meaning in a reconstruction, in the eyes of one segmenter."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from semlink.core.pictures import LabelMap, Rgb, Size, resize, working_size
from semlink.core.settings import MULTIPLE
from semlink.lab.confusion import Confusion, count_pairs, mean_iou, no_pairs, pixel_accuracy
from semlink.lab.feature_distance import FeatureDistance
from semlink.lab.result import picture_psnr_db
from semlink.transmitter.segmentation import Segmenter


@dataclass(frozen=True, eq=False)
class View:
    """A photo and what every reconstruction of it is held against.

    Attributes:
        photo: as its file stores it.
        picture: the photo at the working size.
        found: the classes that the segmenter finds in the photo, at the working size.
        truth: the classes that people marked, at the working size by nearest neighbour.
    """

    photo: Rgb
    picture: Rgb
    found: LabelMap
    truth: LabelMap


@dataclass(frozen=True, eq=False)
class Verdict:
    """One reconstruction.

    Attributes:
        found: its pixels' classes against those that were found in the photo.
        truth: the same against those that people marked.
        psnr_db: against the photo at the working size; inf for no difference.
        distance: segmenter feature distance to the same, 0 .. 4; not LPIPS.
    """

    found: Confusion
    truth: Confusion
    psnr_db: float
    distance: float


@dataclass(frozen=True)
class Fidelity:
    """Many reconstructions together.

    Attributes:
        miou: mean over the classes of intersection over union, pixels of all photos pooled,
            against the classes that were found in the photos, 0 .. 1.
        accuracy: share of the pixels with the class that was found in the photos, 0 .. 1.
        truth_miou: as `miou`, against the classes that people marked.
        psnr_db: mean over the photos.
        distance: segmenter feature distance, mean over the photos.
    """

    miou: float
    accuracy: float
    truth_miou: float
    psnr_db: float
    distance: float


def pooled(verdicts: Sequence[Verdict]) -> Fidelity:
    """The verdicts on one or more photos together; pixels count alike, whatever photo they are of.

    Void, in either of the maps that a reconstruction is held against, never counts.
    """
    found = sum((one.found for one in verdicts), no_pairs())
    truth = sum((one.truth for one in verdicts), no_pairs())
    return Fidelity(
        mean_iou(found),
        pixel_accuracy(found),
        mean_iou(truth),
        fmean(one.psnr_db for one in verdicts),
        fmean(one.distance for one in verdicts),
    )


class Judge:
    """Looks at reconstructions with a segmenter of CamVid's classes.

    Args:
        segmenter: stands on a backbone that answers feature maps, as the shipped one does.
    """

    def __init__(self, segmenter: Segmenter):
        model: Any = segmenter.model  # transformers' models have no common type for a backbone
        normal = segmenter.preprocessing
        red, green, blue = normal.mean
        self._segmenter = segmenter
        self._distance = FeatureDistance(model.backbone, (red, green, blue), normal.std[0])
        self._device = next(segmenter.model.parameters()).device

    def view(self, photo: Rgb, labels: LabelMap, short_side: int) -> View:
        """A photo with its marked classes, made ready for judging.

        Args:
            photo: of any size.
            labels: marked by people.
            short_side: of the working picture, in pixels.
        """
        working = working_size(Size(*photo.shape[:2]), short_side, MULTIPLE)
        found = self._segmenter.label_map(photo, working)
        return View(photo, resize(photo, working), found, _nearest(labels, working))

    @torch.inference_mode()
    def verdict(self, view: View, picture: Rgb) -> Verdict:
        """A reconstruction of the working picture, as large as it."""
        named = self._segmenter.label_map(picture, Size(*picture.shape[:2]))
        distance = self._distance(self._tensor(picture), self._tensor(view.picture))
        return Verdict(
            count_pairs(view.found, named),
            count_pairs(view.truth, named),
            picture_psnr_db(picture, view.picture),
            float(distance),
        )

    def _tensor(self, picture: Rgb) -> Tensor:
        """A batch of one in -1..1."""
        pixels = torch.from_numpy(picture.copy()).to(self._device)
        return pixels.permute(2, 0, 1)[None].float() / 127.5 - 1


def _nearest(labels: LabelMap, size: Size) -> LabelMap:
    image = Image.fromarray(labels)
    return np.asarray(image.resize((size.width, size.height), Image.Resampling.NEAREST))
