from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from semlink.lab import bench_networks
from semlink.lab.bench_networks import NetworksBench, StepCost, measure, tell
from semlink.receiver.diffusion.guidance import guided
from semlink.receiver.diffusion.weights import load_diffusion

COST = StepCost("small", 64, 96, 7.0, 3 << 20, {"plain": 30.0, "kept": 20.0, "batched": 12.0})
BENCH = NetworksBench("cpu", "float32", 1, 5, (COST,))


def test_all_ways_of_every_network_are_measured(tiny_gesco: Path, tiny_spic: Path) -> None:
    bench = measure([str(tiny_gesco), str(tiny_spic)], device="cpu", repeats=1)
    assert [(cost.height, cost.width) for cost in bench.networks] == [(64, 96)] * 2
    for cost in bench.networks:
        assert set(cost.step_ms) == {"plain", "kept", "batched"}
        assert min(cost.prepare_ms, cost.kept_bytes, *cost.step_ms.values()) > 0


def test_all_ways_give_the_same_answer(tiny_gesco: Path) -> None:
    net, _ = load_diffusion(tiny_gesco, torch.device("cpu"), torch.float32)
    x, t, class_map = torch.randn(1, 3, 64, 96), torch.tensor([500.0]), torch.rand(1, 12, 64, 96)
    batched = guided(net, class_map, scale=bench_networks.SCALE)(x, t)
    for keep_bytes in (0, 1 << 30):
        apart = bench_networks._apart(net, class_map, None, keep_bytes=keep_bytes)(x, t)
        torch.testing.assert_close(apart, batched, rtol=1e-5, atol=1e-5)


def test_the_table_has_times_ratio_and_memory(capsys: pytest.CaptureFixture[str]) -> None:
    tell(BENCH, json=False)
    told = capsys.readouterr().out
    for text in ("small", "64x96", "30.0", "12.0", "2.50", "3.0", "1 threads, median of 5"):
        assert text in told


def test_json_has_everything(capsys: pytest.CaptureFixture[str]) -> None:
    tell(BENCH, json=True)
    told = json.loads(capsys.readouterr().out)
    assert told["threads"] == 1
    assert told["networks"][0]["ratio"] == 2.5
    assert told["networks"][0]["step_ms"]["kept"] == 20.0
