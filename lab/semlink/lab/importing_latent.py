"""Latent diffusion pipelines in the hub's layout become folders that the receiver loads.

A pipeline has a folder for each part: `vqvae` (a `VQModel`), `unet` (a `UNet2DModel`, which takes
the map as further channels), `scheduler`, and, for those of the code of latent diffusion, our
`rescaler` with the layer that brings the map to the latent.
"""

from __future__ import annotations

import json
from dataclasses import fields
from pathlib import Path
from typing import Any

from semlink.core.errors import CorruptData, InvalidInput, NotFound
from semlink.core.taxonomy import TAXONOMIES
from semlink.lab.importing import check_new, write_folder
from semlink.receiver.diffusion.weights import CONFIG, UNREADABLE
from semlink.receiver.latent.weights import (
    AUTOENCODER,
    KIND,
    SCHEDULER,
    SCHEDULER_CONFIG,
    UNET,
    LatentConfig,
    LatentModels,
    read_conditioning,
    save_latent,
)
from semlink.receiver.networks import check_classes

SIDE = 256  # of the training pictures, where the U-Net's config does not say


def import_latent(pipeline: Path, output: Path, config: Path | None = None) -> Path:
    """Writes a folder with configs, weights in bf16, self-check and card; all of it or nothing.

    Args:
        pipeline: folder with vqvae/, unet/ and scheduler/, weights in safetensors.
        output: the folder, which must not exist.
        config: a config.json of kind "latent-diffusion", for pipelines whose map has channels
            that say nothing of its classes.

    Raises:
        NotFound: there is no such folder, or it lacks a part.
        CorruptData: a part is damaged or something else, or the parts do not fit each other.
        InvalidInput: the folder cannot be written, or the classes are not known.
    """
    check_new(output)
    models = _read(pipeline)
    chosen = _guess(pipeline, models) if config is None else _read_config(config)
    check_classes(output.name, chosen.taxonomy, models.conditioning.map_channels)
    write_folder(
        output,
        lambda folder: save_latent(folder, chosen, models),
        _card(output.name, pipeline, models),
    )
    return output


def _read(pipeline: Path) -> LatentModels:
    from diffusers import UNet2DModel, VQModel

    for part in (AUTOENCODER, UNET, SCHEDULER):
        if not (pipeline / part).is_dir():
            raise NotFound(
                "there is no such part of a latent diffusion pipeline.",
                field="folder",
                value=pipeline / part,
                cure=f"Name a folder with {AUTOENCODER}/, {UNET}/ and {SCHEDULER}/.",
            )
    autoencoder = _part(pipeline / AUTOENCODER, VQModel)
    unet = _part(pipeline / UNET, UNet2DModel)
    try:
        scheduler = json.loads((pipeline / SCHEDULER / SCHEDULER_CONFIG).read_text())
        models = LatentModels(
            autoencoder=autoencoder,
            unet=unet,
            conditioning=read_conditioning(pipeline, unet, autoencoder),
            scheduler=scheduler,
        )
        models.check()
    except UNREADABLE as error:
        raise _corrupt(pipeline, f"its parts do not fit each other: {error}.") from error
    return models


def _part(folder: Path, kind: Any) -> Any:
    """A model of diffusers, whose names of older versions are understood."""
    try:
        named = json.loads((folder / CONFIG).read_text())["_class_name"]
        if named != kind.__name__:
            raise _corrupt(folder, f"it is a {named}, not a {kind.__name__}.")
        return kind.from_pretrained(
            folder, use_safetensors=True, local_files_only=True, low_cpu_mem_usage=False
        )
    except CorruptData:
        raise
    except Exception as error:  # whatever foreign files provoke
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise _corrupt(folder, f"diffusers cannot read it: {reason}") from error


def _corrupt(folder: Path, message: str) -> CorruptData:
    cure = "Name a folder that diffusers saved, with weights in safetensors."
    return CorruptData(message, field="folder", value=folder, cure=cure)


def _guess(pipeline: Path, models: LatentModels) -> LatentConfig:
    """Classes by the channels of the map, sizes by the U-Net's, the latents' scale as stated."""
    channels = models.conditioning.map_channels
    known = [
        name
        for name, taxonomy in TAXONOMIES.items()
        if channels == len(taxonomy.classes)
        or (channels == len(taxonomy.classes) - 1 == taxonomy.void)
    ]
    if len(known) != 1:
        raise InvalidInput(
            f"the map has {channels} channels, the classes of {' or '.join(known) or 'no one'}.",
            field="folder",
            value=pipeline,
            cure='Say which with --config: a file with "taxonomy", "height" and "width".',
        )
    sample = models.unet.config.sample_size or SIDE // models.factor
    height, width = (sample, sample) if isinstance(sample, int) else sample
    stated = json.loads((pipeline / AUTOENCODER / CONFIG).read_text())
    return LatentConfig(
        taxonomy=known[0],
        height=height * models.factor,
        width=width * models.factor,
        scaling_factor=float(stated.get("scaling_factor", 1.0)),
    )


def _read_config(path: Path) -> LatentConfig:
    try:
        values = json.loads(path.read_text())
        return LatentConfig(**{name: value for name, value in values.items() if name != "kind"})
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise InvalidInput(
            f"it does not describe a {KIND} network: {error}.",
            field="config",
            value=path,
            cure=f"Write {', '.join(field.name for field in fields(LatentConfig))}.",
        ) from error


def _card(name: str, pipeline: Path, models: LatentModels) -> str:
    parts = (models.autoencoder, models.unet, models.conditioning)
    parameters = sum(value.numel() for part in parts for value in part.parameters())
    return (
        f"# {name}\n\n"
        f"Imported from the pipeline `{pipeline.name}` for SGC (Bordin and Maugey, MMSP 2023):\n"
        f"{parameters / 1e6:.1f} M parameters, rounded to bf16.\n\n"
        "**Licence.** That of whoever published the pipeline.\n"
    )
