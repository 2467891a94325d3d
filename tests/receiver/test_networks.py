from __future__ import annotations

import gc
import json
from dataclasses import replace
from pathlib import Path
from shutil import copytree

import pytest
import torch

from semlink.core.errors import CorruptData, InvalidInput
from semlink.receiver import networks
from semlink.receiver.diffusion.samplers import Denoise, Process
from semlink.receiver.diffusion.schedule import linear_schedule
from semlink.receiver.diffusion.unet import SpadeUNet, UNetConfig
from semlink.receiver.loading import load_network
from semlink.receiver.networks import DiffusionNetwork, fitted

CPU = torch.device("cpu")
SPIC = UNetConfig(
    map_channels=19,
    model_channels=32,
    channel_mult=(1, 1),
    res_blocks=(0, 0),
    attention_downsamplings=(),
    head_channels=16,
    low_res_channels=3,
    spade_hidden=4,
)


def network(config: UNetConfig, taxonomy: str) -> DiffusionNetwork:
    generator = torch.Generator().manual_seed(1)
    net = SpadeUNet(config).eval().requires_grad_(False)
    for parameter in net.parameters():
        parameter.copy_(torch.randn(parameter.shape, generator=generator) * 0.1)
    return DiffusionNetwork(net, Process(schedule=linear_schedule(), prediction="noise"), taxonomy)


def test_void_is_dropped_and_edges_are_added() -> None:
    class_map = torch.ones(2, 4, 3, 5)
    assert torch.equal(fitted(class_map, 3), torch.ones(2, 3, 3, 5))
    assert torch.equal(fitted(class_map, 5)[:, :4], class_map)
    assert not fitted(class_map, 5)[:, 4].any()
    assert torch.equal(fitted(class_map, 4), class_map)


def test_a_network_of_nineteen_classes_sees_void_as_nothing() -> None:
    spic = network(SPIC, "cityscapes")
    assert spic.classes == 20
    x, t, low_res = torch.randn(1, 3, 8, 16), torch.tensor([5.0]), torch.zeros(1, 3, 2, 4)
    void = torch.zeros(1, 20, 8, 16)
    void[:, 19] = 1
    road = torch.zeros(1, 20, 8, 16)
    road[:, 0] = 1
    nothing, of_void, of_road = (
        spic.denoiser(maps, 1.0, low_res)(x, t) for maps in (torch.zeros_like(void), void, road)
    )
    assert torch.equal(of_void, nothing)
    assert not torch.equal(of_road, nothing)


@pytest.mark.parametrize("coarse", [False, True])
def test_a_coarse_picture_where_it_does_not_belong_is_refused(coarse: bool) -> None:
    other = network(replace(SPIC, low_res_channels=0 if coarse else 3), "cityscapes")
    low_res = torch.zeros(1, 3, 2, 4) if coarse else None
    with pytest.raises(InvalidInput, match="coarse picture"):
        other.denoiser(torch.zeros(1, 20, 8, 16), 1.0, low_res)


def test_pictures_in_flight_share_what_is_kept(
    tiny_gesco: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    painter = load_network(str(tiny_gesco), CPU)
    assert isinstance(painter, DiffusionNetwork)
    x, t, class_map = torch.randn(1, 3, 64, 96), torch.tensor([300.0]), torch.rand(1, 12, 64, 96)

    def kept() -> int:
        return sum(prepared.kept_bytes for prepared in painter._in_flight)

    first: Denoise | None = painter.denoiser(class_map, 2.0)
    limit = int(1.5 * kept())
    monkeypatch.setattr(networks, "KEPT_BYTES", limit)
    in_flight = [painter.denoiser(class_map, 2.0) for _ in range(3)]
    assert limit / 1.5 < kept() <= limit
    assert first is not None
    expected = first(x, t)
    assert all(torch.equal(denoise(x, t), expected) for denoise in in_flight)
    del first, in_flight
    gc.collect()
    assert kept() == 0


@pytest.mark.parametrize(
    ("taxonomy", "says"), [("nowhere", "not known"), ("ade20k", "12 channels")]
)
def test_a_taxonomy_that_does_not_fit_is_refused(
    tiny_gesco: Path, tmp_path: Path, taxonomy: str, says: str
) -> None:
    folder = copytree(tiny_gesco, tmp_path / "network")
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"taxonomy": taxonomy}))
    with pytest.raises(CorruptData, match=says):
        load_network(str(folder), CPU)
