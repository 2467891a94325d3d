"""Train and score the segmenter that the repository ships: UperNet over SqueezeNet, on CamVid.

    python -m semlink.lab.training.segmenter train CAMVID --backbone FILE --out RUN
    python -m semlink.lab.training.segmenter evaluate CAMVID --model RUN/model

On a GPU, add `--recipe gpu` to the first.

UperNet: Xiao et al., arXiv:1807.10221. The backbone starts from ImageNet, the head from nothing.
"""

from __future__ import annotations

import json
import math
import time
from copy import deepcopy
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import torch
import typer
from jaxtyping import Float, Int64
from PIL import Image
from torch import Generator, Tensor, nn
from torch.nn import functional
from transformers import UperNetConfig, UperNetForSemanticSegmentation

from semlink.core.pictures import LabelMap, Size
from semlink.core.taxonomy import CAMVID
from semlink.lab.confusion import (
    VOID,
    Confusion,
    count_pairs,
    intersection_over_union,
    mean_iou,
    no_pairs,
)
from semlink.lab.data import LabelledPictures, open_labelled
from semlink.lab.training.augment import jitter_colours, random_crop
from semlink.lab.training.backbone import MEAN, STD, load_published
from semlink.lab.training.checkpoint import load_checkpoint, save_checkpoint
from semlink.lab.training.precision import allow_fast_kernels, mixed_precision
from semlink.receiver.device import pick_device
from semlink.transmitter.segmentation import Segmenter
from semlink.transmitter.squeezenet import SqueezeNetConfig, register

app = typer.Typer(no_args_is_help=True, add_completion=False)

CHECKPOINT = "checkpoint.pt"
LOG_STEPS = 20  # between looks at the loss, each of which waits for the device
SAVE_S = 120


@dataclass(frozen=True)
class Recipe:
    """Everything that a run of training depends on, but its data.

    Attributes:
        minutes: length of the run; the learning rate falls to zero with elapsed time.
        crop: rows and columns of a training crop, multiples of 16.
        batch: crops in a step.
        head_rate: peak learning rate of the head, which starts from nothing.
        backbone_rate: peak learning rate of the backbone.
        weight_decay: AdamW's.
        short_side: of the photos in use, written beside the weights.
        seed: of crops and colours.
    """

    minutes: float = 60.0
    crop: tuple[int, int] = (192, 256)
    batch: int = 8
    head_rate: float = 1.5e-3
    backbone_rate: float = 3e-4
    weight_decay: float = 0.02
    short_side: int = 288
    seed: int = 0


RECIPES: dict[str, Recipe] = {
    "cpu": Recipe(),
    "gpu": Recipe(crop=(256, 336), batch=32),
}


def build(hidden_size: int = 64) -> UperNetForSemanticSegmentation:
    """A segmenter with random weights whose classes are CamVid's 11 and void."""
    register()
    names = dict(enumerate(CAMVID.classes))
    config = UperNetConfig(
        backbone_config=SqueezeNetConfig(out_features=["fire4", "fire8", "fire9"]),
        hidden_size=hidden_size,
        use_auxiliary_head=False,
        id2label=names,
        label2id={name: index for index, name in names.items()},
        loss_ignore_index=VOID,
    )
    return UperNetForSemanticSegmentation(config)


def load_backbone(model: UperNetForSemanticSegmentation, weights: Path) -> None:
    """Put the published ImageNet weights of SqueezeNet 1.0 under the head.

    The first layer then stays as it is: a few hundred photos teach it nothing.
    """
    load_published(model.backbone, weights)
    model.backbone.conv1.requires_grad_(False)


def class_weights(labels: list[Tensor]) -> Float[Tensor, "classes"]:
    """1 / log(1.05 + frequency), after Paszke et al. (ENet, arXiv:1606.02147); void weighs 0."""
    counts = sum(torch.bincount(map_.flatten().long(), minlength=VOID + 1) for map_ in labels)
    assert isinstance(counts, Tensor)
    frequency = counts[:VOID] / counts[:VOID].sum()
    return functional.pad(1 / torch.log(1.05 + frequency), (0, 1))


def soft_jaccard(
    logits: Float[Tensor, "batch classes height width"],
    labels: Int64[Tensor, "batch height width"],
) -> Float[Tensor, ""]:
    """One minus the soft intersection over union, mean over the classes of the batch."""
    seen = labels != VOID
    guess = logits.softmax(1) * seen[:, None]
    right = guess.gather(1, labels[:, None])[:, 0]
    both = logits.new_zeros(VOID + 1).index_add(0, labels.flatten(), right.flatten())[:VOID]
    ones = torch.ones_like(right).flatten()
    truth = logits.new_zeros(VOID + 1).index_add(0, labels.flatten(), ones)[:VOID]
    either = guess.sum((0, 2, 3))[:VOID] + truth - both
    score = both / either.clamp(min=1e-6)  # 0 where the class is not there
    return 1 - score.sum() / (truth > 0).sum()


