"""Train a SPADE U-Net to paint street scenes from noisy class maps, as GESCO's receiver does.

    python -m semlink.lab.training.gesco --data CAMVID --out RUN --minutes 100
    python -m semlink.lab.training.gesco --out RUN --export zoo/semlink/zoo/weights/gesco-camvid

The first command goes on where RUN/checkpoint.pt stands, if a run was killed.

Grassucci et al., arXiv:2306.04321. Noise is drawn per sample and per channel, and noisy maps pass
the published denoising block, so that training sees what the receiver will see. The test split is
used for nothing but sample sheets.
"""

from __future__ import annotations

import argparse
import math
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Generator, Tensor

from semlink.core.errors import NotFound
from semlink.lab.training.checkpoint import load_checkpoint, save_checkpoint
from semlink.lab.training.ema import Ema
from semlink.lab.training.maps import MapNoise, one_hot, received_maps
from semlink.lab.training.pictures import PackedPictures, pack_camvid, random_views
from semlink.lab.training.sheets import colourise, save_sheet, to_uint8
from semlink.receiver.denoising.fds import fds
from semlink.receiver.diffusion.guidance import guided
from semlink.receiver.diffusion.samplers import Process, ddim, run, spaced_timesteps
from semlink.receiver.diffusion.schedule import SCHEDULES, Prediction, clean_from
from semlink.receiver.diffusion.unet import SpadeUNet, UNetConfig
from semlink.receiver.diffusion.weights import DiffusionConfig, save_diffusion

CHECKPOINT = "checkpoint.pt"
SCHEDULE = "shifted-cosine"
PREDICTION: Prediction = "clean"  # a narrow network answers a picture sooner than noise
CAMVID_NETWORK = UNetConfig(
    map_channels=12,
    model_channels=32,
    channel_mult=(2, 3, 4, 5),
    res_blocks=(0, 1, 1, 1),
    attention_downsamplings=(8,),
    head_channels=32,
    learn_sigma=False,
    resample="plain",
    spade_hidden=32,
    spade_kernel=1,
    map_resize="area",
    map_stem=True,
    patch=4,
)


@dataclass(frozen=True, kw_only=True)
class Training:
    """One run.

    Attributes:
        minutes: length of the run; the learning rate falls to zero at its end.
        batch: pictures per step.
        lr: highest learning rate.
        warmup_steps: steps until it is reached.
        ema: largest decay of the weights' moving average.
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
    ema: float = 0.998
    loss_cap: float = 5.0
    height: int = 192
    width: int = 256
    seed: int = 0
    save_s: float = 120.0
    sheet_s: float = 600.0
    noise: MapNoise = field(default_factory=MapNoise)

    def learning_rate(self, step: int, elapsed_s: float) -> float:
        """Linear rise over the first steps, then a cosine that follows the clock."""
        done = min(1.0, elapsed_s / (60 * self.minutes))
        rise = min(1.0, (step + 1) / self.warmup_steps)
        return self.lr * rise * 0.5 * (1 + math.cos(math.pi * done))


class Trainer:
    """Network, optimiser and moving average of one run."""

    def __init__(self, config: UNetConfig, training: Training, packed: PackedPictures):
        self.training = training
        self.packed = packed
        torch.manual_seed(training.seed)
        self.net = SpadeUNet(config).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.optimiser = torch.optim.AdamW(
            self.net.parameters(), lr=training.lr, betas=(0.9, 0.99), weight_decay=0.01
        )
        self.ema = Ema(self.net, training.ema)
        self.process = Process(schedule=SCHEDULES[SCHEDULE](), prediction=PREDICTION)
        self.step = 0
        self.elapsed_s = 0.0

    def loss(self, indices: Tensor, generator: Generator) -> Tensor:
        """Weighted squared error of the clean picture on one batch."""
        size = (self.training.height, self.training.width)
        clean, labels = random_views(self.packed, indices, *size, generator)
        class_map = one_hot(labels, self.net.config.map_channels)
        class_map = received_maps(class_map, self.training.noise, generator)
        noise = torch.randn(clean.shape, generator=generator)
        t = torch.randint(len(self.process.schedule), (len(clean),), generator=generator)
        x = self.process.schedule.add_noise(clean, noise, t)
        signal, sigma = self.process.schedule.at(t, x)
        answer = self.net(x, t.float(), self.net.modulations(class_map))
        guess = clean_from(answer, x, signal, sigma, self.process.prediction)
        weight = (1 / sigma.square()).clamp(max=self.training.loss_cap)
        return (weight * (guess - clean).square()).mean()

    def update(self, indices: Tensor, generator: Generator) -> float:
        """One optimiser step; returns the loss."""
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
        return loss.item()

    def averaged(self) -> SpadeUNet:
        """A network with the averaged weights."""
        net = SpadeUNet(self.net.config).eval()
        net.load_state_dict(self.ema.weights)
        return net

    def save(self, path: Path) -> None:
        """Write everything that `resume` needs."""
        save_checkpoint(
            path,
            {
                "net": self.net.state_dict(),
                "ema": self.ema.weights,
                "optimiser": self.optimiser.state_dict(),
                "step": self.step,
                "elapsed_s": self.elapsed_s,
            },
        )

    def resume(self, path: Path) -> None:
        """Go on where the last checkpoint was written, if there is one."""
        state = load_checkpoint(path)
        if state is None:
            return
        self.net.load_state_dict(state["net"])
        self.ema.weights = state["ema"]
        self.optimiser.load_state_dict(state["optimiser"])
        self.step, self.elapsed_s = state["step"], state["elapsed_s"]


def shuffled_batches(pictures: int, batch: int, generator: Generator) -> Iterator[Tensor]:
    """Indices of endless batches; every picture once before any comes again."""
    order = torch.randperm(pictures, generator=generator)
    while True:
        while len(order) < batch:
            order = torch.cat([order, torch.randperm(pictures, generator=generator)])
        yield order[:batch]
        order = order[batch:]


@torch.no_grad()
def paint(
    net: SpadeUNet,
    process: Process,
    class_map: Float[Tensor, "batch classes height width"],
    *,
    steps: int = 12,
    scale: float = 1.5,
    seed: int = 1,
) -> Float[Tensor, "batch 3 height width"]:
    """Pictures in -1..1 for some maps."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(len(class_map), 3, *class_map.shape[-2:], generator=generator)
    denoise = guided(net, class_map, scale=scale)
    timesteps = spaced_timesteps(len(process.schedule), steps)
    return run(ddim(denoise, x, timesteps, process))


