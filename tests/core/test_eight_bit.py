"""Weights in eight bits."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from semlink.core.eight_bit import LARGEST, compact, read_weights, to_eight_bit


@pytest.fixture
def weights() -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    return {
        "conv.weight": torch.randn(32, 16, 3, 3, generator=generator).to(torch.bfloat16),
        "wide.weight": torch.logspace(-6, 3, 8)[:, None]
        * torch.randn(8, 200, generator=generator),
        "conv.bias": torch.randn(32, generator=generator),
        "zero.weight": torch.zeros(4, 300),
        "small.weight": torch.randn(4, 4, generator=generator),
        "count": torch.tensor(7),
        "indices": torch.arange(4000).view(2, 2000),
        "scale": torch.ones(3),
    }


def test_they_come_back_within_half_a_step_of_their_channel(
    weights: dict[str, torch.Tensor], tmp_path: Path
) -> None:
    save_file(weights, tmp_path / "w.safetensors")
    compact(tmp_path / "w.safetensors")
    back = read_weights(tmp_path / "w.safetensors")
    assert back.keys() == weights.keys()
    for name in ("conv.weight", "wide.weight", "zero.weight"):
        truth = weights[name].float().flatten(1)
        step = truth.abs().amax(1, keepdim=True) / LARGEST
        error = (back[name].flatten(1) - truth).abs()
        assert torch.all(error <= 0.5001 * step), name


def test_what_is_small_or_not_a_number_stays_as_it_is(
    weights: dict[str, torch.Tensor],
) -> None:
    stored = to_eight_bit(weights)
    assert {name for name, value in stored.items() if value.dtype == torch.int8} == {
        "conv.weight",
        "wide.weight",
        "zero.weight",
    }
    for name in ("conv.bias", "small.weight", "count", "indices", "scale"):
        assert torch.equal(stored[name], weights[name])


def test_twice_is_as_good_as_once(weights: dict[str, torch.Tensor], tmp_path: Path) -> None:
    file = tmp_path / "w.safetensors"
    save_file(to_eight_bit(weights), file)
    once = read_weights(file)
    save_file(to_eight_bit(once), file)
    for name, value in read_weights(file).items():
        assert torch.allclose(value.float(), once[name].float(), rtol=1e-6), name


def test_other_files_are_read_as_they_are(
    weights: dict[str, torch.Tensor], tmp_path: Path
) -> None:
    file = tmp_path / "w.safetensors"
    save_file(weights, file)
    assert all(torch.equal(value, weights[name]) for name, value in read_weights(file).items())
    assert read_weights(file, ["conv.bias"]).keys() == {"conv.bias"}
    with pytest.raises(SafetensorError):
        read_weights(file, ["missing"])


def test_a_file_is_half_as_large(tmp_path: Path) -> None:
    file = tmp_path / "w.safetensors"
    save_file({"conv.weight": torch.randn(256, 64, 3, 3).to(torch.bfloat16)}, file)
    before = file.stat().st_size
    compact(file)
    assert file.stat().st_size < 0.52 * before
    assert load_file(file)["conv.weight"].dtype == torch.int8
