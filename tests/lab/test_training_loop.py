"""Laws of the training loop, on networks of a few numbers."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Generator, Tensor, nn

from semlink.core.errors import InvalidInput
from semlink.core.pictures import Rgb
from semlink.lab.training.checkpoint import load_checkpoint, save_checkpoint
from semlink.lab.training.ema import Ema
from semlink.lab.training.journal import NO_CURVES
from semlink.lab.training.launching import make_accelerator, share_of
from semlink.lab.training.loop import Loop
from semlink.lab.training.order import batch_indices, step_generator
from semlink.lab.training.plan import Plan
from semlink.lab.training.run import check_run, open_run, save, train

PLAN = Plan(steps=6, batch=4, warmup_steps=2, save_s=0.0)
CPU = torch.device("cpu")


class Fit:
    """A linear network that learns a linear law of noisy points."""

    device, examples = CPU, 10

    def __init__(self, lr: float = 0.1) -> None:
        generator = Generator().manual_seed(0)
        self.points = torch.randn(self.examples, 3, generator=generator)
        self.net = nn.Linear(3, 1)
        with torch.no_grad():
            self.net.weight.copy_(torch.randn(1, 3, generator=generator))
            self.net.bias.zero_()
        self.networks = {"line": self.net}
        self.optimisers = {"line": torch.optim.AdamW(self.net.parameters(), lr=lr)}
        self.identity = {"training": "fit", "inputs": 3}

    def batch(self, indices: Tensor, generator: Generator) -> Tensor:
        noise = torch.randn(len(indices), 3, generator=generator)
        return self.points[indices] + 0.1 * noise

    def losses(
        self, optimiser: str, batch: Tensor, step: int, generator: Generator
    ) -> dict[str, Tensor]:
        error = self.net(batch)[:, 0] - batch.sum(1)
        return {"square": error.square().mean()}

    def sheet(self, averages: Mapping[str, nn.Module]) -> Rgb:
        return np.zeros((4, 6, 3), np.uint8)

    def export(self, averages: Mapping[str, nn.Module], folder: Path) -> None:
        torch.save(averages["line"].state_dict(), folder / "line.pt")


class Duel(Fit):
    """Two players: one draws points, the other tells them from true ones."""

    def __init__(self) -> None:
        super().__init__()
        self.critic = nn.Linear(3, 1)
        self.networks = {"line": self.net, "critic": self.critic}
        self.optimisers = {
            "generator": torch.optim.AdamW(self.net.parameters(), lr=0.1),
            "discriminator": torch.optim.AdamW(self.critic.parameters(), lr=0.1),
        }
        self.seen: list[tuple[str, bool, bool]] = []

    def losses(
        self, optimiser: str, batch: Tensor, step: int, generator: Generator
    ) -> dict[str, Tensor]:
        self.seen.append(
            (optimiser, self.net.weight.requires_grad, self.critic.weight.requires_grad)
        )
        made = self.net(batch) * batch
        if optimiser == "generator":
            return {"fool": -self.critic(made).mean()}
        if step == 0:
            return {}
        return {"tell": (self.critic(made) - self.critic(batch)).mean()}


def loop(objective: Fit | None = None, plan: Plan = PLAN) -> Loop:
    return Loop(objective or Fit(), plan, make_accelerator("cpu"))


def everything(one: Loop) -> list[Tensor]:
    state = one.state()
    nets = [*state["networks"].values(), *state["averages"].values()]
    moments = [
        value
        for optimiser in state["optimisers"].values()
        for group in optimiser["state"].values()
        for value in group.values()
    ]
    return [value for net in nets for value in net.values()] + moments


def quiet(_line: str) -> None:
    pass


def test_a_resumed_run_goes_on_as_if_never_stopped(tmp_path: Path) -> None:
    whole, broken = loop(), loop()
    for _ in range(6):
        whole.advance()
    for _ in range(3):
        broken.advance()
    save(broken, tmp_path)
    broken.advance()  # lost
    (tmp_path / "checkpoint.partial").write_bytes(b"half a checkpoint")
    (tmp_path / "model.partial").mkdir()
    resumed = loop()
    train(resumed, tmp_path, resume=True, say=quiet)
    assert resumed.step == 6
    for ours, theirs in zip(everything(resumed), everything(whole), strict=True):
        assert torch.equal(ours, theirs)


def test_every_optimiser_moves_its_own_weights_alone() -> None:
    duel = Duel()
    run = loop(duel)
    critic = duel.critic.weight.clone()
    run.advance()
    assert torch.equal(duel.critic.weight, critic), "no loss in the first step: it rests"
    assert duel.critic.weight.grad is None
    line = duel.net.weight.clone()
    losses = run.advance()
    assert list(losses) == ["fool", "tell"]
    assert not torch.equal(duel.critic.weight, critic)
    assert not torch.equal(duel.net.weight, line)
    assert set(duel.seen) == {("generator", True, False), ("discriminator", False, True)}


def test_batches_show_every_picture_once_before_any_again() -> None:
    seen = torch.cat([batch_indices(step, 2, 5, 0) for step in range(5)])
    assert sorted(seen[:5].tolist()) == sorted(seen[5:].tolist()) == list(range(5))
    other = torch.cat([batch_indices(step, 2, 5, 1) for step in range(5)])
    assert not torch.equal(seen, other)


def test_no_two_steps_processes_or_seeds_draw_alike() -> None:
    keys = [(step, seed, process) for step in range(3) for seed in range(3) for process in (0, 1)]
    draws = {step_generator(step, seed, process=one).initial_seed() for step, seed, one in keys}
    assert len(draws) == len(keys)


def test_rates_rise_then_fall_with_the_steps_or_the_clock() -> None:
    timed = Plan(minutes=10.0, warmup_steps=100)
    assert timed.rate(49, 0.0) == pytest.approx(0.5)
    assert timed.rate(1000, 300.0) == pytest.approx(0.5)
    assert timed.rate(1000, 600.0) == pytest.approx(0.0)
    counted = Plan(steps=1000, warmup_steps=100)
    assert counted.rate(500, 1e9) == pytest.approx(0.5)
    assert counted.rate(1000, 0.0) == pytest.approx(0.0)
    with pytest.raises(InvalidInput, match="--steps or --minutes"):
        Plan(steps=1, minutes=1.0)


def test_each_group_keeps_its_share_of_the_rate() -> None:
    fit = Fit()
    groups = [{"params": [fit.net.weight], "lr": 0.1}, {"params": [fit.net.bias], "lr": 0.02}]
    fit.optimisers = {"line": torch.optim.AdamW(groups)}
    loop(fit).advance()
    rates = [group["lr"] for group in fit.optimisers["line"].param_groups]
    assert rates == pytest.approx([0.05, 0.01])  # the first of two steps of warming up


def test_the_average_is_the_textbook_one() -> None:
    net = nn.Linear(2, 1)
    ema, expected = Ema(net, 0.5), net.weight.detach().clone()
    nn.init.ones_(net.weight)
    for step in (1, 50):
        ema.update(net, step)
        decay = min(0.5, (1 + step) / (10 + step))
        expected = decay * expected + (1 - decay) * net.weight.detach()
    torch.testing.assert_close(ema.weights["weight"], expected)


def test_the_average_counts_batches_as_the_network_does() -> None:
    net = nn.BatchNorm1d(2)
    ema = Ema(net, 0.5)
    net(torch.randn(4, 2, generator=Generator().manual_seed(0)))
    ema.update(net, 1)
    assert ema.weights["num_batches_tracked"] == 1
    assert not torch.equal(ema.weights["running_mean"], torch.zeros(2))


def test_average_forgets_the_start_of_a_short_run() -> None:
    net = nn.Linear(1, 1, bias=False)
    nn.init.constant_(net.weight, 100.0)
    ema = Ema(net, 0.999)
    nn.init.ones_(net.weight)
    for step in range(1, 101):
        ema.update(net, step)
    assert ema.weights["weight"].item() == pytest.approx(1.0, abs=0.1)


def test_a_save_that_breaks_off_leaves_the_old_checkpoint(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.pt"
    save_checkpoint(path, {"step": 1})
    with pytest.raises((AttributeError, TypeError, RuntimeError)):
        save_checkpoint(path, {"step": lambda: 2})
    assert load_checkpoint(path) == {"step": 1}


def test_a_run_is_not_overwritten(tmp_path: Path) -> None:
    check_run(tmp_path / "run", resume=False)
    save(loop(), open_run(tmp_path / "run"))
    with pytest.raises(InvalidInput, match="--resume"):
        check_run(tmp_path / "run", resume=False)
    check_run(tmp_path / "run", resume=True)
    (tmp_path / "file").write_text("")
    for name in ("file", "file/run"):
        with pytest.raises(InvalidInput, match="nothing can be written"):
            check_run(tmp_path / name, resume=False)


def test_a_run_of_another_shape_is_not_resumed(tmp_path: Path) -> None:
    save(loop(), tmp_path)
    other = Fit()
    other.identity = {"training": "fit", "inputs": 4}
    with pytest.raises(InvalidInput, match="inputs 3, this one 4"):
        train(loop(other), tmp_path, resume=True, say=quiet)


def test_curves_and_sheets_are_what_was_said(tmp_path: Path) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    lines: list[str] = []
    train(loop(), tmp_path, resume=False, say=lines.append)
    curves = EventAccumulator(str(tmp_path / "curves")).Reload()
    squares = curves.Scalars("loss/square")
    assert [event.step for event in squares] == [1, 2, 3, 4, 5, 6]
    for event, line in zip(squares, lines, strict=True):
        assert f"step {event.step}, " in line
        assert f"square {event.value:.4f}" in line
    rates = [event.value for event in curves.Scalars("learning rate over its peak")]
    assert rates == pytest.approx([PLAN.rate(step, 0.0) for step in range(1, 7)], abs=1e-6)
    assert curves.Scalars("pictures per s")[0].value > 0
    assert curves.Images("sheet")[0].width == 6
    assert (tmp_path / "sheet-000006.png").exists()


def test_without_tensorboard_it_trains_and_says_so_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    lines: list[str] = []
    train(loop(), tmp_path, resume=False, say=lines.append)
    assert lines.count(NO_CURVES) == 1
    assert not (tmp_path / "curves").exists()


def test_a_batch_is_shared_out_evenly() -> None:
    class Three:
        num_processes, process_index = 3, 1

    assert share_of(6, Three()) == slice(2, 4)
    with pytest.raises(InvalidInput, match="multiple of 3"):
        share_of(8, Three())


TWO = """
import sys, torch
from test_training_loop import Fit, loop, PLAN
class Still(Fit):
    def batch(self, indices, generator):
        return self.points[indices]
