"""The few shapes that the contact sheet is drawn with; sizes in pixels."""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from semlink.core.pictures import Rgb

Colour = tuple[int, int, int]

PAPER: Colour = (250, 250, 247)
INK: Colour = (28, 32, 38)
PALE: Colour = (118, 124, 132)
PALEST: Colour = (242, 240, 236)
RULE: Colour = (222, 222, 216)
CORNER = 10


class Point(NamedTuple):
    """From the upper left corner."""

    x: int
    y: int


@cache
def font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """Pillow's own typeface, so that a sheet looks the same everywhere."""
    return ImageFont.load_default(size)


class Canvas:
    """A page that grows nowhere: what does not fit is cut.

    Args:
        width: of the page.
        height: of the page.
    """

    def __init__(self, width: int, height: int):
        self.image = Image.new("RGB", (width, height), PAPER)
        self._draw = ImageDraw.Draw(self.image)

    def text(
        self, at: Point, text: str, size: int, colour: Colour = INK, *, anchor: str = "ls"
    ) -> int:
        """Writes on a baseline; says how wide it is."""
        self._draw.text(at, text, fill=colour, font=font(size), anchor=anchor)
        return text_width(text, size)

    def rule(self, at: Point, width: int) -> None:
        """A thin horizontal line."""
        self._draw.rectangle((at.x, at.y, at.x + width - 1, at.y + 1), fill=RULE)

    def box(self, at: Point, width: int, height: int, colour: Colour, corner: int = 4) -> None:
        """A filled rectangle with round corners and a fine outline."""
        corners = (at.x, at.y, at.x + width - 1, at.y + height - 1)
        edge = tuple(int(0.85 * part) for part in colour)
        self._draw.rounded_rectangle(corners, corner, fill=colour, outline=edge)

    def picture(self, at: Point, picture: Rgb, width: int, height: int, *, smooth: bool) -> None:
        """A picture with round corners; maps are not smoothed, so that their edges stay true."""
        method = Image.Resampling.LANCZOS if smooth else Image.Resampling.NEAREST
        scaled = Image.fromarray(picture).resize((width, height), method)
        mask = Image.new("L", (4 * width, 4 * height), 0)
        shape = (0, 0, 4 * width - 1, 4 * height - 1)
        ImageDraw.Draw(mask).rounded_rectangle(shape, 4 * CORNER, fill=255)
        self.image.paste(scaled, at, mask.resize((width, height), Image.Resampling.BOX))

    def placeholder(
        self, at: Point, width: int, height: int, says: tuple[str, str], colour: Colour
    ) -> None:
        """A hatched box where a picture would be, with a loud and a quiet line in its middle."""
        hatch = Image.new("RGB", (width, height), PALEST)
        stripes = ImageDraw.Draw(hatch)
        for left in range(-height, width, 24):
            stripes.line((left, height, left + height, 0), fill=RULE, width=2)
        self.picture(at, np.asarray(hatch), width, height, smooth=True)
        loud = min(72, width // 5)
        quiet = min(28, width // 13)
        middle = Point(at.x + width // 2, at.y + height // 2)
        self._badge(middle, says, loud, quiet)
        self.text(middle, says[0], loud, colour, anchor="ms")
        self.text(Point(middle.x, middle.y + 2 * quiet), says[1], quiet, colour, anchor="ms")

    def _badge(self, middle: Point, says: tuple[str, str], loud: int, quiet: int) -> None:
        """Clears the hatching behind two lines."""
        half = max(text_width(says[0], loud), text_width(says[1], quiet)) // 2 + quiet
        corners = (middle.x - half, middle.y - loud - quiet, middle.x + half, middle.y + 3 * quiet)
        self._draw.rounded_rectangle(corners, CORNER, fill=PALEST)


def text_width(text: str, size: int) -> int:
    """Width of a line."""
    return round(font(size).getlength(text))
