"""Data sets by name: the files are listed, nothing is read yet."""

from __future__ import annotations

from pathlib import Path

from semlink.core.errors import InvalidInput, NotFound
from semlink.lab.data.files import list_pictures
from semlink.lab.data.layouts import LAYOUTS, Layout
from semlink.lab.data.pictures import LabelFile, LabelledPictures, Pictures

FOLDER = "folder"

KINDS = (*LAYOUTS, FOLDER)
"""What `open_data` knows: published layouts, and folders of pictures without labels."""


def open_data(kind: str, root: Path, *splits: str) -> Pictures:
    """A data set in its published layout, or any folder of pictures.

    Args:
        kind: one of `KINDS`.
        root: the data set's folder.
        splits: train, val or test, in that order of pictures; for a plain folder, folders in it,
            or none for all that is in it.

    Returns:
        `LabelledPictures`, or for a plain folder `Pictures`.

    Raises:
        InvalidInput: there is no such kind or no such split.
        NotFound: a split has no photos, or a photo has no label map.
    """
    if _checked("kind", kind, KINDS) == FOLDER:
        return _open_folder(root, splits or ("",))
    return open_labelled(kind, root, *splits)


def open_labelled(kind: str, root: Path, *splits: str) -> LabelledPictures:
    """As `open_data`, for those that have label maps: the keys of `LAYOUTS`."""
    layout = LAYOUTS[_checked("kind", kind, tuple(LAYOUTS))]
    names: list[str] = []
    photos: list[Path] = []
    maps: list[LabelFile] = []
    for split in splits or ("",):
        folder = layout.splits[_checked("split", split, tuple(layout.splits))]
        base = root / layout.photos.format(split=folder)
        for photo in list_pictures(base, layout.ending, layout.expected):
            part = photo.relative_to(base).with_suffix("").as_posix().removesuffix(layout.ending)
            names.append(f"{split}/{part}")
            photos.append(photo)
            maps.append(_find_map(root, layout, folder, part))
    return LabelledPictures(tuple(names), tuple(photos), tuple(maps), layout.taxonomy)


def _find_map(root: Path, layout: Layout, folder: str, part: str) -> LabelFile:
    for kind in layout.maps:
        base = root / kind.folder.format(split=folder)
        path = base / f"{part}{kind.ending}"
        if path.is_file():
            instances = base / f"{part}{kind.instances}" if kind.instances else None
            return LabelFile(path, kind.taxonomy, instances)
    raise NotFound(
        "there is no label map for this photo.",
        field="data",
        value=path,
        cure=layout.note or layout.expected,
    )


def _open_folder(root: Path, parts: tuple[str, ...]) -> Pictures:
    expected = "Name a folder with pictures in it, at any depth."
    photos = [photo for part in parts for photo in list_pictures(root / part, "", expected)]
    names = [photo.relative_to(root).as_posix() for photo in photos]
    return Pictures(tuple(names), tuple(photos))


def _checked(field: str, value: str, known: tuple[str, ...]) -> str:
    if value not in known:
        raise InvalidInput(
            f"there is no such {field}.",
            field=field,
            value=value or "none",
            cure=f"Use one of {', '.join(known)}.",
        )
    return value
