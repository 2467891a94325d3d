"""SqueezeNet 1.0 with the weights that were published for ImageNet."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load_file

from semlink.core.errors import InvalidInput
from semlink.transmitter.squeezenet import STAGES, SqueezeNetBackbone, SqueezeNetConfig

MEAN = (123 / 255, 117 / 255, 104 / 255)  # RGB, of the pixels it was trained on
STD = 0.225  # of every channel, by choice: the published weights take pixels of 0..255


def load_published(backbone: SqueezeNetBackbone, weights: Path) -> None:
    """Put the published weights into a backbone, whose pixels then are (RGB of 0..1 - MEAN) / STD.

    As published they take BGR pixels of 0..255 minus the mean; the first layer is turned round.

    Raises:
        InvalidInput: there is no such file, or it holds other weights.
    """
    try:
        state = {name: value.float() for name, value in load_file(weights).items()}
        state["conv1.weight"] = state["conv1.weight"].flip(1) * (255 * STD)
        backbone.load_state_dict({name: state[name] for name in backbone.state_dict()})
    except (OSError, SafetensorError, LookupError, RuntimeError) as error:
        raise InvalidInput(
            "this is no file of SqueezeNet 1.0's weights.",
            field="backbone",
            value=weights,
            cure="Name a .safetensors file with the names of the published release.",
        ) from error


def published_backbone(weights: Path, stages: Sequence[str] = tuple(STAGES)) -> SqueezeNetBackbone:
    """The network with the published weights, answering the features of some stages."""
    backbone = SqueezeNetBackbone(SqueezeNetConfig(out_features=list(stages)))
    load_published(backbone, weights)
    return backbone
