"""What a training learns from: a data set's pictures, and some that it does not learn from."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from typing import Any, TypeVar

from PIL import Image

from semlink.core.errors import InvalidInput, NotFound
from semlink.core.pictures import FORMATS, Size, working_size
from semlink.lab.data import KINDS, LabelledPictures, Pictures, open_data
from semlink.lab.data.layouts import LAYOUTS
from semlink.lab.data.opening import FOLDER

Data = TypeVar("Data", bound=Pictures)

SHOWN = 5  # pictures on a sample sheet
LOOKED_AT = 100  # pictures whose sizes stand for all


@dataclass(frozen=True)
class Sources:
    """Pictures of one data set.

    Attributes:
        train: what is learnt from.
        held_out: another part of the data set, or where there is none, the same.
        taxonomy: of the label maps; empty where there are none.
    """

    train: Pictures
    held_out: Pictures
    taxonomy: str


def open_sources(layout: str, root: Path, splits: tuple[str, ...]) -> Sources:
    """List a data set's files; nothing is read yet.

    Raises:
        InvalidInput: there is no such layout or no such split.
        NotFound: there is no such folder, it has no photos, or a photo has no label map.
    """
    if layout not in KINDS:
        raise InvalidInput(
            "there is no such layout.",
            field="layout",
            value=layout,
            cure=f"Use one of {', '.join(KINDS)}.",
        )
    if not root.is_dir():
        raise NotFound("there is no such folder.", field="data", value=root)
    if layout == FOLDER:
        every = open_data(FOLDER, root)
        return Sources(every, every, "")
    train = open_data(layout, root, *splits)
    known = LAYOUTS[layout]
    others = [split for split in ("test", "val", "train") if split in known.splits]
    for split in (other for other in others if other not in splits):
        if (root / known.photos.format(split=known.splits[split])).is_dir():
            return Sources(train, open_data(layout, root, split), known.taxonomy)
    return Sources(train, train, known.taxonomy)


def some(data: Data, count: int = SHOWN) -> Data:
    """A few of the pictures, evenly spread."""
    count = min(count, len(data))
    chosen = [(2 * place + 1) * len(data) // (2 * count) for place in range(count)]
    lists: dict[str, Any] = {"names": data.names, "photos": data.photos}
    if isinstance(data, LabelledPictures):
        lists["maps"] = data.maps
    return replace(data, **{name: tuple(each[i] for i in chosen) for name, each in lists.items()})


def training_size(
    data: Pictures, *, short_side: int, height: int | None, width: int | None, multiple: int
) -> Size:
    """Height and width of the training pictures.

    Args:
        data: whose usual aspect is kept, where height and width are not given.
        short_side: in pixels, where height and width are not given.
        height: in pixels.
        width: in pixels.
        multiple: of which both have to be multiples.

    Raises:
        InvalidInput: one of height and width is missing or no such multiple.
    """
    if height is None and width is None:
        return working_size(usual_size(data), short_side, multiple)
    for field, side in (("height", height), ("width", width)):
        if side is None or side < multiple or side % multiple:
            raise InvalidInput(
                "both sides are needed, and this network wants multiples.",
                field=field,
                value=side,
                cure=f"Give --height and --width, multiples of {multiple}.",
            )
    assert height is not None
    assert width is not None
    return Size(height, width)


def usual_size(data: Pictures) -> Size:
    """Median height and width of some of the photos, from their files' heads."""
    sizes = []
    for photo in some(data, LOOKED_AT).photos:
        with Image.open(photo, formats=FORMATS) as picture:
            sizes.append((picture.height, picture.width))
    heights, widths = zip(*sizes, strict=True)
    return Size(round(median(heights)), round(median(widths)))
