"""`semlink train sqgan`: from options to what is trained."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from semlink.core.errors import InvalidInput
from semlink.core.pictures import Size
from semlink.core.sqgan.config import SMALL, SqganConfig
from semlink.core.sqgan.weights import UNREADABLE, SqganFolder, load_sqgan, read_folder
from semlink.core.taxonomy import TAXONOMIES
from semlink.lab.training.commands import Say, run_training
from semlink.lab.training.data import open_sources, training_size
from semlink.lab.training.diffusion_command import STORED, Maps, perceptual_distance
from semlink.lab.training.sqgan import SqganObjective, Stage
from semlink.lab.training.sqgan_options import SqganOptions
from semlink.receiver.sqgan.network import SqganDecoder
from semlink.transmitter.sqgan.network import SqganEncoder
from semlink.zoo import find

NETWORKS: dict[str, SqganConfig] = {"small": SMALL, "published": SqganConfig()}
EMA, CLIP = 0.999, 1.0


def train_sqgan(options: SqganOptions) -> None:
    """Train one stage.

    Raises:
        SemlinkError: an option, the data or the run's folder is at fault.
    """
    stage = stage_of(options.stage)
    run_training(
        "sqgan",
        options,
        lambda device, say: build(stage, options, device, say),
        ema=EMA,
        clip=CLIP,
    )


def stage_of(name: str) -> Stage:
    """The stage of that name.

    Raises:
        InvalidInput: there is none.
    """
    if name not in set(Stage):
        raise InvalidInput(
            "there is no such stage.",
            field="stage",
            value=name,
            cure=f"Use one of {', '.join(Stage)}.",
        )
    return Stage(name)


def build(stage: Stage, options: SqganOptions, device: torch.device, say: Say) -> SqganObjective:
    """What is trained, as the options say."""
    sources = open_sources(options.layout, options.data, tuple(options.splits.split(",")))
    maps = Maps(sources, options.segmenter, device)
    classes = len(TAXONOMIES[maps.taxonomy].classes)
    shape = replace(_shape(options.network), map_channels=classes)
    size = training_size(
        sources.train,
        short_side=options.size,
        height=options.height,
        width=options.width,
        multiple=shape.multiple,
    )
    config = _config(shape, maps.taxonomy, size)
    packed = maps.pack(
        sources.train,
        Size(round(STORED * size.height), round(STORED * size.width)),
        even_light=False,
    )
    say(f"{len(packed.photos)} pictures, trained at {size}, classes of {maps.taxonomy}")
    return SqganObjective(
        stage,
        config,
        packed,
        maps.pack_some(sources.held_out, size, even_light=False),
        lr=options.lr,
        weights=_weights(options.start, config),
        distance=perceptual_distance(options.backbone) if options.backbone else None,
        adversarial_after=options.adversarial_after,
        discriminator_width=options.discriminator,
        device=device,
        seed=options.seed,
    )


def _config(shape: SqganConfig, taxonomy: str, size: Size) -> SqganFolder:
    try:
        return SqganFolder(network=shape, taxonomy=taxonomy, height=size.height, width=size.width)
    except ValueError as error:
        raise InvalidInput(
            f"SQ-GAN wants a void class that is the last: {error}.",
            field="layout",
            value=taxonomy,
            cure="Choose another layout or segmenter.",
        ) from error


def _shape(name: str) -> SqganConfig:
    if name in NETWORKS:
        return NETWORKS[name]
    try:
        return read_folder(json.loads(Path(name).read_text())).network
    except UNREADABLE as error:
        raise InvalidInput(
            "there is no such shape, and no config.json of an SQ-GAN.",
            field="network",
            value=name,
            cure=f"Use {' or '.join(NETWORKS)}, or a file like those of the shipped networks.",
        ) from error


def _weights(name: str | None, config: SqganFolder) -> dict[str, Tensor] | None:
    if name is None:
        return None
    folder = find(name)
    cpu = torch.device("cpu")
    sender, found = load_sqgan(folder, SqganEncoder, cpu, torch.float32)
    receiver, _ = load_sqgan(folder, SqganDecoder, cpu, torch.float32)
    if found.network != config.network or found.taxonomy != config.taxonomy:
        raise InvalidInput(
            f"it has another shape, or other classes than those of {config.taxonomy}.",
            field="start",
            value=name,
            cure="Choose --network as it was, or start from another network.",
        )
    return sender.state_dict() | receiver.state_dict()
