"""Published checkpoints of GESCO and SPIC become folders that the receiver loads.

A checkpoint is a file of `torch.save`: a dictionary of names and tensors, nothing else is read
from it. Its shape is the published one (256 channels), or that of a config given with it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import file_digest
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal

import torch
from torch import Tensor

from semlink.core.errors import CorruptData, InvalidInput, NotFound
from semlink.lab.files import check_output
from semlink.lab.self_check import record
from semlink.receiver.diffusion.unet import SpadeUNet, UNetConfig, without_dead_weights
from semlink.receiver.diffusion.weights import (
    UNREADABLE,
    DiffusionConfig,
    read_config,
    save_diffusion,
)
from semlink.receiver.networks import check_classes

Kind = Literal["gesco", "spic"]

NAMED = 3  # of the names that an error lists
MAP_READER = "middle_block.0.in_norm.mlp_shared.0.weight"
PAPERS: dict[Kind, str] = {
    "gesco": "GESCO (Grassucci et al., arXiv:2306.04321)",
    "spic": "SPIC (Pezone et al., arXiv:2310.15737)",
}


@dataclass(frozen=True)
class Published:
    """How a published network was trained; all with the linear schedule, to predict noise."""

    taxonomy: str
    height: int
    width: int
    guidance: float


_CITYSCAPES = Published("cityscapes-ids", 256, 512, 2.0)
_COCO_STUFF = Published("coco-stuff", 256, 256, 2.5)

PUBLISHED: dict[Kind, dict[int, Published]] = {  # by the channels of the map
    "gesco": {
        35: _CITYSCAPES,
        36: _CITYSCAPES,  # with the edges of instances
        151: Published("ade20k", 256, 256, 2.5),
        183: _COCO_STUFF,
        184: _COCO_STUFF,
    },
    "spic": {19: Published("cityscapes", 256, 512, 1.5)},
}


def import_checkpoint(
    kind: Kind, checkpoint: Path, output: Path, config: Path | None = None
) -> Path:
    """Writes a folder with config, weights in bf16, self-check and card; all of it or nothing.

    Args:
        kind: whose checkpoint it is.
        checkpoint: the published file.
        output: the folder, which must not exist.
        config: a config.json like that of the shipped networks, for checkpoints of another
            shape than the published one.

    Raises:
        NotFound: there is no such file.
        CorruptData: the file is no checkpoint, or not one of that kind or shape.
        InvalidInput: the folder cannot be written, or the config is wrong.
    """
    check_new(output)
    state = without_dead_weights(read_checkpoint(checkpoint))
    chosen = _config(kind, state) if config is None else _read_config(config)
    check_classes(output.name, chosen.taxonomy, chosen.network.map_channels)
    check_weights(state, _weights_of(chosen.network), kind, checkpoint)
    write_folder(
        output,
        lambda folder: save_diffusion(folder, chosen, state),
        card(PAPERS[kind], checkpoint, output.name, state),
    )
    return output


def check_new(output: Path) -> None:
    """Whether a folder can be made.

    Raises:
        InvalidInput: it exists, or its parent does not.
    """
    check_output(output)
    if output.exists():
        raise InvalidInput(
            "there is something of that name.",
            field="output",
            value=output,
            cure="Name a folder that does not exist.",
        )


def write_folder(output: Path, save: Callable[[Path], None], card: str) -> None:
    """A folder with what `save` writes, self-check and card; all of it or nothing."""
    with TemporaryDirectory(dir=output.parent, prefix=f"{output.name}.") as partial:
        folder = Path(partial) / output.name
        save(folder)
        record(folder)
        (folder / "README.md").write_text(card)
        os.replace(folder, output)


def read_checkpoint(path: Path) -> dict[str, Tensor]:
    """Names and tensors of a file of `torch.save`; code in it is not run.

    Raises:
        NotFound: there is no such file.
        CorruptData: it is something else.
    """
    return checked_state(read_saved(path), path)


def read_saved(path: Path) -> object:
    """What a file of `torch.save` holds; code in it is not run.

    Raises:
        NotFound: there is no such file.
        CorruptData: it is something else, or holds objects other than tensors and plain data.
    """
    if not path.is_file():
        raise NotFound("there is no such file.", field="checkpoint", value=path)
    try:
        saved: object = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # whatever a foreign file provokes
        raise corrupt(path, "PyTorch cannot read it as a file of weights.") from error
    return saved


def checked_state(state: object, path: Path) -> dict[str, Tensor]:
    """Names and tensors.

    Raises:
        CorruptData: it is something else.
    """
    if not isinstance(state, dict) or not state:
        raise corrupt(path, "it holds no names with tensors.")
    strangers = [str(name) for name, value in state.items() if not isinstance(value, Tensor)]
    if strangers:
        raise corrupt(path, f"not a tensor: {_first(strangers)}.")
    return {str(name): value for name, value in state.items()}


def _config(kind: Kind, state: Mapping[str, Tensor]) -> DiffusionConfig:
    """The published config for as many classes as the checkpoint has."""
    known = PUBLISHED[kind]
    channels = state[MAP_READER].shape[1] if MAP_READER in state else next(iter(known))
    if channels not in known:
        raise InvalidInput(
            f"no published {kind} network has maps of {channels} channels.",
            field="checkpoint",
            value=MAP_READER,
            cure="Describe it with --config, a config.json like that of the shipped networks.",
        )
    training = known[channels]
    return DiffusionConfig(
        network=UNetConfig(map_channels=channels, low_res_channels=3 if kind == "spic" else 0),
        taxonomy=training.taxonomy,
        height=training.height,
        width=training.width,
        guidance=training.guidance,
    )


def _read_config(path: Path) -> DiffusionConfig:
    try:
        config = read_config(json.loads(path.read_text()))
        _weights_of(config.network)
    except UNREADABLE as error:
        raise InvalidInput(
            f"it does not describe a diffusion network: {error}.",
            field="config",
            value=path,
            cure="Start from what `semlink models show` prints of a shipped network.",
        ) from error
    return config


def check_weights(
    state: Mapping[str, Tensor], expected: Mapping[str, Tensor], kind: str, path: Path
) -> None:
    """Whether a checkpoint has the names and shapes that a network has.

    Raises:
        CorruptData: it has not; the message names some.
    """
    shared = expected.keys() & state.keys()
    problems = {
        "it lacks": [name for name in expected if name not in state],
        "it has, beyond that,": [name for name in state if name not in expected],
        "of another shape are": [
            f"{name} ({_shape(state[name])} for {_shape(expected[name])})"
            for name in expected
            if name in shared and state[name].shape != expected[name].shape
        ],
    }
    said = "; ".join(f"{what} {_first(names)}" for what, names in problems.items() if names)
    if said:
        raise corrupt(path, f"these are not the weights of {kind}: {said}.")


def _weights_of(network: UNetConfig) -> dict[str, Tensor]:
    """Names and shapes; no numbers."""
    with torch.device("meta"):
        return SpadeUNet(network).state_dict()


def _first(names: list[str]) -> str:
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return ", ".join(names[:NAMED]) + more


def _shape(tensor: Tensor) -> str:
    return "x".join(map(str, tensor.shape))


def corrupt(path: Path, message: str) -> CorruptData:
    """The error for a checkpoint that is none."""
    cure = "Name a published checkpoint, or describe one of another shape with --config."
    return CorruptData(message, field="checkpoint", value=path.name, cure=cure)


def card(paper: str, checkpoint: Path, name: str, state: Mapping[str, Tensor]) -> str:
    """Where an imported network comes from, in Markdown."""
    with checkpoint.open("rb") as file:
        digest = file_digest(file, "sha256").hexdigest()
    parameters = sum(value.numel() for value in state.values())
    return (
        f"# {name}\n\n"
        f"Imported from `{checkpoint.name}` as a checkpoint of {paper}:\n"
        f"{parameters / 1e6:.1f} M parameters, rounded to bf16.\n\n"
        f"SHA-256 of the checkpoint: `{digest}`.\n\n"
        "**Licence.** That of whoever published the checkpoint.\n"
    )