def export(model: UperNetForSemanticSegmentation, folder: Path, short_side: int) -> None:
    """Write the folder that `Segmenter.load` and transformers read, weights in half precision."""
    half: Any = deepcopy(model)
    half.half().save_pretrained(folder)
    preprocessor = {
        "image_processor_type": "SegformerImageProcessor",
        "size": {"shortest_edge": short_side},
        "resample": int(Image.Resampling.BILINEAR),
        "image_mean": MEAN,
        "image_std": [STD] * 3,
    }
    (folder / "preprocessor_config.json").write_text(json.dumps(preprocessor, indent=2) + "\n")


class Training:
    """One run: the network, its moving average, the optimiser, the clock; survives a kill."""

    def __init__(
        self,
        model: UperNetForSemanticSegmentation,
        data: LabelledPictures,
        recipe: Recipe,
        out: Path,
        device: torch.device,
    ) -> None:
        network: Any = model  # the stubs of `to` do not know memory formats
        self.device = device
        self.model: nn.Module = network.to(device, memory_format=torch.channels_last)
        self.average = deepcopy(model).train(False)
        self.recipe, self.out, self.step, self.elapsed_s = recipe, out, 0, 0.0
        pairs = [data[index] for index in range(len(data))]
        photos = [torch.from_numpy(photo.copy()).permute(2, 0, 1) for photo, _ in pairs]
        labels = [torch.from_numpy(labels.copy()) for _, labels in pairs]
        self.photos = [photo.to(device) for photo in photos]
        self.labels = [map_.to(device) for map_ in labels]
        self.weights = class_weights(labels).to(device)
        self.mean = torch.tensor(MEAN, device=device)[:, None, None]
        self.optimiser = self._optimiser()

    def _optimiser(self) -> torch.optim.Optimizer:
        groups: dict[float, list[nn.Parameter]] = {}
        for name, parameter in self.model.named_parameters():
            recipe = self.recipe
            rate = recipe.backbone_rate if name.startswith("backbone") else recipe.head_rate
            if parameter.requires_grad:
                groups.setdefault(rate, []).append(parameter)
        listed = [{"params": params, "peak": rate} for rate, params in groups.items()]
        return torch.optim.AdamW(listed, weight_decay=self.recipe.weight_decay)

    def batch(self) -> tuple[Tensor, Tensor]:
        """Draw crops; which ones depends on the seed and the step alone."""
        seed = self.recipe.seed * 1_000_003 + self.step
        generator = Generator().manual_seed(seed)
        colours = Generator(self.device).manual_seed(~seed & 0xFFFFFFFF)
        chosen = torch.randint(len(self.photos), (self.recipe.batch,), generator=generator)
        crops = [
            random_crop(self.photos[i], self.labels[i], self.recipe.crop, generator)
            for i in chosen.tolist()
        ]
        photos = jitter_colours(torch.stack([photo for photo, _ in crops]), colours)
        return (photos - self.mean) / STD, torch.stack([labels for _, labels in crops])

    def rate(self) -> float:
        """Learning rate over its peak: 200 steps of warming, then half a cosine of the time."""
        done = min(self.elapsed_s / (60 * self.recipe.minutes), 1)
        return min(1, (self.step + 1) / 200) * (0.5 + 0.5 * math.cos(math.pi * done))

    def advance(self) -> Float[Tensor, ""]:
        """One step of AdamW; returns the loss without waiting for the device."""
        for group in self.optimiser.param_groups:
            group["lr"] = group["peak"] * self.rate()
        photos, labels = self.batch()
        with mixed_precision(self.device):
            logits = self.model(photos.contiguous(memory_format=torch.channels_last)).logits
        logits = logits.float()
        entropy = functional.cross_entropy(logits, labels, self.weights, ignore_index=VOID)
        loss = entropy + soft_jaccard(logits, labels)
        self.optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(self.model.parameters(), 5.0)
        self.optimiser.step()
        self.step += 1
        self._average()
        return loss.detach()

    @torch.no_grad()
    def _average(self) -> None:
        decay = min((1 + self.step) / (10 + self.step), 0.995)
        for slow, fast in zip(
            self.average.state_dict().values(), self.model.state_dict().values(), strict=True
        ):
            if slow.is_floating_point():
                slow.lerp_(fast, 1 - decay)

    def save(self) -> None:
        """Replace the checkpoint in one move."""
        state = {
            "model": self.model.state_dict(),
            "average": self.average.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "step": self.step,
            "elapsed_s": self.elapsed_s,
        }
        save_checkpoint(self.out / CHECKPOINT, state)
        export(self.average, self.out / "model", self.recipe.short_side)

    def resume(self) -> None:
        """Go on from the checkpoint, if there is one."""
        state = load_checkpoint(self.out / CHECKPOINT)
        if state is not None:
            self.model.load_state_dict(state["model"])
            self.average.load_state_dict(state["average"])
            self.optimiser.load_state_dict(state["optimiser"])
            self.step, self.elapsed_s = state["step"], state["elapsed_s"]

    def run(self) -> None:
        """Train until the time is used up, with a checkpoint every two minutes."""
        saved_s, started = self.elapsed_s, time.monotonic() - self.elapsed_s
        while self.elapsed_s < 60 * self.recipe.minutes:
            loss = self.advance()
            self.elapsed_s = time.monotonic() - started
            if self.step % LOG_STEPS:
                continue
            typer.echo(f"step {self.step} at {self.elapsed_s:.0f} s: loss {float(loss):.3f}")
            if self.elapsed_s - saved_s > SAVE_S:
                saved_s = self.elapsed_s
                self.save()
        self.save()


