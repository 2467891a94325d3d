from __future__ import annotations

import pytest
import torch
from torch import Tensor

from semlink.receiver.diffusion.guidance import guided, push
from semlink.receiver.diffusion.unet import SpadeUNet, UNetConfig

CONFIG = UNetConfig(
    map_channels=4,
    model_channels=32,
    channel_mult=(1, 1),
    res_blocks=(1, 1),
    attention_downsamplings=(),
    head_channels=16,
    low_res_channels=3,
    spade_hidden=8,
)


@pytest.fixture(scope="module")
def net() -> SpadeUNet:
    generator = torch.Generator().manual_seed(1)
    net = SpadeUNet(CONFIG).eval().requires_grad_(False)
    for parameter in net.parameters():
        parameter.copy_(torch.randn(parameter.shape, generator=generator) * 0.1)
    return net


def inputs() -> tuple[Tensor, Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(2)
    x = torch.randn(2, 3, 8, 16, generator=generator)
    class_map = torch.rand(2, 4, 8, 16, generator=generator)
    low_res = torch.rand(2, 3, 2, 4, generator=generator)
    return x, torch.tensor([20.0, 800.0]), class_map, low_res


def test_scale_one_is_the_informed_answer(net: SpadeUNet) -> None:
    x, t, class_map, low_res = inputs()
    ours = guided(net, class_map, scale=1.0, low_res=low_res)(x, t)
    assert torch.equal(ours, net(x, t, net.modulations(class_map), low_res))


def test_scale_two_goes_as_far_again_from_the_blind_answer(net: SpadeUNet) -> None:
    x, t, class_map, low_res = inputs()
    informed = net(x, t, net.modulations(class_map), low_res)
    blind = net(x, t, net.modulations(torch.zeros_like(class_map)), low_res)
    ours = guided(net, class_map, scale=2.0, low_res=low_res)(x, t)
    expected = torch.cat([2 * informed[:, :3] - blind[:, :3], informed[:, 3:]], dim=1)
    torch.testing.assert_close(ours, expected, rtol=1e-4, atol=1e-4)


def test_scale_zero_forgets_the_map(net: SpadeUNet) -> None:
    x, t, class_map, low_res = inputs()
    one, other = (
        guided(net, maps, scale=0.0, low_res=low_res)(x, t)[:, :3]
        for maps in (class_map, class_map.flip(1))
    )
    torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-4)


def test_learned_variance_is_not_guided() -> None:
    informed, blind = torch.ones(1, 6, 2, 2), torch.zeros(1, 6, 2, 2)
    assert torch.equal(push(informed, blind, 3.0, 3)[:, 3:], informed[:, 3:])
