"""What every scheme's encoder starts from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from semlink.core.message import Message
from semlink.core.pictures import LabelMap, Size


@dataclass(frozen=True)
class Scene:
    """A photo, understood.

    Attributes:
        photo: size of the photo.
        labels: class of every pixel of the working picture, 0 .. classes - 1.
        taxonomy: name of the classes, see `core.headers.MapHeader`.
        classes: K, 1 .. 256.
    """

    photo: Size
    labels: LabelMap
    taxonomy: str
    classes: int

    @property
    def working(self) -> Size:
        """Size of the working picture."""
        return Size(*self.labels.shape)


Encoder = Callable[[Scene], Message]
