"""Learn how often SQ-GAN's codewords occur, and put the tables beside the network's weights.

    python -m semlink.lab.training.token_tables CAMVID --network sqgan-camvid

Counted are the tokens of the training photos that are sent by default, the most important ones.
Both ends of a link need the same tables: after a change, copy the folder to both, and run
scripts/checksums.py for a network of the zoo.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from jaxtyping import Int64
from rich.progress import track

from semlink.core.codecs.tokens import IndexTable, IndexTables
from semlink.core.tokens import SentTokens
from semlink.lab.data import open_data
from semlink.lab.photo_tokens import photo_tokens
from semlink.transmitter.schemes.sqgan import Scored
from semlink.zoo import find


def learn(photos: Iterable[Scored], fraction: float) -> IndexTables:
    """Tables of the tokens that are sent of some photos, at least one.

    Args:
        photos: their tokens.
        fraction: of them that is sent, 0 .. 1.
    """
    both = [(photo.map, photo.picture) for photo in photos]
    of_maps, of_pictures = zip(*both, strict=True)
    return IndexTables(
        IndexTable.learned(occurrences(of_maps, fraction)),
        IndexTable.learned(occurrences(of_pictures, fraction)),
        fingerprint=0,
    )


def occurrences(grids: Sequence[SentTokens], fraction: float) -> Int64[np.ndarray, " codes"]:
    """How often each codeword is among the most important tokens of its grid."""
    sent = [grid.first(max(1, int(fraction * grid.grid.pixels))).indices for grid in grids]
    return np.bincount(np.concatenate(sent), minlength=grids[0].codes)


def main(
    data: Annotated[Path, typer.Argument(help="The data set's folder.")],
    network: Annotated[str, typer.Option(help="Name or folder.")] = "sqgan-camvid",
    segmenter: Annotated[str, typer.Option(help="What finds the classes.")] = "segmenter-camvid",
    kind: Annotated[str, typer.Option(help="Layout of the data set.")] = "camvid",
    splits: Annotated[str, typer.Option(help="Whose photos, by commas.")] = "train",
    fraction: Annotated[float, typer.Option(min=0.01, max=1, help="Sent of all tokens.")] = 0.4,
) -> None:
    """Write the tables and say how many bits an index takes."""
    source = open_data(kind, data, *splits.split(","))
    photos = (source.photo(index) for index in track(range(len(source))))
    tables = learn(photo_tokens(photos, network=network, segmenter=segmenter), fraction)
    tables.save(find(network))
    typer.echo(f"map {tables.map.bits:.2f}, picture {tables.picture.bits:.2f} bits an index")


if __name__ == "__main__":
    typer.run(main)