one = loop(Still(), PLAN)
for _ in range(6):
    one.advance()
if one.accelerator.is_main_process:
    torch.save(one.state(), sys.argv[1])
one.accelerator.end_training()
"""


def run_in(processes: int, folder: Path) -> Any:
    script, out = folder / "two.py", folder / f"{processes}.pt"
    script.write_text(TWO)
    launch = ["--cpu", "--num_processes", str(processes), "--num_machines", "1"]
    port = ["--mixed_precision", "no", "--dynamo_backend", "no", "--main_process_port", "0"]
    subprocess.run(
        [sys.executable, "-m", "accelerate.commands.launch", *launch, *port, script, out],
        env=os.environ
        | {"PYTHONPATH": os.pathsep.join([str(Path(__file__).parent), *sys.path])}
        | {"OMP_NUM_THREADS": "1"},
        check=True,
        timeout=600,
    )
    return torch.load(out, weights_only=True)


@pytest.mark.slow
def test_two_processes_train_as_one_does(tmp_path: Path) -> None:
    """Half of the batch in each, gradients averaged: the same steps but for rounding."""
    one, two = run_in(1, tmp_path), run_in(2, tmp_path)
    assert one["step"] == two["step"] == 6
    torch.testing.assert_close(one["networks"], two["networks"], rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(one["averages"], two["averages"], rtol=1e-5, atol=1e-6)
