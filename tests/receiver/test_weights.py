from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from semlink.core.errors import CorruptData
from semlink.receiver.diffusion.unet import SpadeUNet, UNetConfig
from semlink.receiver.diffusion.weights import DiffusionConfig, load_diffusion, save_diffusion

CPU = torch.device("cpu")
CONFIG = DiffusionConfig(
    network=UNetConfig(
        map_channels=3,
        model_channels=32,
        channel_mult=(1, 1),
        res_blocks=(0, 0),
        attention_downsamplings=(),
        spade_hidden=4,
        head_channels=16,
    ),
    schedule="shifted-cosine",
    prediction="clean",
    taxonomy="camvid",
    height=32,
    width=48,
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    save_diffusion(tmp_path, CONFIG, SpadeUNet(CONFIG.network).state_dict())
    return tmp_path


def test_what_is_saved_is_loaded(tmp_path: Path) -> None:
    net = SpadeUNet(CONFIG.network)
    save_diffusion(tmp_path, CONFIG, net.state_dict())
    loaded, config = load_diffusion(tmp_path, CPU, torch.float32)
    assert config == CONFIG
    for name, value in net.state_dict().items():
        assert torch.equal(loaded.state_dict()[name], value.bfloat16().float()), name


def test_process_follows_the_config() -> None:
    process = CONFIG.process()
    assert process.prediction == "clean"
    assert len(process.schedule) == 1000


@pytest.mark.parametrize("change", [{"kind": "other"}, {"schedule": "odd"}, {"surprise": 1}])
def test_foreign_config_is_refused(folder: Path, change: dict[str, object]) -> None:
    values = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(values | change))
    with pytest.raises(CorruptData, match="network"):
        load_diffusion(folder, CPU, torch.float32)


def test_cut_weights_are_refused(folder: Path) -> None:
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(CorruptData):
        load_diffusion(folder, CPU, torch.float32)


def test_weights_of_another_shape_are_refused(folder: Path) -> None:
    values = json.loads((folder / "config.json").read_text())
    values["network"]["spade_hidden"] = 8
    (folder / "config.json").write_text(json.dumps(values))
    with pytest.raises(CorruptData):
        load_diffusion(folder, CPU, torch.float32)
