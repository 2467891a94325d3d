"""What every data set is: pictures, mostly with label maps, found once and read when asked for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Integer

from semlink.core.conversions import convert
from semlink.core.errors import CorruptData, NotFound, SemlinkError
from semlink.core.pictures import LabelMap, Rgb, Size, read_photo
from semlink.lab.data.files import read_instances, read_labels, read_picture


@dataclass(frozen=True)
class Pictures:
    """Photos in the order of their files' names.

    Attributes:
        names: of the photos: the part of the data set, folders in it, and the file, by slashes.
        photos: their files.
    """

    names: tuple[str, ...]
    photos: tuple[Path, ...]

    def __len__(self) -> int:
        return len(self.photos)

    def photo(self, index: int) -> Rgb:
        """The photo, upright, within the bounds that a service accepts.

        Raises:
            SemlinkError: as `core.pictures.read_photo`, with the file's name.
        """
        path = self.photos[index]
        try:
            return read_photo(path.read_bytes())
        except SemlinkError as error:
            raise type(error)(error.message, field="photo", value=path, cure=error.cure) from error


class LabelFile(NamedTuple):
    """A label map's file, the taxonomy that its values follow, the file of instances if any."""

    path: Path
    taxonomy: str
    instances: Path | None = None


@dataclass(frozen=True)
class LabelledPictures(Pictures):
    """Photos and label maps of one size each.

    Attributes:
        maps: the label maps' files, in the photos' order.
        taxonomy: of the classes, a key of `core.taxonomy.TAXONOMIES`.
    """

    maps: tuple[LabelFile, ...]
    taxonomy: str

    def photo(self, index: int) -> Rgb:
        """The photo, as its file stores it.

        Raises:
            CorruptData: the file is damaged.
        """
        return read_picture(self.photos[index])

    def labels(self, index: int) -> LabelMap:
        """The classes; what the file leaves unlabelled is void.

        Raises:
            CorruptData: the file is damaged, not of one byte a pixel, or has other values.
        """
        path, taxonomy, _ = self.maps[index]
        return convert(read_labels(path, taxonomy), taxonomy, self.taxonomy)

    def instances(self, index: int) -> Integer[np.ndarray, "_height _width"]:
        """Which object every pixel belongs to: the published numbers, different for each object.

        Cityscapes and IDD count 1000 times the file's class plus the object's number, and give
        the class alone where objects are not told apart.

        Raises:
            NotFound: this photo has no map of instances.
            CorruptData: the file is damaged.
        """
        path = self.maps[index].instances
        if path is None or not path.is_file():
            raise NotFound(
                "there is no map of instances for this photo.",
                field="data",
                value=path or self.photos[index],
            )
        return read_instances(path)

    def __iter__(self) -> Iterator[tuple[Rgb, LabelMap]]:
        return (self[index] for index in range(len(self)))

    def __getitem__(self, index: int) -> tuple[Rgb, LabelMap]:
        """Photo and labels.

        Raises:
            IndexError: past the end.
            CorruptData: as `photo` and `labels`, or they differ in size.
        """
        photo, labels = self.photo(index), self.labels(index)
        if photo.shape[:2] != labels.shape:
            raise CorruptData(
                f"the label map has {Size(*labels.shape)} pixels, "
                f"the photo {Size(*photo.shape[:2])}.",
                field="data",
                value=self.maps[index].path,
            )
        return photo, labels
