"""`semlink train segmenter`: from options to what is trained."""

from __future__ import annotations

import torch
from torch import Tensor

from semlink.core.errors import InvalidInput
from semlink.core.pictures import LabelMap, Rgb, Size, resize, working_size
from semlink.core.taxonomy import TAXONOMIES, Taxonomy
from semlink.lab.data import LabelledPictures
from semlink.lab.training.commands import Say, run_training
from semlink.lab.training.data import open_sources, some, training_size, usual_size
from semlink.lab.training.options import SegmenterOptions
from semlink.lab.training.pictures import nearest, pack_pictures
from semlink.lab.training.segmenter import SegmenterObjective
from semlink.lab.training.segmenter_start import (
    Start,
    new_segmenter,
    start_from_backbone,
    start_from_segmenter,
)
from semlink.zoo import find

EMA, CLIP = 0.995, 5.0
STORED = 1.25  # short side of the photos in memory over that of the photos in use
CROP = 2 / 3  # short side of a crop over that of the photos in use
MULTIPLE = 16


def train_segmenter(options: SegmenterOptions) -> None:
    """Train a segmenter for the classes of a data set.

    Raises:
        SemlinkError: an option, the data or the run's folder is at fault.
    """
    run_training(
        "segmenter", options, lambda device, say: build(options, device, say), ema=EMA, clip=CLIP
    )


def build(options: SegmenterOptions, device: torch.device, say: Say) -> SegmenterObjective:
    """What is trained, as the options say."""
    sources = open_sources(options.layout, options.data, tuple(options.splits.split(",")))
    train, held_out = sources.train, sources.held_out
    if not isinstance(train, LabelledPictures) or not isinstance(held_out, LabelledPictures):
        raise InvalidInput(
            "a segmenter learns from label maps, and these photos have none.",
            field="layout",
            value=options.layout,
            cure="Use the layout of a data set that has them.",
        )
    taxonomy = TAXONOMIES[sources.taxonomy]
    crop = training_size(
        train,
        short_side=round(CROP * options.size),
        height=options.height,
        width=options.width,
        multiple=MULTIPLE,
    )
    shown = working_size(usual_size(held_out), options.size, MULTIPLE)
    say(f"{len(train)} pictures, crops of {crop}, {len(taxonomy.classes) - 1} classes and void")
    return SegmenterObjective(
        start_of(options, taxonomy),
        taxonomy,
        [_stored(*train[index], round(STORED * options.size)) for index in range(len(train))],
        pack_pictures(some(held_out), shown, even_light=False),
        crop=crop,
        short_side=options.size,
        lr=options.lr,
        device=device,
    )


def start_of(options: SegmenterOptions, taxonomy: Taxonomy) -> Start:
    """What the options say to start from.

    Raises:
        InvalidInput: two things.
    """
    if options.start and options.backbone:
        raise InvalidInput(
            "a segmenter brings its own backbone.",
            field="backbone",
            value=options.backbone,
            cure="Give --start or --backbone.",
        )
    if options.start:
        return start_from_segmenter(find(options.start), taxonomy, seed=options.seed)
    if options.backbone:
        return start_from_backbone(options.backbone, taxonomy, seed=options.seed)
    return new_segmenter(taxonomy, seed=options.seed)


def _stored(photo: Rgb, labels: LabelMap, short_side: int) -> tuple[Tensor, Tensor]:
    """A pair as it is kept: larger than it will be in use, but not much."""
    size = Size(*labels.shape)
    if min(size) > short_side:
        size = working_size(size, short_side, 1)
        photo, labels = resize(photo, size), nearest(labels, size)
    return torch.from_numpy(photo.copy()).permute(2, 0, 1), torch.from_numpy(labels.copy())
