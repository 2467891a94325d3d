"""Train the tables of the label-map coder: what maps of streets have in common.

    python -m semlink.lab.training.label_tables CAMVID --output street-1.bin

The coder learns while it codes. So training is to code the maps of CamVid's training and
validation splits one after another, in several sizes and random order, and keep what was learnt.
"""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import sha256
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from PIL import Image
from rich.progress import track

from semlink.core.codecs.label_coder.coder import learn_map
from semlink.core.codecs.label_coder.logistic import ONE
from semlink.core.codecs.label_coder.mixing import Model
from semlink.core.codecs.label_coder.tables import pack, untrained
from semlink.core.pictures import LabelMap, Size
from semlink.lab.data import open_labelled

SIZES = (Size(192, 256), Size(360, 480))
FIRST_RATES = (6 * ONE // 1000, 2 * ONE // 1000)
LAST_RATES = (2 * ONE // 1000, ONE // 4000)


def scaled(labels: LabelMap, size: Size) -> LabelMap:
    """A map at another size, each pixel the nearest one's label."""
    if labels.shape == size:
        return labels
    image = Image.fromarray(labels)
    return np.asarray(image.resize((size.width, size.height), Image.Resampling.NEAREST))


def train(maps: Iterable[LabelMap], count: int) -> Model:
    """A model that has coded `count` maps, its mixers' rates falling evenly to the last."""
    model = untrained()
    first, last = np.array(FIRST_RATES), np.array(LAST_RATES)
    for index, labels in enumerate(maps):
        model.rates[:] = first + (last - first) * index // max(1, count - 1)
        learn_map(labels, model)
    return model


def main(
    data: Annotated[Path, typer.Argument(help="CamVid's folder.")],
    output: Annotated[Path, typer.Option(help="File to write.")],
    seed: Annotated[int, typer.Option(help="Of the order of the maps.")] = 0,
    splits: Annotated[str, typer.Option(help="Whose maps, by commas.")] = "train,val",
) -> None:
    """Write the tables and say their digest, which goes into the table of tables."""
    source = open_labelled("camvid", data, *splits.split(","))
    todo = [(index, size) for index in range(len(source)) for size in SIZES]
    np.random.default_rng(seed).shuffle(todo)
    maps = (scaled(source.labels(index), size) for index, size in track(todo))
    content = pack(train(maps, len(todo)))
    output.write_bytes(content)
    typer.echo(f"{len(content)} bytes, SHA-256 {sha256(content).hexdigest()}")


if __name__ == "__main__":
    typer.run(main)
