"""SQ-GAN on disk: a folder with config.json and model.safetensors; each end reads what it runs."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeVar

import torch
from safetensors import SafetensorError
from safetensors.torch import save_file
from torch import Tensor, nn

from semlink.core.eight_bit import read_weights
from semlink.core.errors import CorruptData, SemlinkError
from semlink.core.sqgan.config import SqganConfig, read_network
from semlink.core.taxonomy import TAXONOMIES

CONFIG, WEIGHTS = "config.json", "model.safetensors"
KIND = "sq-gan"
UNREADABLE = (
    OSError,
    ValueError,
    LookupError,
    TypeError,
    AttributeError,
    ArithmeticError,
    RuntimeError,
    SafetensorError,
    SemlinkError,
)
"""What reading files that are something else may raise, or making networks of nonsense."""

N = TypeVar("N", bound=nn.Module)


@dataclass(frozen=True, kw_only=True)
class SqganFolder:
    """What config.json says.

    Attributes:
        network: shape of the networks.
        taxonomy: classes of the maps, a key of `core.taxonomy.TAXONOMIES`; the last is void.
        height: of the training pictures, in pixels.
        width: of the training pictures, in pixels.
    """

    network: SqganConfig
    taxonomy: str
    height: int
    width: int

    def __post_init__(self) -> None:
        classes = TAXONOMIES[self.taxonomy].classes
        if (len(classes), TAXONOMIES[self.taxonomy].void) != (
            self.network.map_channels,
            len(classes) - 1,
        ):
            raise ValueError(
                f"maps of {self.network.map_channels} channels, the last of them void, "
                f"do not fit the classes of {self.taxonomy}"
            )


def save_sqgan(folder: Path, config: SqganFolder, weights: Mapping[str, Tensor]) -> None:
    """Write the networks of both ends in bf16 with their config."""
    folder.mkdir(parents=True, exist_ok=True)
    text = json.dumps({"kind": KIND, **asdict(config)}, indent=2)
    (folder / CONFIG).write_text(text + "\n")
    half = {name: value.to(torch.bfloat16).contiguous() for name, value in weights.items()}
    save_file(half, folder / WEIGHTS)


def load_sqgan(
    folder: Path, end: Callable[[SqganConfig], N], device: torch.device, dtype: torch.dtype
) -> tuple[N, SqganFolder]:
    """The networks of one end, ready for work, and the config.

    Args:
        folder: with config.json and model.safetensors.
        end: makes them, all their weights under the names of the file.
        device: where they will work.
        dtype: number format that they compute in.

    Raises:
        CorruptData: a file is damaged, or config and weights do not fit together.
    """
    try:
        config = read_folder(json.loads((folder / CONFIG).read_text()))
        with torch.device("meta"):
            net = end(config.network)
        net.load_state_dict(read_weights(folder / WEIGHTS, net.state_dict()), assign=True)
    except UNREADABLE as error:
        raise CorruptData(
            f"this is not an SQ-GAN that can be read: {error}",
            field="network",
            value=folder.name,
            cure="Install the program again, or export the network again.",
        ) from error
    net = net.to(device=device, dtype=dtype).eval().requires_grad_(False)
    return net.to(memory_format=torch.channels_last), config  # type: ignore[call-overload]


def read_folder(values: dict[str, Any]) -> SqganFolder:
    """The config of what config.json holds; `values` is used up.

    Raises:
        one of `UNREADABLE`: it holds something else.
    """
    if (kind := values.pop("kind")) != KIND:
        raise ValueError(f"its kind is {kind!r}, not {KIND!r}")
    return SqganFolder(network=read_network(values.pop("network")), **values)
