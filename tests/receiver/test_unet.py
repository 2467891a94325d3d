from __future__ import annotations

import json
import math
from ast import literal_eval
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel

from semlink.core.errors import InvalidInput
from semlink.receiver.diffusion.blocks import AttentionBlock
from semlink.receiver.diffusion.unet import (
    SpadeUNet,
    UNetConfig,
    timestep_embedding,
    without_dead_weights,
)

SMALL = UNetConfig(
    map_channels=5,
    model_channels=32,
    channel_mult=(1, 2),
    res_blocks=(0, 1),
    attention_downsamplings=(2,),
    head_channels=16,
    learn_sigma=False,
    resample="plain",
    spade_hidden=8,
    spade_kernel=1,
    map_resize="area",
    map_stem=True,
    patch=4,
)
PUBLISHED = {
    "gesco": UNetConfig(map_channels=36),
    "spic": UNetConfig(map_channels=19, low_res_channels=3),
}


def randomised(config: UNetConfig) -> SpadeUNet:
    """A network whose zero-initialised branches are alive."""
    generator = torch.Generator().manual_seed(1)
    net = SpadeUNet(config).eval()
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator) * 0.1)
    return net


def small_inputs(batch: int = 2) -> tuple[Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(2)
    x = torch.randn(batch, 3, 32, 48, generator=generator)
    labels = torch.randint(5, (batch, 32, 48), generator=generator)
    class_map = torch.nn.functional.one_hot(labels, 5).permute(0, 3, 1, 2).float()
    return x, torch.tensor([10.0, 700.0])[:batch], class_map


@pytest.mark.parametrize("scheme", ["gesco", "spic"])
def test_published_settings_have_the_published_weights(scheme: str, checkpoints: Path) -> None:
    published = json.loads((checkpoints / f"{scheme}_official_state_dict.json").read_text())
    expected = {name: shape for name, shape in published.items() if ".spade_norm." not in name}
    with torch.device("meta"):
        net = SpadeUNet(PUBLISHED[scheme])
    assert {name: list(value.shape) for name, value in net.state_dict().items()} == expected


@pytest.mark.parametrize("scheme", ["gesco", "spic"])
def test_answers_as_the_published_network(scheme: str, checkpoints: Path) -> None:
    path = checkpoints / f"{scheme}_tiny.safetensors"
    with safe_open(path, "pt") as file:
        settings = file.metadata()
    net = SpadeUNet(
        UNetConfig(
            map_channels=int(settings["num_classes"]),
            model_channels=int(settings["model_channels"]),
            channel_mult=literal_eval(settings["channel_mult"]),
            res_blocks=(int(settings["num_res_blocks"]),) * 2,
            attention_downsamplings=literal_eval(settings["attention_ds"]),
            head_channels=int(settings["num_head_channels"]),
            low_res_channels=3 if scheme == "spic" else 0,
        )
    )
    net.load_state_dict(without_dead_weights(load_file(path)))
    io = {
        k: torch.from_numpy(v) for k, v in np.load(checkpoints / f"{scheme}_tiny_io.npz").items()
    }
    with torch.no_grad():
        modulations = net.modulations(io["y"])
        low_res = io["low_res"] if scheme == "spic" else None
        out = net(io["x"], io["t"].float(), modulations, low_res)
    assert (out - io["out"]).abs().max() < 1e-4 * io["out"].abs().max()


def test_output_has_the_size_of_the_picture() -> None:
    x, t, class_map = small_inputs()
    net = randomised(SMALL)
    assert net(x, t, net.modulations(class_map)).shape == x.shape


def test_learned_variance_doubles_the_channels() -> None:
    x, t, class_map = small_inputs()
    net = randomised(replace(SMALL, learn_sigma=True))
    assert net(x, t, net.modulations(class_map)).shape == (2, 6, 32, 48)


def test_pictures_together_answer_as_alone() -> None:
    x, t, class_map = small_inputs()
    net = randomised(SMALL)
    together = net(x, t, net.modulations(class_map))
    apart = [
        net(x[i : i + 1], t[i : i + 1], net.modulations(class_map[i : i + 1])) for i in range(2)
    ]
    torch.testing.assert_close(together, torch.cat(apart), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("config", [SMALL, replace(SMALL, map_stem=False, resample="resblock")])
def test_every_weight_is_used(config: UNetConfig) -> None:
    x, t, class_map = small_inputs()
    net = randomised(config)
    net(x, t, net.modulations(class_map)).square().mean().backward()
    unused = [n for n, p in net.named_parameters() if p.grad is None or not p.grad.any()]
    assert unused == []


def test_a_fresh_network_predicts_zero() -> None:
    x, t, class_map = small_inputs()
    net = SpadeUNet(SMALL)
    assert not net(x, t, net.modulations(class_map)).any()


def test_wrong_number_of_levels_is_named() -> None:
    with pytest.raises(InvalidInput, match="res_blocks"):
        replace(SMALL, res_blocks=(1,))


def test_attention_is_fused() -> None:
    block = AttentionBlock(64, 16)
    x = torch.randn(2, 64, 8, 12).contiguous(memory_format=torch.channels_last)
    with torch.no_grad(), sdpa_kernel(SDPBackend.FLASH_ATTENTION):
        assert block(x).shape == x.shape


def test_timestep_embedding_is_cosines_then_sines() -> None:
    embedding = timestep_embedding(torch.tensor([3.0]), 4)[0]
    slow = 3.0 * 10_000**-0.5
    expected = [math.cos(3.0), math.cos(slow), math.sin(3.0), math.sin(slow)]
    torch.testing.assert_close(embedding, torch.tensor(expected))
