"""CamVid in the folder layout of SegNet: ROOT/{train,val,test}/{images,labels}.

Brostow et al., "Semantic object classes in video", 2009; the split in 367 / 101 / 233 pictures
and 11 classes of Badrinarayanan et al., arXiv:1511.00561.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import UInt8
from PIL import Image

from semlink.core.taxonomy import CAMVID

SPLITS = ("train", "val", "test")
PHOTO_SUFFIXES = (".webp", ".png", ".jpg")


@dataclass(frozen=True)
class CamVid:
    """Photos and label maps of some splits, found once and read when asked for.

    Attributes:
        photos: the photos' files, sorted by split and name.
        maps: the label maps' files, in the same order.
    """

    photos: tuple[Path, ...]
    maps: tuple[Path, ...]

    @classmethod
    def open(cls, root: Path, *splits: str) -> CamVid:
        """List the files of `splits` under `root`.

        Raises:
            FileNotFoundError: a split has no photos, or a photo has no label map.
        """
        photos = [photo for split in splits for photo in _photos(root / split / "images")]
        maps = [photo.parent.parent / "labels" / f"{photo.stem}.png" for photo in photos]
        for path in maps:
            if not path.is_file():
                raise FileNotFoundError(f"{path}: no label map for this photo")
        return cls(tuple(photos), tuple(maps))

    def __len__(self) -> int:
        return len(self.photos)

    def photo(self, index: int) -> UInt8[np.ndarray, "height width 3"]:
        """The photo, RGB."""
        return np.asarray(Image.open(self.photos[index]).convert("RGB"))

    def labels(self, index: int) -> UInt8[np.ndarray, "height width"]:
        """Class indices 0..11, where 11 is void.

        Raises:
            ValueError: the file holds an index above 11.
        """
        labels = np.asarray(Image.open(self.maps[index]))
        if labels.dtype != np.uint8 or labels.ndim != 2 or labels.max() >= len(CAMVID.classes):
            raise ValueError(f"{self.maps[index]}: not a map of one byte a pixel, values 0..11")
        return labels

    def __getitem__(
        self, index: int
    ) -> tuple[UInt8[np.ndarray, "height width 3"], UInt8[np.ndarray, "height width"]]:
        """Photo and labels.

        Raises:
            IndexError: past the end, which is also how iteration stops.
        """
        return self.photo(index), self.labels(index)


def _photos(folder: Path) -> list[Path]:
    photos = sorted(path for path in folder.glob("*") if path.suffix in PHOTO_SUFFIXES)
    if not photos:
        raise FileNotFoundError(
            f"{folder}: no photos; expected ROOT/{{{','.join(SPLITS)}}}/{{images,labels}}"
        )
    return photos
