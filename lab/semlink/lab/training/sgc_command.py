"""`semlink train sgc`: from options to what is trained."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from safetensors import SafetensorError

from semlink.core.eight_bit import read_weights
from semlink.core.errors import InvalidInput
from semlink.core.pictures import Size
from semlink.core.taxonomy import TAXONOMIES
from semlink.lab.training.commands import Say, run_training
from semlink.lab.training.data import open_sources, some, training_size
from semlink.lab.training.diffusion_command import STORED, Maps, perceptual_distance
from semlink.lab.training.objective import Objective
from semlink.lab.training.options import SgcOptions, Stage
from semlink.lab.training.pictures import pack_pictures
from semlink.lab.training.sgc_autoencoder import AutoencoderObjective
from semlink.lab.training.sgc_latent import LatentObjective
from semlink.receiver.diffusion.weights import UNREADABLE, WEIGHTS
from semlink.receiver.latent.weights import AUTOENCODER, UNET, load_part
from semlink.zoo import find

EMA, CLIP = 0.9995, 1.0
MULTIPLE = 32  # of which the sides of pictures are; as the transmitter has them


def train_sgc(options: SgcOptions) -> None:
    """Train one of the two parts of SGC's network.

    Raises:
        SemlinkError: an option, the data or the run's folder is at fault.
    """
    build = BUILDERS[options.stage]
    run_training(
        "sgc", options, lambda device, say: build(options, device, say), ema=EMA, clip=CLIP
    )


def build_autoencoder(options: SgcOptions, device: torch.device, say: Say) -> AutoencoderObjective:
    """The first stage, for which label maps are not needed."""
    sources = open_sources(options.layout, options.data, tuple(options.splits.split(",")))
    size = training_size(
        sources.train,
        short_side=options.size,
        height=options.height,
        width=options.width,
        multiple=MULTIPLE,
    )
    packed = pack_pictures(sources.train, _stored(size), even_light=False)
    say(f"{len(packed.photos)} pictures, trained at {size}")
    return AutoencoderObjective(
        packed,
        pack_pictures(some(sources.held_out), size, even_light=False),
        size,
        lr=options.lr,
        weights=_weights(options.start, AUTOENCODER),
        distance=perceptual_distance(options.backbone) if options.backbone else None,
        device=device,
        seed=options.seed,
    )


def build_latent(options: SgcOptions, device: torch.device, say: Say) -> LatentObjective:
    """The second stage, in the latents of a first."""
    autoencoder = _autoencoder(options.start)
    sources = open_sources(options.layout, options.data, tuple(options.splits.split(",")))
    maps = Maps(sources, options.segmenter, device)
    size = training_size(
        sources.train,
        short_side=options.size,
        height=options.height,
        width=options.width,
        multiple=MULTIPLE,
    )
    packed = maps.pack(sources.train, _stored(size), even_light=False)
    say(f"{len(packed.photos)} pictures, trained at {size}, classes of {maps.taxonomy}")
    return LatentObjective(
        autoencoder,
        maps.taxonomy,
        packed,
        maps.pack_some(sources.held_out, size, even_light=False),
        size,
        classes=len(TAXONOMIES[maps.taxonomy].classes),
        lr=options.lr,
        weights=_weights(options.start, UNET),
        distance=perceptual_distance(options.backbone) if options.backbone else None,
        device=device,
        seed=options.seed,
    )


def _autoencoder(name: str | None) -> torch.nn.Module:
    """The autoencoder of a run of the first stage, or of a whole network."""
    from diffusers import VQModel

    try:
        if name is None:
            raise ValueError("nothing is named")
        model: torch.nn.Module = load_part(find(name) / AUTOENCODER, VQModel)
    except (*UNREADABLE, SafetensorError) as error:
        raise InvalidInput(
            f"the second stage needs the autoencoder of a first: {error}.",
            field="start",
            value=name or "",
            cure="Name the folder model in the run of --stage autoencoder.",
        ) from error
    return model


def _weights(start: str | None, part: str) -> dict[str, torch.Tensor] | None:
    """Of a part of the network to start from; None where it has no such part.

    Raises:
        NotFound: there is no such network.
    """
    file = find(start) / part / WEIGHTS if start else None
    return read_weights(file) if file and file.is_file() else None


BUILDERS: dict[Stage, Callable[[SgcOptions, torch.device, Say], Objective[Any]]] = {
    Stage.AUTOENCODER: build_autoencoder,
    Stage.LATENT: build_latent,
}


def _stored(size: Size) -> Size:
    return Size(round(STORED * size.height), round(STORED * size.width))
