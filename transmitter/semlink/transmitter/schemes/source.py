"""What every scheme's encoder starts from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

from semlink.core.errors import NotFound
from semlink.core.message import Message
from semlink.core.phy.radio import Radio
from semlink.core.pictures import LabelMap, Rgb, Size, resize
from semlink.core.settings import PhotoSettings
from semlink.transmitter.sqgan.tokenizer import Tokenizer


@dataclass(frozen=True)
class Scene:
    """A photo, understood.

    Attributes:
        labels: class of every pixel of the working picture, 0 .. classes - 1.
        taxonomy: name of the classes, see `core.headers.MapHeader`.
        classes: K, 1 .. 256.
    """

    labels: LabelMap
    taxonomy: str
    classes: int


def no_tokenizer() -> Tokenizer:
    """Stands where no tokenizer is served.

    Raises:
        NotFound: always.
    """
    raise NotFound(
        "this transmitter serves no network that makes tokens.",
        field="tokenizer",
        cure="Start it with the one you want.",
    )


@dataclass(frozen=True)
class Source:
    """A photo, and what it may become.

    Attributes:
        photo: as it came.
        working: size of the working picture.
        settings: the user's.
        radio: how the message will travel, and what it may cost.
        segment: finds the classes; costs the segmentation network's time.
        tokenizer: the network that makes tokens, for schemes that send them.
    """

    photo: Rgb
    working: Size
    settings: PhotoSettings
    radio: Radio
    segment: Callable[[], Scene]
    tokenizer: Callable[[], Tokenizer] = no_tokenizer

    @property
    def size(self) -> Size:
        """Of the photo."""
        return Size(*self.photo.shape[:2])

    @cached_property
    def picture(self) -> Rgb:
        """The working picture."""
        return resize(self.photo, self.working)


Encoder = Callable[[Source], Message]
