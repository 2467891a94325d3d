from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from semlink.core.pictures import Size
from semlink.lab import bench_unet
from semlink.lab.bench_unet import UnetBench, UnetCost, measure
from semlink.lab.unet_table import COLUMNS, tell
from semlink.receiver.diffusion.unet import UNetConfig

COST = UnetCost("small", 64, 96, "float32", 10, 30.0, 12.0, 80.0, 3 << 20, 2e-6, 0.0)
BENCH = UnetBench("cpu", 1, 5, (COST,), "bfloat16 is left out.")


def test_both_ways_of_every_network_agree_and_are_timed(tiny_gesco: Path, tiny_spic: Path) -> None:
    bench = measure([str(tiny_gesco), str(tiny_spic)], device="cpu", repeats=1)
    exact = [cost for cost in bench.costs if cost.dtype == "float32"]
    assert [(cost.height, cost.width, cost.steps) for cost in exact] == [
        (64, 96, 12),
        (64, 96, 20),
    ]
    for cost in exact:
        assert min(cost.published_ms, cost.ours_ms, cost.prepare_ms, cost.kept_bytes) > 0
        assert cost.difference < 1e-5
        assert cost.rounding == 0


@pytest.fixture
def narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    """The published layout, as thin as it can be."""
    layout = UNetConfig(map_channels=5, model_channels=32, head_channels=32, spade_hidden=4)
    monkeypatch.setattr(bench_unet, "LAYOUT_CONFIG", layout)
    monkeypatch.setattr(bench_unet, "SMALL_SIZE", Size(32, 64))
    monkeypatch.setattr(bench_unet, "NETWORKS", ())


@pytest.mark.usefixtures("narrow")
def test_bf16_is_measured_where_it_is_fast(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench_unet, "pick_dtype", lambda device: torch.bfloat16)
    bench = measure(device="cpu", repeats=1)
    full, half = bench.costs
    assert (full.dtype, half.dtype, bench.left_out) == ("float32", "bfloat16", "")
    assert full.difference < 1e-5
    assert half.rounding > 1e-4
    assert half.difference < half.rounding


@pytest.mark.usefixtures("narrow")
def test_bf16_is_left_out_where_it_is_slow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench_unet, "pick_dtype", lambda device: torch.float32)
    bench = measure(device="cpu", repeats=1)
    assert [cost.dtype for cost in bench.costs] == ["float32"]
    assert "avx512_bf16" in bench.left_out


@pytest.mark.usefixtures("narrow")
def test_the_difference_shows_another_guidance() -> None:
    net = bench_unet._random_network(torch.device("cpu"), torch.float32)
    class_map, low_res, x, t = bench_unet._question(net, bench_unet.SMALL_SIZE)
    with torch.inference_mode():
        one, other = (
            bench_unet.published(net, class_map, low_res, scale)(x, t) for scale in (2.0, 2.1)
        )
    assert bench_unet._difference(one, other) > 1e-3


def test_a_picture_costs_its_map_and_its_steps() -> None:
    assert COST.step_ratio == 2.5
    assert COST.published_s == 30.0
    assert COST.ours_s == pytest.approx(0.2)
    assert COST.picture_ratio == pytest.approx(150)


def test_the_table_says_what_was_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    tell(BENCH, json=False, markdown=False)
    told = capsys.readouterr().out
    for text in ("small", "64x96", "30.0", "12.0", "2.50", "150", "2.0e-06", "1 threads", "left"):
        assert text in told


def test_markdown_has_a_cell_for_every_column(capsys: pytest.CaptureFixture[str]) -> None:
    tell(BENCH, json=False, markdown=True)
    lines = capsys.readouterr().out.splitlines()
    assert {line.count("|") for line in lines} == {len(COLUMNS) + 1}
    assert len(lines) == 3


def test_json_has_everything(capsys: pytest.CaptureFixture[str]) -> None:
    tell(BENCH, json=True, markdown=False)
    told = json.loads(capsys.readouterr().out)
    assert told["left_out"] == "bfloat16 is left out."
    assert told["costs"][0]["step_ratio"] == 2.5
    assert told["costs"][0]["published_ms"] == 30.0
