"""The photos that a report shows: originals, what schemes made of them, and the worst of it."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path

import numpy as np
from PIL import Image

from semlink.core.errors import SemlinkError
from semlink.core.events import Outcome
from semlink.core.pictures import Rgb, Size, resize
from semlink.lab.photo import Photo
from semlink.lab.report.claims import higher_is_better
from semlink.lab.report.figures import shown_levels
from semlink.lab.report.receipt import bytes_digest
from semlink.lab.report.swept import PICTURE, Point, Swept, number
from semlink.lab.report.words import budget_text, level_text, name_of, value_text
from semlink.lab.sweep.photos import spread
from semlink.lab.sweep.rows import Values

WORST = 2  # of a scheme

Crop = tuple[float, float, float, float]


@dataclass(frozen=True)
class Shown:
    """One picture, or the reason why there is none.

    Attributes:
        picture: cropped; None where there is none.
        says: below it, or in its place.
        shape: height and width of it, or of what would be there.
    """

    picture: Rgb | None
    says: str
    shape: tuple[int, int] = (3, 4)

    @cached_property
    def address(self) -> str:
        """The picture itself, as an address."""
        buffer = io.BytesIO()
        assert self.picture is not None
        Image.fromarray(self.picture).save(buffer, "WEBP", lossless=True)
        return "data:image/webp;base64," + base64.b64encode(buffer.getvalue()).decode()


@dataclass(frozen=True)
class PhotoGrid:
    """Photos of one channel, level and budget: a line for each, with the original first.

    Attributes:
        stem: of its files' names.
        title: channel, level and budget.
        columns: above the pictures.
        lines: pictures, by the photo's name.
    """

    stem: str
    title: str
    columns: tuple[str, ...]
    lines: dict[str, tuple[Shown, ...]]


@dataclass(frozen=True)
class Case:
    """One row that is worth a look.

    Attributes:
        row: the row.
        original: the photo.
        picture: what came of it.
    """

    row: Values
    original: Shown
    picture: Shown


def has_pictures(swept: Swept) -> bool:
    """Whether the sweep kept any."""
    return any(swept.picture(row["key"]) for row in swept.rows)


def grids(swept: Swept) -> list[PhotoGrid]:
    """A grid for every channel and budget at the levels that are shown; none without pictures."""
    wanted = swept.plan.report.photos
    if not wanted or not has_pictures(swept):
        return []
    photos = list(swept.photos)
    chosen = spread(photos, min(wanted, len(photos)))
    places: dict[tuple[str, str, float, tuple[str, float] | None], list[Point]] = {}
    for point in swept.points:
        if point.level in shown_levels(swept):
            place = (point.channel, point.level_kind, point.level, point.shared_budget)
            places.setdefault(place, []).append(point)
    return [
        _grid(swept, chosen, points, index)
        for index, points in enumerate(places.values(), start=1)
    ]


def _grid(swept: Swept, photos: Sequence[str], points: Sequence[Point], index: int) -> PhotoGrid:
    first = points[0]
    words = [first.channel, level_text(first.level_kind, first.level)]
    words += [budget_text(first.shared_budget)] if first.shared_budget else []
    lines = {}
    for photo in photos:
        rows = [_row_of(point, photo) for point in points]
        sent = next((row for row in rows if row and row["working_height"]), None)
        original = _original(swept, sent) if sent else Shown(None, "not sent")
        lines[swept.photos[photo]] = (original, *(_shown(swept, row) for row in rows))
    columns = ("original", *(point.system for point in points))
    return PhotoGrid(f"photos-{index}", ", ".join(words), columns, lines)


def _row_of(point: Point, photo: str) -> Values | None:
    """Of the first seed."""
    return next((row for row in point.rows if row["photo_digest"] == photo), None)


def worst_cases(swept: Swept) -> list[Case]:
    """Of every scheme, the pictures that its first metric likes least."""
    metric = first_metric(swept)
    sign = 1.0 if higher_is_better(metric) else -1.0
    cases = []
    for system in swept.systems:
        rows = [row for row in swept.rows if row["system"] == system]
        known = [(value, row) for row in rows if (value := number(row, metric)) is not None]
        known.sort(key=lambda pair: (sign * pair[0], pair[1]["key"]))
        for _, row in known[:WORST]:
            cases.append(Case(row, _original(swept, row), _shown(swept, row)))
    return cases


def first_metric(swept: Swept) -> str:
    """The first with a value of every picture."""
    there = (
        name for name in swept.numbers if any(number(row, name) is not None for row in swept.rows)
    )
    return next(there, "psnr_db")


def _shown(swept: Swept, row: Values | None) -> Shown:
    """The picture that a row kept, with its numbers."""
    if row is None:
        return Shown(None, "not sent")
    shape = _shape(swept, row)
    if row["outcome"] not in PICTURE:
        return Shown(None, row["outcome"], shape)
    path = swept.picture(row["key"])
    if path is None:
        return Shown(None, "not kept", shape)
    try:
        picture = cropped(kept_picture(path), swept.plan.report.crop)
    except OSError:
        return Shown(None, "damaged", shape)
    return Shown(picture, numbers_text(swept, row), shape)


def _shape(swept: Swept, row: Values) -> tuple[int, int]:
    """Height and width of what is shown of a row."""
    left, top, right, bottom = swept.plan.report.crop
    height, width = row["working_height"] or 3, row["working_width"] or 4
    return max(1, round((bottom - top) * height)), max(1, round((right - left) * width))


def numbers_text(swept: Swept, row: Values) -> str:
    """PSNR and the first metric of a row, and whether the picture is whole."""
    names = dict.fromkeys(("psnr_db", first_metric(swept)))
    said = ["partial"] if row["outcome"] == Outcome.PARTIAL else []
    for name in names:
        text = value_text(number(row, name), name)
        said.append(f"{text} dB" if name == "psnr_db" else f"{name_of(name)} {text}")
    return ", ".join(said)


def kept_picture(path: Path) -> Rgb:
    """A picture of a sweep's folder.

    Raises:
        OSError: the file is damaged.
    """
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB"))


def _original(swept: Swept, row: Values) -> Shown:
    size = Size(row["working_height"], row["working_width"])
    picture = original(row["photo_file"], row["photo_digest"], size)
    if picture is None:
        return Shown(None, "the photo is elsewhere", _shape(swept, row))
    return Shown(cropped(picture, swept.plan.report.crop), f"{size}", _shape(swept, row))


@lru_cache(maxsize=256)
def original(file: str, digest: str, size: Size) -> Rgb | None:
    """A photo at the working size, as the transmitter brings it there; None if it is changed."""
    try:
        content = Photo(file).file
        if bytes_digest(content) != digest:
            return None
        return resize(Photo(content).pixels, size)
    except SemlinkError:
        return None


def cropped(picture: Rgb, crop: Crop) -> Rgb:
    """A part of a picture, at least a pixel of it.

    Args:
        picture: the whole.
        crop: left, top, right and bottom, as shares of the sides.
    """
    height, width = picture.shape[:2]
    left, right = round(crop[0] * width), round(crop[2] * width)
    top, bottom = round(crop[1] * height), round(crop[3] * height)
    return picture[top : max(bottom, top + 1), left : max(right, left + 1)]
