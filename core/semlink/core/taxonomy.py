"""Names and colours of the classes that label maps speak of. Numpy only.

The tables are files in `taxonomies/`, each with its source; they are read when first asked for.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from colorsys import hls_to_rgb
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from semlink.core.errors import InvalidInput

TABLES = Path(__file__).with_name("taxonomies")

VOIDS: dict[str, int] = {
    "camvid": 11,
    "cityscapes": 19,
    "cityscapes-ids": 0,
    "coco-stuff": 182,
    "ade20k": 150,
    "idd": 26,
    "idd-lite": 7,
}
"""The taxonomies, each with its class that means "unlabelled"."""


@dataclass(frozen=True)
class Taxonomy:
    """A data set's classes.

    Attributes:
        name: the key in `TAXONOMIES`.
        classes: names; the index is the value in a label map.
        palette: RGB colours 0..255, one row a class, as the data set's own pictures show them;
            some data sets paint several classes alike.
        void: the class that means "unlabelled" and is left out of scores; None where all count.
    """

    name: str
    classes: tuple[str, ...]
    palette: UInt8[np.ndarray, "classes 3"]
    void: int | None = None

    def colourise(
        self, labels: UInt8[np.ndarray, "height width"]
    ) -> UInt8[np.ndarray, "height width 3"]:
        """Paint a label map; indices without a class (255, say) are black."""
        colours = np.zeros((256, 3), np.uint8)
        colours[: len(self.palette)] = self.palette
        painted: UInt8[np.ndarray, "height width 3"] = colours[labels]
        return painted


def spread_colours(count: int, void: int | None = None) -> UInt8[np.ndarray, "{count} 3"]:
    """Colours for `count` classes that have none: the same ones always, neighbours far apart.

    Hues go round by the golden ratio, in three lightnesses and two saturations; void is black.
    """
    lightness, saturation = (0.5, 0.68, 0.34), (0.85, 0.5)
    hls = [
        ((0.618034 * index) % 1.0, lightness[index % 3], saturation[index // 3 % 2])
        for index in range(count)
    ]
    colours = np.array([hls_to_rgb(*parts) for parts in hls]).reshape(count, 3)
    if void is not None:
        colours[void] = 0
    return np.round(255 * colours).astype(np.uint8)


class _Taxonomies(Mapping[str, Taxonomy]):
    """The tables of `VOIDS` by name, in that order."""

    def __getitem__(self, name: str) -> Taxonomy:
        if name not in VOIDS:
            raise KeyError(name)
        return _read(name)

    def __iter__(self) -> Iterator[str]:
        return iter(VOIDS)

    def __len__(self) -> int:
        return len(VOIDS)


@cache
def _read(name: str) -> Taxonomy:
    """A table of `taxonomies/`: one class a row, with or without a colour."""
    lines = (TABLES / f"{name}.csv").read_text(encoding="utf-8").splitlines()
    rows = list(csv.DictReader(line for line in lines if not line.startswith("#")))
    if "r" in rows[0]:
        palette = np.array([[row["r"], row["g"], row["b"]] for row in rows]).astype(np.uint8)
    else:
        palette = spread_colours(len(rows), VOIDS[name])
    palette.setflags(write=False)
    return Taxonomy(name, tuple(row["name"] for row in rows), palette, VOIDS[name])


TAXONOMIES: Mapping[str, Taxonomy] = _Taxonomies()

CAMVID = TAXONOMIES["camvid"]


def check_taxonomy(name: str) -> None:
    """Whether there are classes of that name.

    Raises:
        InvalidInput: there are none.
    """
    if name not in TAXONOMIES:
        raise InvalidInput(
            "there are no such classes.",
            field="taxonomy",
            value=name[:80],
            cure=f"Use one of {', '.join(TAXONOMIES)}.",
        )
