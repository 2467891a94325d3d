"""The options of `semlink train sqgan`. Light: nothing heavy is imported here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

import typer

from semlink.lab.training.options import LENGTH, NETWORK, PICTURES, TrainingOptions


def _in(panel: str, text: str) -> Any:
    return typer.Option(help=text, rich_help_panel=panel)


@dataclass(frozen=True, kw_only=True)
class SqganOptions(TrainingOptions):
    """Of the training of SQ-GAN's networks."""

    stage: Annotated[
        str,
        _in(
            NETWORK,
            "What learns: map; picture, under true maps, from a network whose map has learnt; "
            "all, the picture under decoded maps.",
        ),
    ] = "map"
    network: Annotated[
        str,
        _in(NETWORK, "Shape: small, published, or a config.json to take it from."),
    ] = "small"
    start: Annotated[
        str | None, _in(NETWORK, "Name or folder of a network: of the stage before, say.")
    ] = None
    segmenter: Annotated[
        str | None,
        _in(PICTURES, "Name or folder of a segmenter whose maps are learnt from as well."),
    ] = None
    lr: Annotated[
        float, _in(LENGTH, "Peak learning rate; falls to zero with steps or minutes.")
    ] = 3e-4
    adversarial_after: Annotated[int, _in(NETWORK, "Steps before the discriminator joins in.")] = 0
    discriminator: Annotated[int, _in(NETWORK, "Channels of the discriminator's first layer.")] = (
        32
    )
