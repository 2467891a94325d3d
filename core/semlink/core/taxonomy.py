"""Names and colours of the classes that label maps speak of. Numpy only."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import UInt8


@dataclass(frozen=True)
class Taxonomy:
    """A data set's classes.

    Attributes:
        name: the key in `TAXONOMIES`.
        classes: names; the index is the value in a label map.
        palette: RGB colours 0..255, one row a class, as the data set's own pictures show them.
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


def _taxonomy(name: str, void: int | None, colours: dict[str, tuple[int, int, int]]) -> Taxonomy:
    palette = np.array(list(colours.values()), np.uint8)
    palette.setflags(write=False)
    return Taxonomy(name, tuple(colours), palette, void)


CAMVID = _taxonomy(  # the 11 classes and colours of SegNet (arXiv:1511.00561)
    "camvid",
    11,
    {
        "sky": (128, 128, 128),
        "building": (128, 0, 0),
        "pole": (192, 192, 128),
        "road": (128, 64, 128),
        "pavement": (60, 40, 222),
        "tree": (128, 128, 0),
        "sign": (192, 128, 128),
        "fence": (64, 64, 128),
        "car": (64, 0, 128),
        "pedestrian": (64, 64, 0),
        "bicyclist": (0, 128, 192),
        "void": (0, 0, 0),
    },
)

TAXONOMIES: dict[str, Taxonomy] = {CAMVID.name: CAMVID}
