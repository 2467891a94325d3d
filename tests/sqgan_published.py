"""The published chain at a tiny size: its weights, and what it answers."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file
from torch import Tensor, nn

from semlink.core.pictures import Size
from semlink.core.sqgan.config import SqganConfig, StreamConfig


@dataclass(frozen=True)
class PublishedChain:
    """Published weights of random numbers, `io` by the names of the file."""

    config: SqganConfig
    grid: Size
    weights: dict[str, Tensor]
    io: dict[str, Tensor]

    def fill(self, net: nn.Module) -> nn.Module:
        """The network with the published weights of its names; codebooks lose their padding."""
        state = {}
        for name, value in net.state_dict().items():
            rows = len(value) if name.endswith("codebook.weight") else None
            state[name] = self.weights[name][:rows]
        net.load_state_dict(state)
        return net.eval().requires_grad_(False)


def published_chain(data_root: Path) -> PublishedChain:
    """Of the data folder; skips the test where it is absent."""
    path = data_root / "checkpoints" / "sqgan_tiny.safetensors"
    if not path.exists():
        pytest.skip(f"no published weights at {path}; set SEMLINK_DATA")
    with safe_open(path, "pt") as file:
        said = {key: value for key, value in file.metadata().items() if key != "latent"}
        rows, columns = file.metadata()["latent"].split("x")
    number = {key: json.loads(value) for key, value in said.items()}
    stream = StreamConfig(
        channels=number["ch"],
        channel_mult=tuple(number["ch_mult"]),
        encoder_blocks=number["res_blocks"],
        decoder_blocks=number["res_blocks"] + 1,
        codes=number["codebook"],
        demask_blocks=number["demask_layers"],
    )
    io = np.load(path.with_name("sqgan_tiny_io.npz"))
    return PublishedChain(
        SqganConfig(latent_channels=number["z"], picture=stream, map=stream),
        Size(int(rows), int(columns)),
        load_file(path),
        {key: torch.from_numpy(io[key]) for key in io},
    )
