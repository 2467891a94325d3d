"""Files of data sets, which may have any size: pictures, and label maps of one byte a pixel."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from jaxtyping import Int64, Integer
from PIL import Image

from semlink.core.errors import CorruptData, NotFound
from semlink.core.pictures import FORMATS, LabelMap, Rgb

SUFFIXES = frozenset({".bmp", ".jpeg", ".jpg", ".png", ".ppm", ".tif", ".tiff", ".webp"})

STORED: dict[str, tuple[int, ...]] = {
    "camvid": tuple(range(12)),
    "cityscapes": (*range(19), 255),
    "cityscapes-ids": tuple(range(35)),
    "coco-stuff": (*range(182), 255),
    "ade20k": (*range(1, 151), 0),
    "idd": (*range(26), 255),
    "idd-lite": (*range(7), 255),
}
"""By taxonomy: which value every class has in files, in the order of the classes."""


def list_pictures(folder: Path, ending: str, expected: str) -> list[Path]:
    """Pictures at any depth, sorted.

    Args:
        folder: where to look.
        ending: of the names, before the suffix.
        expected: the layout, for the message.

    Raises:
        NotFound: there are none.
    """
    files = folder.rglob(f"[!.]*{ending}.*")
    found = sorted(path for path in files if path.suffix.lower() in SUFFIXES)
    if not found:
        raise NotFound(
            "there are no photos in this folder.", field="data", value=folder, cure=expected
        )
    return found


def read_picture(path: Path) -> Rgb:
    """A photo as the file stores it: label maps know of no other orientation.

    Raises:
        CorruptData: damaged, or not a picture.
    """
    with _opened(path) as picture:
        photo: Rgb = np.array(picture.convert("RGB"))
    return photo


def read_labels(path: Path, taxonomy: str) -> LabelMap:
    """A label map's values as classes of the taxonomy that they follow.

    Raises:
        CorruptData: damaged, not of one byte a pixel, or with a value that is no class.
    """
    with _opened(path) as picture:
        values = np.array(picture)
    if values.dtype != np.uint8 or values.ndim != 2:
        raise CorruptData("the label map has not one byte a pixel.", field="data", value=path)
    classes = _classes(taxonomy)[values]
    if classes.min() < 0:
        raise CorruptData(
            f"the label map has the value {values[classes < 0].max()}, which is no class.",
            field="data",
            value=path,
            cure=f"The classes are those of {taxonomy}.",
        )
    labels: LabelMap = classes.astype(np.uint8)
    return labels


def read_instances(path: Path) -> Integer[np.ndarray, "_height _width"]:
    """A map of numbers of objects, of one or two bytes a pixel.

    Raises:
        CorruptData: damaged, or of another form.
    """
    with _opened(path) as picture:
        values: Integer[np.ndarray, "_height _width"] = np.array(picture)
    if values.dtype.kind not in "iu" or values.ndim != 2:
        raise CorruptData("the map has not one number a pixel.", field="data", value=path)
    return values


def _classes(taxonomy: str) -> Int64[np.ndarray, "256"]:
    """Class by value in a file; -1 where there is none."""
    classes = np.full(256, -1)
    stored = list(STORED[taxonomy])
    classes[stored] = np.arange(len(stored))
    return classes


@contextmanager
def _opened(path: Path) -> Iterator[Image.Image]:
    try:
        with Image.open(path, formats=FORMATS) as picture:
            yield picture
    except (OSError, SyntaxError, ValueError) as error:
        raise CorruptData(
            "the file is damaged, or not a picture.", field="data", value=path
        ) from error
