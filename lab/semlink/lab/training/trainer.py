"""What the trainings of the diffusion networks have in common: the run, and what it leaves."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from jaxtyping import Float, Int64
from torch import Generator, Tensor

from semlink.core.errors import NotFound
from semlink.lab.feature_distance import FeatureDistance
from semlink.lab.training.checkpoint import load_checkpoint, save_checkpoint
from semlink.lab.training.ema import Ema
from semlink.lab.training.maps import one_hot
from semlink.lab.training.pictures import PackedPictures, random_views
from semlink.lab.training.precision import mixed_precision
from semlink.receiver.diffusion.samplers import Process
from semlink.receiver.diffusion.schedule import SCHEDULES, Prediction, clean_from
from semlink.receiver.diffusion.unet import SpadeUNet, UNetConfig
from semlink.receiver.diffusion.weights import DiffusionConfig, load_diffusion, save_diffusion

CHECKPOINT = "checkpoint.pt"
SCHEDULE = "shifted-cosine"
TIMESTEPS = 1000
PREDICTION: Prediction = "clean"  # a narrow network answers a picture sooner than noise
FIRST_LAYER = "input_blocks.0.0.weight"
LOG_STEPS = 25  # between looks at the loss, each of which waits for the device
CPU = torch.device("cpu")


@dataclass(frozen=True, eq=False, kw_only=True)
class Examples:
    """A batch for a denoising network.

    Attributes:
        clean: pictures in -1..1.
        t: timestep of each.
        class_map: what the network is told.
        low_res: coarse pictures in -1..1, where the network takes them.
    """

    clean: Float[Tensor, "batch 3 height width"]
    t: Int64[Tensor, " batch"]
    class_map: Float[Tensor, "batch class height width"]
    low_res: Float[Tensor, "batch coarse low_height low_width"] | None = None


@dataclass(frozen=True, kw_only=True)
class Training:
    """One run.

    Attributes:
        minutes: length of the run; the learning rate falls to zero at its end.
        batch: pictures per step.
        lr: highest learning rate.
        warmup_steps: steps until it is reached.
        ema: largest decay of the weights' moving average.
        perceptual: weight of the distance in features between the guess and the clean picture;
            times the share of signal power, for guesses from noise are no pictures.
        loss_cap: largest weight of a sample's error in the clean picture; the weight is
            1 / sigma^2 (the v-loss) below it.
        height: of the pictures, in pixels.
        width: of the pictures, in pixels.
        seed: of views, timesteps and noise.
        save_s: seconds between checkpoints.
        sheet_s: seconds between sample sheets.
    """

    minutes: float = 100.0
    batch: int = 8
    lr: float = 8e-4
    warmup_steps: int = 200
    ema: float = 0.9995
    perceptual: float = 0.1
    loss_cap: float = 5.0
    height: int = 192
    width: int = 256
    seed: int = 0
    save_s: float = 120.0
    sheet_s: float = 600.0

    def learning_rate(self, step: int, elapsed_s: float) -> float:
        """Linear rise over the first steps, then a cosine that follows the clock."""
        done = min(1.0, elapsed_s / (60 * self.minutes))
        rise = min(1.0, (step + 1) / self.warmup_steps)
        return self.lr * rise * 0.5 * (1 + math.cos(math.pi * done))


@dataclass(frozen=True, kw_only=True)
class Task:
    """What a network is to learn.

    Attributes:
        examples: makes a batch of clean pictures and their one-hot maps.
        sheet: writes a sample sheet of held-out pictures.
        guidance: scale that looks best, for the network's config.
    """

    examples: Callable[[Tensor, Tensor, Generator], Examples]
    sheet: Callable[[SpadeUNet, Process, PackedPictures, Path], None]
    guidance: float


class Trainer:
    """Network, optimiser and moving average of one run.

    Args:
        task: what to learn.
        config: shape of the network.
        training: how to train it.
        packed: what to train it on.
        distance: of pictures in features, where the loss is to heed it.
        device: where all of this lives; on CUDA the network computes in bf16.
        compiled: whether to compile the network; on CUDA only, elsewhere it takes too long.
    """

    def __init__(
        self,
        task: Task,
        config: UNetConfig,
        training: Training,
        packed: PackedPictures,
        *,
        distance: FeatureDistance | None = None,
        device: torch.device = CPU,
        compiled: bool = False,
    ):
        self.task, self.training, self.device = task, training, device
        self.packed = packed.to(device)
        self.distance = distance
        if distance is not None:
            distance.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        torch.manual_seed(training.seed)
        self.net = SpadeUNet(config).to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        on_cuda = device.type == "cuda"
        self._answer = torch.compile(self._ask) if compiled and on_cuda else self._ask
        self.optimiser = torch.optim.AdamW(
            self.net.parameters(),
            lr=training.lr,
            betas=(0.9, 0.99),
            weight_decay=0.01,
            fused=on_cuda,
        )
        self.ema = Ema(self.net, training.ema)
        self.process = Process(schedule=SCHEDULES[SCHEDULE](), prediction=PREDICTION)
        self.schedule = self.process.schedule.to(device)
        self.step = 0
        self.elapsed_s = 0.0

    def _ask(self, x: Tensor, t: Tensor, class_map: Tensor, low_res: Tensor | None) -> Tensor:
        answer: Tensor = self.net(x, t, self.net.modulations(class_map), low_res)
        return answer

    def loss(self, indices: Tensor, generator: Generator) -> Tensor:
        """Weighted error of the clean picture on one batch."""
        size = (self.training.height, self.training.width)
        clean, labels = random_views(self.packed, indices, *size, generator)
        class_map = one_hot(labels, self.net.config.map_channels)
        batch = self.task.examples(clean, class_map, generator)
        noise = torch.randn(batch.clean.shape, generator=generator, device=self.device)
        x = self.schedule.add_noise(batch.clean, noise, batch.t)
        with mixed_precision(self.device):
            answer = self._answer(x, batch.t.float(), batch.class_map, batch.low_res)
        signal, sigma = self.schedule.at(batch.t, x)
        guess = clean_from(answer.float(), x, signal, sigma, self.process.prediction)
        weight = (1 / sigma.square()).clamp(max=self.training.loss_cap)
        loss: Tensor = (weight * (guess - batch.clean).square()).mean()
        if self.distance is not None:
            seen = self.distance(*_same_quarter(guess.clamp(-1, 1), batch.clean, generator))
            loss = loss + self.training.perceptual * (signal.square().flatten() * seen).mean()
        return loss

    def update(self, indices: Tensor, generator: Generator) -> Tensor:
        """One optimiser step; returns the loss without waiting for the device."""
        rate = self.training.learning_rate(self.step, self.elapsed_s)
        for group in self.optimiser.param_groups:
            group["lr"] = rate
        loss = self.loss(indices, generator)
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self.net.parameters(), 1.0)
        self.optimiser.step()
        self.step += 1
        self.ema.update(self.net, self.step)
        return loss.detach()

    def averaged(self) -> SpadeUNet:
        """A network with the averaged weights."""
        net = SpadeUNet(self.net.config).to(self.device).eval()
        net.load_state_dict(self.ema.weights)
        return net

    def start_from(self, folder: Path) -> None:
        """Take over the weights of a network; the run itself begins at its first step.

        Input channels that the network does not have yet begin with weights of zero.
        """
        net, _ = load_diffusion(folder, self.device, torch.float32)
        weights = net.state_dict()
        weights[FIRST_LAYER] = _widened(weights[FIRST_LAYER], self.ema.weights[FIRST_LAYER])
        self.net.load_state_dict(weights)
        self.ema.load(weights)

    def save(self, out: Path) -> None:
        """Write everything that `resume` needs, and the averaged network to `out`/model."""
        write_network(out / "model", self.net.config, self.ema.weights, self.task.guidance)
        save_checkpoint(
            out / CHECKPOINT,
            {
                "net": self.net.state_dict(),
                "ema": self.ema.weights,
                "optimiser": self.optimiser.state_dict(),
                "step": self.step,
                "elapsed_s": self.elapsed_s,
            },
        )

    def resume(self, out: Path) -> None:
        """Go on where the last checkpoint in `out` was written, if there is one."""
        state = load_checkpoint(out / CHECKPOINT)
        if state is None:
            return
        self.net.load_state_dict(state["net"])
        self.ema.load(state["ema"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.step, self.elapsed_s = state["step"], state["elapsed_s"]


def _same_quarter(pictures: Tensor, truth: Tensor, generator: Generator) -> tuple[Tensor, Tensor]:
    """The same random window of both, half as high and wide: a quarter of the work."""
    rows, columns = (side // 2 for side in truth.shape[-2:])
    corner = torch.rand(2, generator=generator, device=generator.device).tolist()
    top, left = int(corner[0] * (rows + 1)), int(corner[1] * (columns + 1))
    window = (..., slice(top, top + rows), slice(left, left + columns))
    flat = {"memory_format": torch.channels_last}
    return pictures[window].contiguous(**flat), truth[window].contiguous(**flat)


def _widened(weight: Tensor, like: Tensor) -> Tensor:
    missing = like.shape[1] - weight.shape[1]
    return torch.cat([weight, weight.new_zeros(len(weight), missing, *weight.shape[2:])], 1)


def uniform_timesteps(batch: int, generator: Generator) -> Int64[Tensor, " batch"]:
    """Timesteps of a batch, all equally likely."""
    return torch.randint(TIMESTEPS, (batch,), generator=generator, device=generator.device)


def shuffled_batches(pictures: int, batch: int, generator: Generator) -> Iterator[Tensor]:
    """Indices of endless batches; every picture once before any comes again."""
    order = torch.empty(0, dtype=torch.int64, device=generator.device)
    while True:
        while len(order) < batch:
            more = torch.randperm(pictures, generator=generator, device=generator.device)
            order = torch.cat([order, more])
        yield order[:batch]
        order = order[batch:]


def train(trainer: Trainer, out: Path, held_out: PackedPictures) -> None:
    """Run until the time is over, leaving checkpoints and sample sheets in `out`.

    Raises:
        FloatingPointError: the loss is no longer a number.
    """
    training = trainer.training
    trainer.resume(out)
    generator = torch.Generator(trainer.device).manual_seed(training.seed + trainer.step)
    batches = shuffled_batches(len(trainer.packed.photos), training.batch, generator)
    losses: list[Tensor] = []
    started = time.monotonic() - trainer.elapsed_s
    saved = drawn = time.monotonic()
    while trainer.elapsed_s < 60 * training.minutes:
        losses.append(trainer.update(next(batches), generator))
        trainer.elapsed_s = time.monotonic() - started
        if trainer.step % LOG_STEPS:
            continue
        report(trainer, losses)
        losses.clear()
        if time.monotonic() - saved > training.save_s:
            trainer.save(out)
            saved = time.monotonic()
        if time.monotonic() - drawn > training.sheet_s:
            draw(trainer, held_out, out)
            drawn = time.monotonic()
    trainer.save(out)
    draw(trainer, held_out, out)


def report(trainer: Trainer, losses: list[Tensor]) -> None:
    """Print the mean of the last losses, for which the device must catch up."""
    mean = torch.stack(losses).mean().item()
    print(f"step {trainer.step} {trainer.elapsed_s:.0f} s loss {mean:.4f}", flush=True)  # noqa: T201
    if not math.isfinite(mean):
        raise FloatingPointError(f"step {trainer.step}: the loss is {mean}")


def draw(trainer: Trainer, held_out: PackedPictures, out: Path) -> None:
    """Write a sample sheet of the averaged weights."""
    path = out / f"sheet-{trainer.step:06d}.png"
    trainer.task.sheet(trainer.averaged(), trainer.process, held_out, path)


def write_network(
    folder: Path, network: UNetConfig, weights: dict[str, Tensor], guidance: float
) -> None:
    """Write weights as a network that the receiver loads; each file changes in one move."""
    config = DiffusionConfig(
        network=network,
        schedule=SCHEDULE,
        prediction=PREDICTION,
        taxonomy="camvid",
        height=Training.height,
        width=Training.width,
        guidance=guidance,
    )
    partial = folder.with_name(folder.name + ".partial")
    save_diffusion(partial, config, weights)
    folder.mkdir(parents=True, exist_ok=True)
    for file in partial.iterdir():
        file.replace(folder / file.name)
    partial.rmdir()


def export(out: Path, folder: Path, network: UNetConfig, guidance: float) -> None:
    """Write the averaged weights of the run in `out` to `folder`.

    Raises:
        NotFound: there is no checkpoint.
        RuntimeError: its weights are those of another network.
    """
    state = load_checkpoint(out / CHECKPOINT)
    if state is None:
        raise NotFound(
            "there is no checkpoint to export.",
            field="out",
            value=out,
            cure="Train first, or name the folder of the run.",
        )
    with torch.device("meta"):
        SpadeUNet(network).load_state_dict(state["ema"], assign=True)
    write_network(folder, network, state["ema"], guidance)