def sample_sheet(trainer: Trainer, held_out: PackedPictures, path: Path) -> None:
    """Maps, pictures from clean maps at guidance 1 and 2, and from noisy maps."""
    net, labels = trainer.averaged(), held_out.labels.long()
    clean = one_hot(labels, net.config.map_channels)
    generator = torch.Generator().manual_seed(7)
    noisy = clean + 0.36 * torch.randn(clean.shape, generator=generator)
    noisy = fds(noisy) * clean.amax((2, 3), keepdim=True)
    rows = [
        paint(net, trainer.process, clean, scale=1.0),
        paint(net, trainer.process, clean, scale=2.0),
        paint(net, trainer.process, noisy, scale=2.0),
    ]
    save_sheet(path, [colourise(labels), *map(to_uint8, rows)])


def train(trainer: Trainer, out: Path, held_out: PackedPictures) -> None:
    """Run until the time is over, leaving checkpoints, a log and sample sheets in `out`."""
    training, checkpoint = trainer.training, out / CHECKPOINT
    trainer.resume(checkpoint)
    generator = torch.Generator().manual_seed(training.seed + trainer.step)
    batches = shuffled_batches(len(trainer.packed.photos), training.batch, generator)
    before, losses = trainer.elapsed_s, []
    started = saved = drawn = time.monotonic()
    while trainer.elapsed_s < 60 * training.minutes:
        losses.append(trainer.update(next(batches), generator))
        now = time.monotonic()
        trainer.elapsed_s = before + now - started
        if trainer.step % 50 == 0:
            mean = sum(losses) / len(losses)
            print(f"step {trainer.step} {trainer.elapsed_s:.0f} s loss {mean:.4f}", flush=True)  # noqa: T201
            losses.clear()
        if now - saved > training.save_s:
            trainer.save(checkpoint)
            saved = now
        if now - drawn > training.sheet_s:
            sample_sheet(trainer, held_out, out / f"sheet-{trainer.step:06d}.png")
            drawn = time.monotonic()
    trainer.save(checkpoint)
    sample_sheet(trainer, held_out, out / f"sheet-{trainer.step:06d}.png")


def export(checkpoint: Path, folder: Path) -> None:
    """Write the averaged weights of a run as a network that the receiver loads.

    Raises:
        NotFound: there is no checkpoint.
    """
    state = load_checkpoint(checkpoint)
    if state is None:
        raise NotFound(
            "there is no checkpoint to export.",
            field="out",
            value=checkpoint,
            cure="Train first, or name the folder of the run.",
        )
    config = DiffusionConfig(
        network=CAMVID_NETWORK,
        schedule=SCHEDULE,
        prediction=PREDICTION,
        taxonomy="camvid",
        height=Training.height,
        width=Training.width,
    )
    save_diffusion(folder, config, state["ema"])


def main() -> None:
    """Command line of the training."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, help="CamVid folder")
    parser.add_argument("--out", type=Path, required=True, help="folder of the run")
    parser.add_argument("--minutes", type=float, default=Training.minutes)
    parser.add_argument("--batch", type=int, default=Training.batch)
    parser.add_argument("--lr", type=float, default=Training.lr)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--export", type=Path, help="write the network there; no training")
    options = parser.parse_args()
    if options.export:
        export(options.out / CHECKPOINT, options.export)
        return
    torch.set_num_threads(options.threads)
    training = Training(minutes=options.minutes, batch=options.batch, lr=options.lr)
    packed = pack_camvid(options.data, "train", "val", height=240, width=320)
    test = pack_camvid(options.data, "test", height=training.height, width=training.width)
    held_out = PackedPictures(test.photos[::47], test.labels[::47])
    train(Trainer(CAMVID_NETWORK, training, packed), options.out, held_out)


if __name__ == "__main__":
    main()
