"""Score a diffusion network over the whole link, on photos that it was not trained on.

    python -m semlink.lab.training.score CAMVID --photos 40
    python -m semlink.lab.training.score CAMVID --scheme spic --photos 40 --levels 3,8,inf

Each photo of CamVid's test split is sent at several levels. The shipped segmenter looks at the
picture that comes out; the question is how much of the map that was *sent* it finds there.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from semlink.core.pictures import Size
from semlink.core.settings import TransmissionSettings, settings_from_fields
from semlink.lab.confusion import Confusion, count_pairs, mean_iou, no_pairs, pixel_accuracy
from semlink.lab.data import LabelledPictures, open_labelled
from semlink.lab.link import Link
from semlink.transmitter.segmentation import Segmenter
from semlink.zoo import find


def score(
    link: Link,
    segmenter: Segmenter,
    data: LabelledPictures,
    photos: Sequence[int],
    settings: TransmissionSettings,
) -> Confusion:
    """Pixels by the class that was sent and the one found in the reconstruction."""
    total = no_pairs()
    for index in photos:
        result = link.send(data.photo(index), settings)
        picture = result.reconstructed.working_picture
        found = segmenter.label_map(picture, Size(*picture.shape[:2]))
        sent = result.encoded.sent_map
        assert sent is not None  # these networks paint from maps
        total += count_pairs(sent, found)
    return total


def main(
    data: Annotated[Path, typer.Argument(help="CamVid's folder.")],
    scheme: Annotated[str, typer.Option(help="gesco or spic.")] = "gesco",
    network: Annotated[
        str | None,
        typer.Option(help="Zoo name or folder.", show_default="the scheme's own"),
    ] = None,
    photos: Annotated[int, typer.Option(min=1, help="How many, evenly spread.")] = 40,
    levels: Annotated[str, typer.Option(help="PSNR in dB, by commas; inf for none.")] = "5,10,inf",
) -> None:
    """Print mIoU and pixel accuracy against the sent map, in per cent, per level."""
    test = open_labelled("camvid", data, "test")
    chosen = np.linspace(0, len(test) - 1, min(photos, len(test))).round().astype(int).tolist()
    link, segmenter = Link.local(), Segmenter.load(str(find("segmenter-camvid")))
    typer.echo(f"{'PSNR dB':>8}{'mIoU':>8}{'accuracy':>10}")
    for level in levels.split(","):
        settings = settings_from_fields(
            {"scheme": scheme, "network": network, "psnr_db": float(level)}
        )
        counts = score(link, segmenter, test, chosen, settings)
        miou, accuracy = mean_iou(counts), pixel_accuracy(counts)
        typer.echo(f"{level:>8}{100 * miou:8.1f}{100 * accuracy:10.1f}")


if __name__ == "__main__":
    typer.run(main)
