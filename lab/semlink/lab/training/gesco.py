"""Train a SPADE U-Net to paint street scenes from noisy class maps, as GESCO's receiver does.

    python -m semlink.lab.training.gesco --data CAMVID --out RUN --minutes 100
    python -m semlink.lab.training.gesco --out RUN --export zoo/semlink/zoo/weights/gesco-camvid

The first command goes on where RUN/checkpoint.pt stands, if a run was killed, and leaves the
network in RUN/model. On a GPU, use `--network base --batch 64 --lr 6e-4 --compile`.

Grassucci et al., arXiv:2306.04321. Noise is drawn per sample and per channel, and noisy maps pass
the published denoising block, so that training sees what the receiver will see. The test split is
used for nothing but sample sheets.
"""

from __future__ import annotations

from collections.abc import Sequence

from torch import Generator, Tensor

from semlink.lab.training.command import parse, run
from semlink.lab.training.maps import MapNoise, received_maps
from semlink.lab.training.networks import NETWORKS
from semlink.lab.training.painting import sample_sheet
from semlink.lab.training.trainer import Examples, Task, uniform_timesteps

NOISE = MapNoise()


def examples(clean: Tensor, class_map: Tensor, generator: Generator) -> Examples:
    """Pictures with maps as they come out of the published denoising block."""
    return Examples(
        clean=clean,
        t=uniform_timesteps(len(clean), generator),
        class_map=received_maps(class_map, NOISE, generator),
    )


TASK = Task(examples=examples, sheet=sample_sheet, guidance=2.0)


def main(arguments: Sequence[str] | None = None) -> None:
    """Command line of the training."""
    options = parse(__doc__, arguments)
    run(options, TASK, NETWORKS[options.network])


if __name__ == "__main__":
    main()
