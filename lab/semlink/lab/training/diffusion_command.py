"""`semlink train gesco` and `semlink train spic`: from options to what is trained."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from semlink.core.errors import InvalidInput
from semlink.core.pictures import Size
from semlink.core.taxonomy import TAXONOMIES
from semlink.lab.data import Pictures
from semlink.lab.feature_distance import FeatureDistance
from semlink.lab.training import gesco, spic
from semlink.lab.training.backbone import MEAN, STD, published_backbone
from semlink.lab.training.commands import Say, run_training
from semlink.lab.training.data import Sources, open_sources, some, training_size
from semlink.lab.training.diffusion import PREDICTION, SCHEDULE, DiffusionObjective, Recipe
from semlink.lab.training.networks import network_shape, weights_to_start_from
from semlink.lab.training.options import DiffusionOptions
from semlink.lab.training.pictures import (
    PackedPictures,
    found_labels,
    pack_pictures,
    with_labels,
)
from semlink.receiver.diffusion.unet import UNetConfig
from semlink.receiver.diffusion.weights import DiffusionConfig
from semlink.transmitter.segmentation import Segmenter
from semlink.transmitter.transmitter import taxonomy_of
from semlink.zoo import find

RECIPES: dict[str, Recipe] = {"gesco": gesco.RECIPE, "spic": spic.RECIPE}
EMA, CLIP = 0.9995, 1.0
STORED = 1.5  # sides of the pictures in memory over those of the views of them


def train_diffusion(scheme: str, options: DiffusionOptions) -> None:
    """Train a scheme's diffusion network.

    Raises:
        SemlinkError: an option, the data or the run's folder is at fault.
    """
    recipe = RECIPES[scheme]
    run_training(
        scheme,
        options,
        lambda device, say: build(recipe, options, device, say),
        ema=EMA,
        clip=CLIP,
    )


def build(
    recipe: Recipe, options: DiffusionOptions, device: torch.device, say: Say
) -> DiffusionObjective:
    """What is trained, as the options say."""
    sources = open_sources(options.layout, options.data, tuple(options.splits.split(",")))
    maps = Maps(sources, options.segmenter, device)
    shape = network_shape(
        options.network,
        map_channels=len(TAXONOMIES[maps.taxonomy].classes),
        low_res_channels=recipe.low_res_channels,
    )
    size = training_size(
        sources.train,
        short_side=options.size,
        height=options.height,
        width=options.width,
        multiple=shape.multiple,
    )
    stored = Size(round(STORED * size.height), round(STORED * size.width))
    packed = maps.pack(sources.train, stored, even_light=recipe.even_light)
    say(f"{len(packed.photos)} pictures, trained at {size}, classes of {maps.taxonomy}")
    return DiffusionObjective(
        recipe,
        _config(recipe, shape, maps.taxonomy, size),
        packed,
        maps.pack_some(sources.held_out, size, even_light=recipe.even_light),
        lr=options.lr,
        weights=_start(options.start, shape, say),
        distance=perceptual_distance(options.backbone) if options.backbone else None,
        device=device,
        seed=options.seed,
        compiled=options.compile,
    )


class Maps:
    """Where label maps come from: the data set, a segmenter, or both.

    Args:
        sources: with label maps or without.
        segmenter: name or folder, or None.
        device: where it works.

    Raises:
        InvalidInput: there are neither, or the segmenter's classes are no data set's.
        NotFound: there is no such segmenter.
    """

    def __init__(self, sources: Sources, segmenter: str | None, device: torch.device):
        if not sources.taxonomy and segmenter is None:
            raise InvalidInput(
                "these photos have no label maps.",
                field="layout",
                value="folder",
                cure="Name a segmenter that finds them with --segmenter, or another layout.",
            )
        self._labelled = bool(sources.taxonomy)
        self._segmenter, self._finds = None, sources.taxonomy
        if segmenter is not None:
            self._segmenter = Segmenter.load(find(segmenter), device=device)
            self._finds, _ = taxonomy_of(segmenter, self._segmenter.classes)
        self.taxonomy = sources.taxonomy or self._finds
        if self._finds not in TAXONOMIES:
            raise InvalidInput(
                "its classes are those of no known data set.",
                field="segmenter",
                value=segmenter,
                cure=f"Choose one that names the classes of {', '.join(TAXONOMIES)}.",
            )

    def pack(self, data: Pictures, size: Size, *, even_light: bool) -> PackedPictures:
        """All pictures, twice where there are label maps and a segmenter as well."""
        void = TAXONOMIES[self.taxonomy].void or 0
        packed = pack_pictures(data, size, even_light=even_light, void=void)
        if self._segmenter is None:
            return packed
        found = found_labels(packed, self._segmenter, self._finds, self.taxonomy)
        return (
            with_labels(packed, found) if self._labelled else PackedPictures(packed.photos, found)
        )

    def pack_some(self, data: Pictures, size: Size, *, even_light: bool) -> PackedPictures:
        """A few of the pictures, once each."""
        few = some(data)
        packed = self.pack(few, size, even_light=even_light)
        return PackedPictures(packed.photos[: len(few)], packed.labels[: len(few)])


def _config(recipe: Recipe, shape: UNetConfig, taxonomy: str, size: Size) -> DiffusionConfig:
    return DiffusionConfig(
        network=shape,
        schedule=SCHEDULE,
        prediction=PREDICTION,
        taxonomy=taxonomy,
        height=size.height,
        width=size.width,
        guidance=recipe.guidance,
    )


def _start(name: str | None, shape: UNetConfig, say: Say) -> dict[str, Tensor] | None:
    if name is None:
        return None
    weights, anew = weights_to_start_from(find(name), shape)
    if anew:
        say(f"{len(anew)} tensors of {name} do not fit these inputs and begin anew")
    return weights


def perceptual_distance(weights: Path) -> FeatureDistance:
    """Distance in the features of SqueezeNet as published."""
    return FeatureDistance(published_backbone(weights), MEAN, STD)
