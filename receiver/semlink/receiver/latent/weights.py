"""Latent diffusion networks on disk.

A folder has our config.json and, each with its own config as diffusers writes it, `vqvae`
(a `VQModel`), `unet` (a `UNet2DModel`), `scheduler`, and where the map is rescaled `rescaler`.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import save_file
from torch import nn

from semlink.core.eight_bit import read_weights
from semlink.core.errors import CorruptData
from semlink.receiver.diffusion.samplers import Process
from semlink.receiver.diffusion.weights import CONFIG, UNREADABLE
from semlink.receiver.latent.conditioning import Conditioning, OneHot, Rescaler
from semlink.receiver.latent.scheduling import process_of

KIND = "latent-diffusion"
AUTOENCODER, UNET, SCHEDULER, RESCALER = "vqvae", "unet", "scheduler", "rescaler"
WEIGHTS = "diffusion_pytorch_model.safetensors"
SCHEDULER_CONFIG = "scheduler_config.json"


@dataclass(frozen=True, kw_only=True)
class LatentConfig:
    """What config.json says.

    Attributes:
        taxonomy: classes of the maps, a key of `core.taxonomy.TAXONOMIES`.
        height: of the training pictures, in pixels.
        width: of the training pictures, in pixels.
        guidance: scale that looked best.
        scaling_factor: what latents are multiplied by before they are noised.
    """

    taxonomy: str
    height: int
    width: int
    guidance: float = 2.0
    scaling_factor: float = 1.0


@dataclass(frozen=True, eq=False, kw_only=True)
class LatentModels:
    """The parts of a latent diffusion network.

    Attributes:
        autoencoder: diffusers' `VQModel`.
        unet: diffusers' `UNet2DModel`.
        conditioning: how the map becomes channels of the U-Net's input.
        scheduler: config of one of diffusers' schedulers.
    """

    autoencoder: Any
    unet: Any
    conditioning: Conditioning
    scheduler: dict[str, Any]

    @property
    def process(self) -> Process:
        """What the samplers must know."""
        return process_of(self.scheduler)

    @property
    def latent_channels(self) -> int:
        """Of what is noised."""
        config = self.autoencoder.config
        return int(config.vq_embed_dim or config.latent_channels)

    @property
    def factor(self) -> int:
        """Sides of a picture over those of its latent."""
        return int(2 ** (len(self.autoencoder.config.block_out_channels) - 1))

    @property
    def multiple(self) -> int:
        """What the sides of a picture must be multiples of."""
        return int(self.factor * 2 ** (len(self.unet.config.block_out_channels) - 1))

    def check(self) -> None:
        """Whether the parts fit each other.

        Raises:
            ValueError: they do not.
        """
        latent, given = self.latent_channels, self.conditioning.channels
        wanted = self.unet.config.in_channels, self.unet.config.out_channels
        if wanted != (latent + given, latent):
            raise ValueError(
                f"latent and map have {latent} and {given} channels; the U-Net takes "
                f"{wanted[0]} and answers with {wanted[1]}"
            )
        told = self.conditioning
        if isinstance(told, Rescaler) and 2**told.halvings != self.factor:
            raise ValueError("the rescaler does not bring the map to the latent's size")
        _ = self.process


def save_latent(folder: Path, config: LatentConfig, models: LatentModels) -> None:
    """Write all parts, weights in bf16, with their configs."""
    folder.mkdir(parents=True, exist_ok=True)
    write_json(folder / CONFIG, {"kind": KIND, **asdict(config)})
    save_part(folder / AUTOENCODER, public_config(models.autoencoder), models.autoencoder)
    save_part(folder / UNET, public_config(models.unet), models.unet)
    (folder / SCHEDULER).mkdir(exist_ok=True)
    write_json(folder / SCHEDULER / SCHEDULER_CONFIG, models.scheduler)
    if isinstance(rescaler := models.conditioning, Rescaler):
        names = ("map_channels", "channels", "halvings")
        shape = {name: getattr(rescaler, name) for name in names}
        save_part(folder / RESCALER, shape, rescaler)


def load_latent(folder: Path) -> tuple[LatentModels, LatentConfig]:
    """All parts in float32 on the processor, and the config.

    Raises:
        CorruptData: a file is damaged, or the parts do not fit each other.
    """
    from diffusers import UNet2DModel, VQModel

    try:
        config = _config(json.loads((folder / CONFIG).read_text()))
        unet = load_part(folder / UNET, UNet2DModel)
        autoencoder = load_part(folder / AUTOENCODER, VQModel)
        models = LatentModels(
            autoencoder=autoencoder,
            unet=unet,
            conditioning=read_conditioning(folder, unet, autoencoder),
            scheduler=json.loads((folder / SCHEDULER / SCHEDULER_CONFIG).read_text()),
        )
        models.check()
    except (*UNREADABLE, SafetensorError) as error:
        raise CorruptData(
            f"this is not a latent diffusion network that can be read: {error}",
            field="network",
            value=folder.name,
            cure="Install the program again, or export the network again.",
        ) from error
    return models, config


def _config(values: dict[str, Any]) -> LatentConfig:
    if (kind := values.pop("kind")) != KIND:
        raise ValueError(f"its kind is {kind!r}, not {KIND!r}")
    return LatentConfig(**values)


def read_conditioning(folder: Path, unet: Any, autoencoder: Any) -> Conditioning:
    """The rescaler of a folder, or where there is none, the one-hot map as the U-Net takes it."""
    if (folder / RESCALER).is_dir():
        shape = json.loads((folder / RESCALER / CONFIG).read_text())
        rescaler: Rescaler = _filled(Rescaler(**shape), folder / RESCALER)
        return rescaler
    latent = autoencoder.config.vq_embed_dim or autoencoder.config.latent_channels
    return OneHot(unet.config.in_channels - latent)


def load_part(folder: Path, kind: Any) -> Any:
    """One of diffusers' models, by its own config; only the weights' numbers are read."""
    with torch.device("meta"):
        model = kind.from_config(json.loads((folder / CONFIG).read_text()))
    return _filled(model, folder)


def _filled(model: nn.Module, folder: Path) -> Any:
    state = {name: value.float() for name, value in read_weights(folder / WEIGHTS).items()}
    model.load_state_dict(state, assign=True)
    return model.eval().requires_grad_(False)


def save_part(folder: Path, config: dict[str, Any], model: nn.Module) -> None:
    """Write one part with its config."""
    folder.mkdir(exist_ok=True)
    write_json(folder / CONFIG, config)
    half = {k: v.to(torch.bfloat16).contiguous() for k, v in model.state_dict().items()}
    save_file(half, folder / WEIGHTS)


def public_config(model: Any) -> dict[str, Any]:
    """A model's config as a fresh `save_pretrained` writes it, without where it came from."""
    kept = {name: value for name, value in model.config.items() if not name.startswith("_")}
    return {"_class_name": type(model).__name__, **kept}


def write_json(path: Path, values: dict[str, Any]) -> None:
    """Write a config."""
    path.write_text(json.dumps(values, indent=2) + "\n")
