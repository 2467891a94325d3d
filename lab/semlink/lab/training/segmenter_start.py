"""What the training of a segmenter starts from."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn
from transformers import AutoModelForSemanticSegmentation, UperNetConfig
from transformers import UperNetForSemanticSegmentation as UperNet

from semlink.core.taxonomy import Taxonomy
from semlink.lab.training.backbone import MEAN, STD, load_published
from semlink.transmitter.segmentation import Segmenter
from semlink.transmitter.squeezenet import SqueezeNetConfig, register

CLASSIFIER = "classifier"


@dataclass(frozen=True, eq=False)
class Start:
    """A segmenter to be trained.

    Attributes:
        model: one of transformers'.
        mean: of the channels of a photo in 0..1, as the model wants them taken off.
        std: of the same.
    """

    model: nn.Module
    mean: tuple[float, ...] = MEAN
    std: tuple[float, ...] = (STD,) * 3


def new_segmenter(taxonomy: Taxonomy, *, seed: int = 0, hidden_size: int = 64) -> Start:
    """UperNet over SqueezeNet with random weights, the same for the same seed."""
    register()
    config = UperNetConfig(
        backbone_config=SqueezeNetConfig(out_features=["fire4", "fire8", "fire9"]),
        hidden_size=hidden_size,
        use_auxiliary_head=False,
        **_named(taxonomy),
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return Start(UperNet(config))


def start_from_backbone(weights: Path, taxonomy: Taxonomy, *, seed: int = 0) -> Start:
    """A new head over SqueezeNet 1.0 as it was published, trained on ImageNet.

    Raises:
        InvalidInput: as `load_published`.
    """
    start = new_segmenter(taxonomy, seed=seed)
    backbone: Any = start.model
    load_published(backbone.backbone, weights)
    return start


def start_from_segmenter(folder: str | Path, taxonomy: Taxonomy, *, seed: int = 0) -> Start:
    """A trained segmenter; of other classes, it gets a new classifier and keeps the rest.

    Raises:
        NotFound: as `Segmenter.load`.
    """
    trained = Segmenter.load(folder)
    mean, std = trained.preprocessing.mean, trained.preprocessing.std
    if trained.classes == taxonomy.classes:
        return Start(trained.model, mean, std)
    old: Any = trained.model
    config = type(old.config).from_dict(old.config.to_dict() | _named(taxonomy))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        auto: Any = AutoModelForSemanticSegmentation  # untyped
        model = auto.from_config(config)
    kept = {n: v for n, v in old.state_dict().items() if CLASSIFIER not in n.split(".")}
    model.load_state_dict(kept, strict=False)
    return Start(model, mean, std)


def _named(taxonomy: Taxonomy) -> dict[str, Any]:
    """What a config says of the classes."""
    names = dict(enumerate(taxonomy.classes))
    return {
        "id2label": names,
        "label2id": {name: index for index, name in names.items()},
        "loss_ignore_index": taxonomy.void,
        "semantic_loss_ignore_index": taxonomy.void,
    }
