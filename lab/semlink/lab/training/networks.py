"""Shapes of the diffusion networks that are trained here, and what they start from."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path

import torch
from torch import Tensor

from semlink.core.errors import InvalidInput
from semlink.receiver.diffusion.unet import SpadeUNet, UNetConfig
from semlink.receiver.diffusion.weights import UNREADABLE, load_diffusion, read_config

FIRST_LAYER = "input_blocks.0.0.weight"
INPUTS = ("map_channels", "low_res_channels")


def _shape(
    channel_mult: tuple[int, ...],
    res_blocks: tuple[int, ...],
    attention_downsamplings: tuple[int, ...],
) -> UNetConfig:
    """Patches of 4 pixels and plain resampling: quick on a processor."""
    return UNetConfig(
        map_channels=12,
        model_channels=32,
        channel_mult=channel_mult,
        res_blocks=res_blocks,
        attention_downsamplings=attention_downsamplings,
        head_channels=32,
        learn_sigma=False,
        resample="plain",
        spade_hidden=32,
        spade_kernel=1,
        map_resize="area",
        map_stem=True,
        patch=4,
    )


NETWORKS: dict[str, UNetConfig] = {
    "small": _shape((2, 3, 4, 5), (0, 1, 1, 1), (8,)),
    "base": _shape((3, 4, 6, 7), (1, 1, 1, 1), (4, 8)),
}
"""At 192x256 and 12 classes, one call: small 6.0 M parameters, 3.0 GFLOP; base 12.6 M, 8.8."""


def network_shape(name: str, *, map_channels: int, low_res_channels: int) -> UNetConfig:
    """A shape of `NETWORKS`, or that of a config.json, for these inputs.

    Raises:
        InvalidInput: it is neither.
    """
    if name in NETWORKS:
        shape = NETWORKS[name]
    else:
        shape = _read_shape(Path(name))
    return replace(shape, map_channels=map_channels, low_res_channels=low_res_channels)


def _read_shape(path: Path) -> UNetConfig:
    try:
        return read_config(json.loads(path.read_text())).network
    except (*UNREADABLE, InvalidInput) as error:
        raise InvalidInput(
            "there is no such shape, and no config.json of a diffusion network.",
            field="network",
            value=path,
            cure=f"Use {' or '.join(NETWORKS)}, or a file like those of the shipped networks.",
        ) from error


def weights_to_start_from(folder: Path, shape: UNetConfig) -> tuple[dict[str, Tensor], list[str]]:
    """Weights of a network for one of that shape, and the names of those that fit no more.

    Input channels that the network does not have yet get weights of zero. Layers that read maps
    of other classes are left out: they begin anew.

    Raises:
        CorruptData: the folder holds no diffusion network.
        InvalidInput: it differs in more than its inputs.
    """
    net, config = load_diffusion(folder, torch.device("cpu"), torch.float32)
    inputs = {name: getattr(shape, name) for name in INPUTS}
    if replace(config.network, **inputs) != shape:
        raise InvalidInput(
            f"it has another shape: {_differences(config.network, shape)}.",
            field="start",
            value=folder,
            cure="Choose --network as it was, or start from another network.",
        )
    with torch.device("meta"):
        wanted = SpadeUNet(shape).state_dict()
    weights: Mapping[str, Tensor] = net.state_dict()
    weights = dict(weights) | {FIRST_LAYER: _widened(weights[FIRST_LAYER], wanted[FIRST_LAYER])}
    fitting = {name: value for name, value in weights.items() if _fits(value, wanted[name])}
    return fitting, [name for name in wanted if name not in fitting]


def _fits(value: Tensor, wanted: Tensor) -> bool:
    return value.shape == wanted.shape


def _widened(weight: Tensor, like: Tensor) -> Tensor:
    missing = max(0, like.shape[1] - weight.shape[1])
    return torch.cat([weight, weight.new_zeros(len(weight), missing, *weight.shape[2:])], 1)


def _differences(one: UNetConfig, other: UNetConfig) -> str:
    theirs, ours = asdict(one), asdict(other)
    names = [name for name in theirs if name not in INPUTS and theirs[name] != ours[name]]
    return ", ".join(f"{name} {theirs[name]}, not {ours[name]}" for name in names)
