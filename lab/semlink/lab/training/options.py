"""The options of `semlink train`. Light: nothing heavy is imported here."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

PICTURES = "Pictures"
LENGTH = "Length and learning rate"
NETWORK = "Network"
RUN = "Run"


class Stage(StrEnum):
    """What of a network that has two parts is trained."""

    AUTOENCODER = "autoencoder"
    LATENT = "latent"


def _in(panel: str, text: str, *names: str, least: int | None = None) -> Any:
    return typer.Option(*names, help=text, rich_help_panel=panel, min=least)


@dataclass(frozen=True, kw_only=True)
class TrainingOptions:
    """What all trainings take; the help texts say what each field means."""

    data: Annotated[Path, _in(PICTURES, "Folder of the pictures.")]
    layout: Annotated[
        str,
        _in(
            PICTURES,
            "How the folder is laid out: camvid, cityscapes, cityscapes-ids, coco-stuff, ade20k, "
            "idd, idd-lite, or folder: photos alone.",
        ),
    ]
    splits: Annotated[str, _in(PICTURES, "Parts of the data set to learn from, by commas.")] = (
        "train"
    )
    size: Annotated[
        int, _in(PICTURES, "Short side in pixels; the usual aspect is kept.", least=16)
    ] = 192
    height: Annotated[
        int | None, _in(PICTURES, "Of the training pictures, instead of --size.")
    ] = None
    width: Annotated[int | None, _in(PICTURES, "Of the training pictures, instead of --size.")] = (
        None
    )
    steps: Annotated[int | None, _in(LENGTH, "Length of the training in steps.", least=1)] = None
    minutes: Annotated[
        float | None, _in(LENGTH, "Its length by the clock, instead of --steps.", least=0)
    ] = None
    batch: Annotated[int, _in(LENGTH, "Pictures per step, on all GPUs together.", least=1)] = 8
    lr: Annotated[
        float, _in(LENGTH, "Peak learning rate; falls to zero with steps or minutes.", least=0)
    ] = 8e-4
    warmup: Annotated[
        int, _in(LENGTH, "Steps until the learning rate has risen to its peak.", least=0)
    ] = 200
    start: Annotated[str | None, _in(NETWORK, "Name or folder of a network to start from.")] = None
    backbone: Annotated[
        Path | None,
        _in(NETWORK, "SqueezeNet 1.0 trained on ImageNet, for a loss in its features."),
    ] = None
    out: Annotated[
        Path, _in(RUN, "Folder of the run: checkpoint, network, curves, sample sheets.")
    ]
    resume: Annotated[
        bool, _in(RUN, "Go on with the run in that folder, if there is one.", "--resume")
    ] = False
    seed: Annotated[int, _in(RUN, "Of new weights, and of everything that is drawn.", least=0)] = 0
    save_s: Annotated[
        float, _in(RUN, "Seconds between checkpoints; 0 is every step.", least=0)
    ] = 120.0
    sheet_s: Annotated[float, _in(RUN, "Seconds between sample sheets.", least=0)] = 600.0
    device: Annotated[str | None, _in(RUN, "As torch names it; the best there is by default.")] = (
        None
    )
    threads: Annotated[int | None, _in(RUN, "Of the processor; all by default.", least=1)] = None


@dataclass(frozen=True, kw_only=True)
class DiffusionOptions(TrainingOptions):
    """Of the trainings of diffusion networks."""

    network: Annotated[
        str, _in(NETWORK, "Shape: small, base, or a config.json to take it from.")
    ] = "small"
    segmenter: Annotated[
        str | None,
        _in(PICTURES, "Name or folder of a segmenter whose maps are learnt from as well."),
    ] = None
    compile: Annotated[bool, _in(RUN, "Compile the network for CUDA first.", "--compile")] = False


@dataclass(frozen=True, kw_only=True)
class SgcOptions(TrainingOptions):
    """Of the two trainings of SGC's network."""

    stage: Annotated[
        Stage, _in(NETWORK, "autoencoder; then latent, which starts from the autoencoder's run.")
    ]
    start: Annotated[
        str | None,
        _in(NETWORK, "Folder model of a run: of the autoencoder's, or one to go on from."),
    ] = None
    segmenter: Annotated[
        str | None,
        _in(PICTURES, "Name or folder of a segmenter whose maps are learnt from as well."),
    ] = None
    lr: Annotated[
        float, _in(LENGTH, "Peak learning rate; falls to zero with steps or minutes.", least=0)
    ] = 4e-4


@dataclass(frozen=True, kw_only=True)
class SegmenterOptions(TrainingOptions):
    """Of the training of a segmenter."""

    size: Annotated[
        int, _in(PICTURES, "Short side of the photos that it will look at, in pixels.", least=32)
    ] = 288
    height: Annotated[int | None, _in(PICTURES, "Of a training crop; two thirds of --size.")] = (
        None
    )
    width: Annotated[int | None, _in(PICTURES, "Of a training crop, for the usual aspect.")] = None
    lr: Annotated[
        float, _in(LENGTH, "Peak learning rate of the head; the backbone's is a fifth.", least=0)
    ] = 1.5e-3
    start: Annotated[
        str | None,
        _in(NETWORK, "Name or folder of a segmenter; of other classes, its classifier is new."),
    ] = None
    backbone: Annotated[
        Path | None, _in(NETWORK, "SqueezeNet 1.0 trained on ImageNet, under a new head.")
    ] = None
