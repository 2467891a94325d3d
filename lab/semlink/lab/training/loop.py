"""The training loop that all trainings share; what they are about is an `Objective`."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import torch
from torch import Generator, Tensor
from torch.nn.utils import clip_grad_norm_
from torch.optim import Optimizer

from semlink.lab.training.ema import Ema
from semlink.lab.training.launching import share_of
from semlink.lab.training.objective import Objective
from semlink.lab.training.order import batch_indices, step_generator
from semlink.lab.training.plan import Plan

if TYPE_CHECKING:
    from accelerate import Accelerator

LOOK_STEPS = 25  # between looks at loss and clock, each of which waits for the device


class Loop:
    """Steps of optimisers, moving averages, the clock; in one process or several.

    What a step does depends on the plan, its number and the weights alone, so a run that goes on
    from a checkpoint ends where an unbroken one does, bit by bit where the kernels are
    deterministic and the learning rate follows the steps.

    Args:
        objective: what is trained; built alike in every process.
        plan: how.
        accelerator: of this process.
    """

    def __init__(self, objective: Objective[Any], plan: Plan, accelerator: Accelerator):
        self.objective, self.plan, self.accelerator = objective, plan, accelerator
        self.averages = {name: Ema(net, plan.ema) for name, net in objective.networks.items()}
        self.step = 0
        self.elapsed_s = 0.0
        self._before_s = time.monotonic()
        self._share = share_of(plan.batch, accelerator)
        self._peaks = {
            name: [group["lr"] for group in optimiser.param_groups]
            for name, optimiser in objective.optimisers.items()
        }

    @property
    def done(self) -> bool:
        """Whether the run is over."""
        return self.plan.done(self.step, self.elapsed_s) >= 1

    @property
    def rate(self) -> float:
        """Learning rate of the next step over its peak."""
        return self.plan.rate(self.step, self.elapsed_s)

    def advance(self) -> dict[str, Tensor]:
        """One step of every optimiser; returns losses without waiting for the device."""
        plan, objective = self.plan, self.objective
        process = self.accelerator.process_index
        generator = step_generator(self.step, plan.seed, process=process, device=objective.device)
        indices = batch_indices(self.step, plan.batch, objective.examples, plan.seed)
        batch = objective.batch(indices[self._share], generator)
        losses: dict[str, Tensor] = {}
        for name in objective.optimisers:
            losses |= self._turn(name, batch, generator)
        self.step += 1
        for name, average in self.averages.items():
            average.update(objective.networks[name], self.step)
        self._tick()
        return losses

    def _turn(self, name: str, batch: Any, generator: Generator) -> dict[str, Tensor]:
        optimiser = self.objective.optimisers[name]
        self._give_turn(name)
        with self.accelerator.autocast():
            losses = self.objective.losses(name, batch, self.step, generator)
        if losses:
            for group, peak in zip(optimiser.param_groups, self._peaks[name], strict=True):
                group["lr"] = peak * self.rate
            optimiser.zero_grad(set_to_none=True)
            self.accelerator.backward(sum(losses.values()))
            weights = _weights(optimiser)
            self._share_gradients(weights)
            clip_grad_norm_(weights, self.plan.clip)
            optimiser.step()
        return {loss: value.detach() for loss, value in losses.items()}

    def _give_turn(self, name: str) -> None:
        """Let gradients reach the weights of one optimiser alone."""
        optimisers = self.objective.optimisers
        if len(optimisers) == 1:
            return
        for other in optimisers.values():
            for weight in _weights(other):
                weight.requires_grad_(False)
        for weight in _weights(optimisers[name]):
            weight.requires_grad_(True)

    def _share_gradients(self, weights: list[Tensor]) -> None:
        """Give every process the mean of all processes' gradients, in one message."""
        if self.accelerator.num_processes == 1:
            return
        gradients = [weight.grad for weight in weights if weight.grad is not None]
        flat = torch.cat([gradient.flatten() for gradient in gradients])
        mean = self.accelerator.reduce(flat, "mean")
        parts = mean.split([gradient.numel() for gradient in gradients])
        for gradient, part in zip(gradients, parts, strict=True):
            gradient.copy_(part.view_as(gradient))

    def _tick(self) -> None:
        """Read the clock; several processes go by that of the first, and look at it seldom."""
        now_s = time.monotonic()
        if self.accelerator.num_processes == 1:
            self.elapsed_s, self._before_s = self.elapsed_s + now_s - self._before_s, now_s
        elif self.step % LOOK_STEPS == 0:
            from accelerate.utils import broadcast

            passed = torch.tensor(now_s - self._before_s, device=self.accelerator.device)
            self.elapsed_s, self._before_s = self.elapsed_s + broadcast(passed).item(), now_s

    def state(self) -> dict[str, Any]:
        """Everything that `load` needs to go on from here."""
        objective = self.objective
        return {
            "identity": dict(objective.identity),
            "networks": {name: net.state_dict() for name, net in objective.networks.items()},
            "averages": {name: average.weights for name, average in self.averages.items()},
            "optimisers": {n: one.state_dict() for n, one in objective.optimisers.items()},
            "step": self.step,
            "elapsed_s": self.elapsed_s,
        }

    def load(self, state: Mapping[str, Any]) -> None:
        """Go on from a state; its identity has been checked."""
        for name, net in self.objective.networks.items():
            net.load_state_dict(state["networks"][name])
            self.averages[name].network.load_state_dict(state["averages"][name])
        for name, optimiser in self.objective.optimisers.items():
            optimiser.load_state_dict(state["optimisers"][name])
        self.step, self.elapsed_s = state["step"], state["elapsed_s"]
        self._before_s = time.monotonic()


def _weights(optimiser: Optimizer) -> list[Tensor]:
    return [weight for group in optimiser.param_groups for weight in group["params"]]