def confusion(segmenter: Segmenter, data: LabelledPictures, size: Size | None = None) -> Confusion:
    """Count pixels by true and named class at `size`, or at the size of the label maps.

    True labels go to `size` by nearest neighbour; void pixels are left out.
    """
    total = no_pairs()
    for photo, labels in (data[index] for index in range(len(data))):
        truth = labels if size is None else _nearest(labels, size)
        total += count_pairs(truth, segmenter.label_map(photo, Size(*truth.shape)))
    return total


def _nearest(labels: LabelMap, size: Size) -> LabelMap:
    resized = Image.fromarray(labels).resize((size.width, size.height), Image.Resampling.NEAREST)
    return np.asarray(resized)


Data = Annotated[Path, typer.Argument(help="Folder with train/, val/ and test/.")]


@app.command()
def train(
    data: Data,
    backbone: Annotated[Path, typer.Option(help="SqueezeNet 1.0 trained on ImageNet.")],
    out: Annotated[Path, typer.Option(help="Folder of the run; a run found there goes on.")],
    minutes: Annotated[float, typer.Option(min=0, help="Length of the run.")] = 60,
    splits: Annotated[str, typer.Option(help="What to train on.")] = "train,val",
    recipe: Annotated[str, typer.Option(help="Size of batch and crops: cpu or gpu.")] = "cpu",
    device: Annotated[str | None, typer.Option(help="cuda where there is one, else cpu.")] = None,
    threads: Annotated[int, typer.Option(min=1, help="Of the processor.")] = 1,
) -> None:
    """Train, and write the moving average of the weights to OUT/model every two minutes."""
    if recipe not in RECIPES:
        raise typer.BadParameter(f"choose one of {', '.join(RECIPES)}", param_hint="--recipe")
    torch.set_num_threads(threads)
    torch.manual_seed(0)  # of the head's first weights
    out.mkdir(parents=True, exist_ok=True)
    model = build()
    load_backbone(model, backbone)
    photos = open_labelled("camvid", data, *splits.split(","))
    place = pick_device(device)
    allow_fast_kernels(place)
    training = Training(model, photos, replace(RECIPES[recipe], minutes=minutes), out, place)
    training.resume()
    training.run()


@app.command()
def evaluate(
    data: Data,
    model: Annotated[str, typer.Option(help="Folder or hub id of a segmenter of these classes.")],
    split: Annotated[str, typer.Option(help="What to score on.")] = "test",
    height: Annotated[
        int | None, typer.Option(help="Of the maps; the files' own by default.")
    ] = None,
    width: Annotated[int | None, typer.Option()] = None,
) -> None:
    """Print the intersection over union of every class and their mean, in per cent."""
    size = Size(height, width) if height and width else None
    counts = confusion(Segmenter.load(model), open_labelled("camvid", data, split), size)
    for name, score in zip(CAMVID.classes, intersection_over_union(counts), strict=False):
        typer.echo(f"{name:12}{100 * score:6.1f}")
    typer.echo(f"{'mean':12}{100 * mean_iou(counts):6.1f}")


if __name__ == "__main__":
    app()
