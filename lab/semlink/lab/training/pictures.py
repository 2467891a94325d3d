"""A small data set in memory, as bytes, and random views of it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from jaxtyping import Float, Int64, UInt8
from torch import Generator, Tensor
from torch.nn import functional

from semlink.lab.training.camvid import CamVid

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


def pack_camvid(root: Path, *splits: str, height: int, width: int) -> PackedPictures:
    """Read splits of CamVid and shrink them to one size (labels by nearest neighbour)."""
    photos, labels = [], []
    data = CamVid.open(root, *splits)
    for photo, label in (data[i] for i in range(len(data))):
        pixels = torch.tensor(photo).permute(2, 0, 1)[None].float()
        photos.append(_shrink(pixels, height, width).round().clamp(0, 255).to(torch.uint8)[0])
        labels.append(_nearest(torch.tensor(label), height, width))
    return PackedPictures(torch.stack(photos), torch.stack(labels))


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
    places = _random_places(len(indices), generator)
    photos = _sample(packed.photos[indices], places, (2 * height, 2 * width), "bilinear")
    labels = _sample(packed.labels[indices, None], places, (height, width), "nearest")
    photos = functional.avg_pool2d(photos, 2) / 127.5 - 1
    return _relight(photos, generator), labels[:, 0].long()


def _random_places(batch: int, generator: Generator) -> Float[Tensor, "batch 2 3"]:
    """Affine maps from view to picture (sides -1..1): window, and a flip every other time."""
    scale, across, down, flip = torch.rand(4, batch, generator=generator, device=generator.device)
    scale = SMALLEST_VIEW + (1 - SMALLEST_VIEW) * scale
    room, none = 1 - scale, torch.zeros_like(scale)
    first = torch.stack([torch.where(flip < 0.5, -scale, scale), none, room * (2 * across - 1)], 1)
    second = torch.stack([none, scale, room * (2 * down - 1)], 1)
    return torch.stack([first, second], 1)


def _sample(pictures: Tensor, places: Tensor, size: tuple[int, int], mode: str) -> Tensor:
    grid = functional.affine_grid(places, [len(pictures), 1, *size], align_corners=False)
    sampled: Tensor = functional.grid_sample(
        pictures.float(), grid, mode=mode, padding_mode="border", align_corners=False
    )
    return sampled


def _relight(photos: Tensor, generator: Generator) -> Tensor:
    gain, offset = torch.rand(2, len(photos), 1, 1, 1, generator=generator, device=photos.device)
    relit: Tensor = photos * (0.9 + 0.2 * gain) + 0.12 * offset - 0.06
    return relit.clamp(-1, 1)


def _shrink(photo: Tensor, height: int, width: int) -> Tensor:
    return functional.interpolate(photo, (height, width), mode="bilinear", antialias=True)


def _nearest(labels: Tensor, height: int, width: int) -> Tensor:
    return functional.interpolate(labels[None, None], (height, width), mode="nearest-exact")[0, 0]
