"""The photos of a sweep: found once, known by their content, read when their turn comes."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import TypeVar

from semlink.core.errors import InvalidInput, NotFound
from semlink.core.pictures import LabelMap
from semlink.lab.data import LabelledPictures, open_data
from semlink.lab.data.files import SUFFIXES, list_pictures
from semlink.lab.sweep.plan import Photos

T = TypeVar("T")


@dataclass(frozen=True)
class PhotoFile:
    """One photo.

    Attributes:
        name: for people: the data set's name of it, or the path that was given.
        path: of its file.
        digest: of the file's content, in hex.
        truth: data set and index of its label map, if one is published.
    """

    name: str
    path: Path
    digest: str
    truth: tuple[LabelledPictures, int] | None = None

    def labels(self) -> LabelMap | None:
        """The published label map, of the photo's size; None if there is none.

        Raises:
            CorruptData: its file is damaged.
        """
        return self.truth[0].labels(self.truth[1]) if self.truth else None

    @property
    def taxonomy(self) -> str:
        """Of the published label map; empty without one."""
        return self.truth[0].taxonomy if self.truth else ""


def find_photos(sources: Iterable[Photos]) -> tuple[PhotoFile, ...]:
    """All photos, in the order of the sources; one that is there twice counts once.

    Raises:
        NotFound: a source has no pictures.
        InvalidInput: there is no such layout or split.
    """
    found = {photo.digest: photo for source in sources for photo in _found(source)}
    return tuple(found.values())


def _found(source: Photos) -> Iterator[PhotoFile]:
    path = os.path.expandvars(os.path.expanduser(source.path))
    if not source.layout:
        for file in spread(_files(path), source.count):
            yield PhotoFile(file.as_posix(), file, _digest(file))
        return
    data = open_data(source.layout, Path(path), *([source.split] if source.split else []))
    for index in spread(range(len(data)), source.count):
        file = data.photos[index]
        truth = (data, index) if isinstance(data, LabelledPictures) else None
        yield PhotoFile(data.names[index], file, _digest(file), truth)


def spread(items: Sequence[T], count: int | None) -> Sequence[T]:
    """So many of the items, evenly spread; all of them for None.

    Raises:
        InvalidInput: there are fewer.
    """
    if count is None:
        return items
    if count > len(items):
        raise InvalidInput(
            f"there are {len(items)} photos.", field="photos.count", value=count, cure="Ask less."
        )
    return [items[index * len(items) // count] for index in range(count)]


def _files(path: str) -> list[Path]:
    """The pictures that a path or a pattern names."""
    if Path(path).is_file():
        return [Path(path)]
    if Path(path).is_dir():
        return list_pictures(Path(path), "", "Name a folder with pictures in it, at any depth.")
    files = [Path(name) for name in sorted(glob.glob(path, recursive=True))]
    found = [file for file in files if file.suffix.lower() in SUFFIXES]
    if not found:
        raise NotFound(
            "there are no pictures.", field="photos", value=path, cure="Check the path or pattern."
        )
    return found


def _digest(path: Path) -> str:
    """Of the content, so that a photo is the same by any name; of a path that cannot be read."""
    try:
        content = path.read_bytes()
    except OSError:
        content = str(path).encode()
    return blake2b(content, digest_size=16).hexdigest()
