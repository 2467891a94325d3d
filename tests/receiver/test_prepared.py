from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from semlink.receiver.diffusion.guidance import guided
from semlink.receiver.diffusion.prepared import prepare
from semlink.receiver.diffusion.spade import SpadeGroupNorm
from semlink.receiver.diffusion.unet import SpadeUNet, UNetConfig

PUBLISHED = UNetConfig(
    map_channels=4,
    model_channels=32,
    channel_mult=(1, 2),
    res_blocks=(1, 1),
    attention_downsamplings=(2,),
    head_channels=16,
    low_res_channels=3,
    spade_hidden=8,
)
SHIPPED = replace(
    PUBLISHED,
    low_res_channels=0,
    learn_sigma=False,
    resample="plain",
    spade_kernel=1,
    map_resize="area",
    map_stem=True,
    patch=4,
)
CONFIGS = [PUBLISHED, SHIPPED]


def alive(config: UNetConfig) -> SpadeUNet:
    """A network whose zero-initialised branches are alive."""
    generator = torch.Generator().manual_seed(1)
    net = SpadeUNet(config).eval().requires_grad_(False)
    for parameter in net.parameters():
        parameter.copy_(torch.randn(parameter.shape, generator=generator) * 0.1)
    return net.to(memory_format=torch.channels_last)  # type: ignore[call-overload,no-any-return]


def inputs(config: UNetConfig) -> tuple[Tensor, Tensor, Tensor, Tensor | None]:
    generator = torch.Generator().manual_seed(2)
    x = torch.randn(2, 3, 32, 48, generator=generator)
    class_map = torch.rand(2, 4, 32, 48, generator=generator)
    low_res = torch.rand(2, 3, 8, 12, generator=generator)
    return x, torch.tensor([20.0, 800.0]), class_map, low_res if config.low_res_channels else None


@pytest.mark.parametrize("config", CONFIGS)
def test_prepared_answers_as_the_plain_network(config: UNetConfig) -> None:
    net = alive(config)
    x, t, class_map, low_res = inputs(config)
    plain = net(x, t, net.modulations(class_map), low_res)
    prepared = prepare(net, class_map, low_res=low_res)(x, t)
    torch.testing.assert_close(prepared, plain, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("config", CONFIGS)
def test_branches_answer_as_plain_calls(config: UNetConfig) -> None:
    net = alive(config)
    x, t, class_map, low_res = inputs(config)
    maps = class_map, class_map.flip(1), torch.zeros_like(class_map)
    plain = torch.cat([net(x, t, net.modulations(each), low_res) for each in maps])
    prepared = prepare(net, *maps, low_res=low_res)(x, t)
    torch.testing.assert_close(prepared, plain, rtol=1e-5, atol=1e-5 * plain.abs().max().item())


@pytest.mark.parametrize("config", CONFIGS)
@pytest.mark.parametrize("share", [0.0, 0.5])
def test_what_is_kept_changes_no_bit(config: UNetConfig, share: float) -> None:
    net = alive(config)
    x, t, class_map, low_res = inputs(config)
    everything = prepare(net, class_map, low_res=low_res)
    limit = int(share * everything.kept_bytes)
    less = prepare(net, class_map, low_res=low_res, keep_bytes=limit)
    assert less.kept_bytes <= limit
    assert bool(less.kept_bytes) == bool(limit)
    assert torch.equal(less(x, t), everything(x, t))


def test_all_that_is_kept_counts() -> None:
    net = alive(PUBLISHED)
    _, _, class_map, low_res = inputs(PUBLISHED)
    pairs = net.modulations(class_map)
    expected = sum(part.numel() * 4 for pair in pairs for part in pair)
    assert prepare(net, class_map, low_res=low_res).kept_bytes == expected


def count(monkeypatch: pytest.MonkeyPatch, kind: type, name: str) -> list[Tensor]:
    """The inputs of every later call of a method."""
    seen: list[Tensor] = []
    original: Callable[..., object] = getattr(kind, name)

    def counted(self: object, x: Tensor, *rest: object) -> object:
        seen.append(x)
        return original(self, x, *rest)

    monkeypatch.setattr(kind, name, counted)
    return seen


def test_maps_are_read_once_for_all_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    net = alive(SHIPPED)
    x, t, class_map, _ = inputs(SHIPPED)
    read = count(monkeypatch, SpadeGroupNorm, "modulation")
    denoise = guided(net, class_map)
    layers = len(read)
    for _ in range(2):
        denoise(x, t)
    assert len(read) == layers == sum(isinstance(m, SpadeGroupNorm) for m in net.modules())


@pytest.mark.parametrize(("config", "encoded"), [(PUBLISHED, 2), (SHIPPED, 4)])
def test_an_encoder_that_sees_no_map_works_once_for_both_branches(
    config: UNetConfig, encoded: int
) -> None:
    net = alive(config)
    x, t, class_map, low_res = inputs(config)
    sizes: list[int] = []
    last = net.input_blocks[-1]
    last.register_forward_hook(lambda _module, _inputs, output: sizes.append(len(output)))
    guided(net, class_map, low_res=low_res)(x, t)
    assert sizes == [encoded]
