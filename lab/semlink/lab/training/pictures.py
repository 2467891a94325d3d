"""A small data set in memory, as bytes, and random views of it."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int64, UInt8
from PIL import Image
from rich.console import Console
from rich.progress import track
from torch import Generator, Tensor
from torch.nn import functional

from semlink.core.conversions import convert
from semlink.core.pictures import LabelMap, Rgb, Size
from semlink.lab.data import LabelledPictures, Pictures
from semlink.transmitter.segmentation import Segmenter

MEAN_LEVEL = 0.48  # of every photo after `even_exposure`; the median of CamVid is 0.38
SMALLEST_VIEW = 0.65  # side of a view over the side of its picture


@dataclass(frozen=True, eq=False)
class PackedPictures:
    """Pictures and label maps of one size.

    Attributes:
        photos: RGB bytes.
        labels: class per pixel.
    """

    photos: UInt8[Tensor, "picture 3 height width"]
    labels: UInt8[Tensor, "picture height width"]

    def to(self, device: torch.device) -> PackedPictures:
        """The same pictures on a device."""
        return PackedPictures(self.photos.to(device), self.labels.to(device))


def pack_pictures(
    data: Pictures, size: Size, *, even_light: bool, void: int = 0
) -> PackedPictures:
    """Read pictures, cut them to one aspect, shrink them to one size, and even the light.

    Photos shrink by area-weighted interpolation, labels by nearest neighbour. A class map does
    not say how dark it was, and a network that has seen dusk paints it at will.

    Args:
        data: with label maps; without, all labels are void.
        size: of all pictures afterwards.
        even_light: whether all photos are brought to one exposure.
        void: class where nothing is labelled.
    """
    photos, labels = [], []
    for index in _counted(len(data)):
        photo, label = _read(data, index, void)
        rows, columns = window_of(Size(*label.shape), size)
        pixels = torch.tensor(photo[rows, columns]).permute(2, 0, 1)[None].float()
        shrunk = _shrink(pixels, *size) / 255
        lit = 255 * (even_exposure(shrunk) if even_light else shrunk)
        photos.append(lit.round().to(torch.uint8)[0])
        labels.append(_nearest(torch.tensor(label[rows, columns]), *size))
    return PackedPictures(torch.stack(photos), torch.stack(labels))


def _counted(count: int) -> Iterable[int]:
    """0 .. `count` - 1, with a bar on stderr where that is a terminal."""
    console = Console(stderr=True)
    hidden = not console.is_terminal
    return track(range(count), "Reading pictures", console=console, transient=True, disable=hidden)


def _read(data: Pictures, index: int, void: int) -> tuple[Rgb, LabelMap]:
    if isinstance(data, LabelledPictures):
        return data[index]
    photo = data.photo(index)
    return photo, np.full(photo.shape[:2], void, np.uint8)


def window_of(picture: Size, like: Size) -> tuple[slice, slice]:
    """Rows and columns of the largest window in the middle that has the aspect of `like`."""
    height = min(picture.height, max(1, round(picture.width * like.height / like.width)))
    width = min(picture.width, max(1, round(picture.height * like.width / like.height)))
    top, left = (picture.height - height) // 2, (picture.width - width) // 2
    return slice(top, top + height), slice(left, left + width)


def found_labels(
    packed: PackedPictures, segmenter: Segmenter, source: str, target: str
) -> UInt8[Tensor, "picture height width"]:
    """What a segmenter finds in pictures, in the words of another taxonomy.

    Args:
        packed: whose labels are not looked at.
        segmenter: names the classes of `source`.
        source: a taxonomy.
        target: another, or the same.
    """
    photos = packed.photos.permute(0, 2, 3, 1).cpu().numpy()
    size = Size(*photos.shape[1:3])
    found = [convert(segmenter.label_map(photo, size), source, target) for photo in photos]
    return torch.tensor(np.stack(found))


def with_labels(packed: PackedPictures, labels: Tensor) -> PackedPictures:
    """Every picture twice: with its own labels, and with others.

    A network that paints found maps has to know what a segmenter gets wrong.
    """
    both = torch.cat([packed.labels, labels.to(packed.labels)])
    return PackedPictures(packed.photos.repeat(2, 1, 1, 1), both)


def even_exposure(
    photos: Float[Tensor, "batch 3 height width"],
) -> Float[Tensor, "batch 3 height width"]:
    """Photos in 0..1 with the gamma that brings their means near MEAN_LEVEL."""
    photos = photos.clamp(0, 1)
    level = photos.mean((1, 2, 3), keepdim=True).clamp(0.01, 0.99)
    gamma = (math.log(MEAN_LEVEL) / level.log()).clamp(0.4, 1.5)
    even: Tensor = photos**gamma
    return even


def random_views(
    packed: PackedPictures,
    indices: Int64[Tensor, " batch"],
    height: int,
    width: int,
    generator: Generator,
) -> tuple[Float[Tensor, "batch 3 {height} {width}"], Int64[Tensor, "batch {height} {width}"]]:
    """Pictures in -1..1 and labels: crops, flips and changes of light.

    Everything happens on the device of `packed`, `indices` and `generator`. Photos are sampled
    at twice the size and averaged, so that shrinking leaves no aliases.
    """
    window = _random_window(len(indices), generator)
    photos = _sample(packed.photos[indices], window, 2 * height, 2 * width, "bilinear")
    labels = _sample(packed.labels[indices, None], window, height, width, "nearest")
    photos = functional.avg_pool2d(photos, 2) / 127.5 - 1
    return _relight(photos, generator), labels[:, 0].long()


def _random_window(
    batch: int, generator: Generator
) -> tuple[Float[Tensor, "batch 2"], Float[Tensor, "batch 2"]]:
    """Centres, and half sides that are negative where flipped, across and down.

    Pictures go from -1 to 1.
    """
    device = generator.device
    share, flip = torch.rand(2, batch, generator=generator, device=device)
    side = SMALLEST_VIEW + (1 - SMALLEST_VIEW) * share
    centre = (1 - side)[:, None] * (
        2 * torch.rand(batch, 2, generator=generator, device=device) - 1
    )
    return centre, torch.stack([torch.where(flip < 0.5, -side, side), side], 1)


def _sample(
    pictures: UInt8[Tensor, "batch channel full_height full_width"],
    window: tuple[Tensor, Tensor],
    height: int,
    width: int,
    mode: str,
) -> Float[Tensor, "batch channel {height} {width}"]:
    centre, half = (corner[:, None, None] for corner in window)
    down = (torch.arange(height, device=centre.device) + 0.5) * 2 / height - 1
    across = (torch.arange(width, device=centre.device) + 0.5) * 2 / width - 1
    places = torch.stack(torch.meshgrid(across, down, indexing="xy"), -1)
    sampled: Tensor = functional.grid_sample(
        pictures.float(),
        centre + half * places,
        mode=mode,
        padding_mode="border",
        align_corners=False,
    )
    return sampled


def _relight(photos: Tensor, generator: Generator) -> Tensor:
    gain, offset = torch.rand(2, len(photos), 1, 1, 1, generator=generator, device=photos.device)
    relit: Tensor = photos * (0.9 + 0.2 * gain) + 0.12 * offset - 0.06
    return relit.clamp(-1, 1)


def _shrink(photo: Tensor, height: int, width: int) -> Tensor:
    return functional.interpolate(photo, (height, width), mode="bilinear", antialias=True)


def nearest(labels: LabelMap, size: Size) -> LabelMap:
    """A map at another size, each pixel the nearest one's label."""
    resized = Image.fromarray(labels).resize((size.width, size.height), Image.Resampling.NEAREST)
    return np.asarray(resized)


def _nearest(labels: Tensor, height: int, width: int) -> Tensor:
    return functional.interpolate(labels[None, None], (height, width), mode="nearest-exact")[0, 0]
