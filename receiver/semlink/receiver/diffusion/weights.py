"""Diffusion networks on disk: a folder with config.json and model.safetensors."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import save_file
from torch import Tensor

from semlink.core.eight_bit import read_weights
from semlink.core.errors import CorruptData
from semlink.receiver.diffusion.samplers import Process
from semlink.receiver.diffusion.schedule import SCHEDULES, Prediction
from semlink.receiver.diffusion.unet import SpadeUNet, UNetConfig, without_dead_weights

CONFIG, WEIGHTS = "config.json", "model.safetensors"
KIND = "spade-unet"
UNREADABLE = (
    OSError,
    ValueError,
    LookupError,
    TypeError,
    AttributeError,
    ArithmeticError,
    RuntimeError,
)
"""What reading a config that is none may raise, or making a network of nonsense."""


@dataclass(frozen=True, kw_only=True)
class DiffusionConfig:
    """What config.json says.

    Attributes:
        network: shape of the U-Net.
        schedule: key of `SCHEDULES`.
        prediction: what the network answers.
        taxonomy: classes of the maps, a key of `core.taxonomy.TAXONOMIES`.
        height: of the training pictures, in pixels.
        width: of the training pictures, in pixels.
        guidance: scale that looked best.
    """

    network: UNetConfig
    schedule: str = "linear"
    prediction: Prediction = "noise"
    taxonomy: str
    height: int
    width: int
    guidance: float = 2.0

    def process(self) -> Process:
        """Schedule and parameterisation for the samplers."""
        return Process(schedule=SCHEDULES[self.schedule](), prediction=self.prediction)


def save_diffusion(folder: Path, config: DiffusionConfig, weights: Mapping[str, Tensor]) -> None:
    """Write a network in bf16 with its config."""
    folder.mkdir(parents=True, exist_ok=True)
    text = json.dumps({"kind": KIND, **asdict(config)}, indent=2)
    (folder / CONFIG).write_text(text + "\n")
    half = {name: value.to(torch.bfloat16).contiguous() for name, value in weights.items()}
    save_file(half, folder / WEIGHTS)


def load_diffusion(
    folder: Path, device: torch.device, dtype: torch.dtype
) -> tuple[SpadeUNet, DiffusionConfig]:
    """A network that is ready to answer, and its config.

    Raises:
        CorruptData: a file is damaged, or config and weights do not fit together.
    """
    try:
        config = read_config(json.loads((folder / CONFIG).read_text()))
        with torch.device("meta"):
            net = SpadeUNet(config.network)
        state = without_dead_weights(read_weights(folder / WEIGHTS))
        net.load_state_dict(state, assign=True)
    except (*UNREADABLE, SafetensorError) as error:
        raise CorruptData(
            f"this is not a diffusion network that can be read: {error}",
            field="network",
            value=folder.name,
            cure="Install the program again, or export the network again.",
        ) from error
    net = net.to(device=device, dtype=dtype).eval().requires_grad_(False)
    return net.to(memory_format=torch.channels_last), config  # type: ignore[call-overload]


def read_config(values: dict[str, Any]) -> DiffusionConfig:
    """The config of what config.json holds; `values` is used up.

    Raises:
        InvalidInput, or one of `UNREADABLE`: it holds something else.
    """
    if (kind := values.pop("kind")) != KIND:
        raise ValueError(f"its kind is {kind!r}, not {KIND!r}")
    network: dict[str, Any] = values.pop("network")
    tuples = {k: tuple(v) for k, v in network.items() if isinstance(v, list)}
    config = DiffusionConfig(network=UNetConfig(**(network | tuples)), **values)
    if config.schedule not in SCHEDULES:
        raise ValueError(f"unknown schedule {config.schedule!r}")
    return config
