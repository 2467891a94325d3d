"""The command line that the trainings of the diffusion networks have in common."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import torch

from semlink.lab.feature_distance import FeatureDistance
from semlink.lab.training.backbone import MEAN, STD, published_backbone
from semlink.lab.training.networks import NETWORKS
from semlink.lab.training.pictures import PackedPictures, pack_camvid, with_found_labels
from semlink.lab.training.precision import allow_fast_kernels
from semlink.lab.training.trainer import Task, Trainer, Training, export, train
from semlink.receiver.device import pick_device
from semlink.receiver.diffusion.unet import UNetConfig
from semlink.transmitter.segmentation import Segmenter
from semlink.zoo import find


def parse(description: str | None, arguments: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, help="CamVid folder")
    parser.add_argument("--out", type=Path, required=True, help="folder of the run")
    parser.add_argument("--network", choices=NETWORKS, default="small")
    parser.add_argument("--start", help="zoo name or folder of a network to start from")
    parser.add_argument("--minutes", type=float, default=Training.minutes)
    parser.add_argument("--batch", type=int, default=Training.batch)
    parser.add_argument("--lr", type=float, default=Training.lr)
    parser.add_argument("--warmup", type=int, default=Training.warmup_steps, help="steps")
    parser.add_argument("--backbone", type=Path, help="SqueezeNet 1.0 for a perceptual loss")
    parser.add_argument("--segmenter", help="zoo name or folder; its maps are trained on as well")
    parser.add_argument("--device", help="cuda where there is one, else cpu")
    parser.add_argument("--compile", action="store_true", help="compile the network for CUDA")
    parser.add_argument("--threads", type=int, default=1, help="of the processor")
    parser.add_argument("--export", type=Path, help="write the network there; no training")
    return parser.parse_args(arguments)


def run(
    options: argparse.Namespace, task: Task, network: UNetConfig, *, even_light: bool = True
) -> None:
    """Train as the command line says, or export.

    Args:
        options: from `parse`.
        task: what to learn.
        network: shape of the network.
        even_light: whether all photos are brought to one exposure.
    """
    if options.export:
        export(options.out, options.export, network, task.guidance)
        return
    torch.set_num_threads(options.threads)
    device = pick_device(options.device)
    allow_fast_kernels(device)
    training = Training(
        minutes=options.minutes,
        batch=options.batch,
        lr=options.lr,
        warmup_steps=options.warmup,
    )
    packed = pack_camvid(options.data, "train", "val", size=(288, 384), even_light=even_light)
    if options.segmenter:
        packed = with_found_labels(packed, Segmenter.load(str(find(options.segmenter))))
    size = (training.height, training.width)
    test = pack_camvid(options.data, "test", size=size, even_light=even_light)
    held_out = PackedPictures(test.photos[::47], test.labels[::47])
    trainer = Trainer(
        task,
        network,
        training,
        packed,
        distance=options.backbone and perceptual_distance(options.backbone),
        device=device,
        compiled=options.compile,
    )
    if options.start:
        trainer.start_from(find(options.start))
    train(trainer, options.out, held_out)


def perceptual_distance(weights: Path) -> FeatureDistance:
    """Distance in the features of SqueezeNet as published."""
    return FeatureDistance(published_backbone(weights), MEAN, STD)
