"""A small data set in memory, as bytes, and random views of it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from jaxtyping import Float, Int64, UInt8
from torch import Generator, Tensor
from torch.nn import functional

from semlink.lab.training.camvid import CamVid


@dataclass(frozen=True, eq=False)
class PackedPictures:
    """Pictures and label maps of one size.

    Attributes:
        photos: RGB bytes.
        labels: class per pixel.
    """

    photos: UInt8[Tensor, "picture 3 height width"]
    labels: UInt8[Tensor, "picture height width"]

    def view(self, index: int, box: tuple[int, int, int, int]) -> tuple[Tensor, Tensor]:
        """Photo (bytes as floats) and labels inside `box`: top, left, height, width."""
        top, left, height, width = box
        rows, columns = slice(top, top + height), slice(left, left + width)
        return self.photos[index, :, rows, columns].float(), self.labels[index, rows, columns]


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
    """Pictures in -1..1 and labels: mild crops, flips and changes of light."""
    photos, labels = [], []
    for index in indices.tolist():
        photo, label = packed.view(index, _random_box(packed, generator))
        photo, label = _shrink(photo[None], height, width)[0], _nearest(label, height, width)
        if torch.rand((), generator=generator) < 0.5:
            photo, label = photo.flip(-1), label.flip(-1)
        photos.append(photo)
        labels.append(label)
    return _relight(torch.stack(photos) / 127.5 - 1, generator), torch.stack(labels).long()


def _random_box(packed: PackedPictures, generator: Generator) -> tuple[int, int, int, int]:
    full_height, full_width = packed.labels.shape[-2:]
    scale = 0.8 + 0.2 * float(torch.rand((), generator=generator))
    height, width = round(full_height * scale), round(full_width * scale)
    top = int(torch.randint(full_height - height + 1, (), generator=generator))
    left = int(torch.randint(full_width - width + 1, (), generator=generator))
    return top, left, height, width


def _relight(photos: Tensor, generator: Generator) -> Tensor:
    shape = (len(photos), 1, 1, 1)
    gain = 1 + 0.1 * (2 * torch.rand(shape, generator=generator) - 1)
    offset = 0.06 * (2 * torch.rand(shape, generator=generator) - 1)
    return (photos * gain + offset).clamp(-1, 1)


def _shrink(photo: Tensor, height: int, width: int) -> Tensor:
    return functional.interpolate(photo, (height, width), mode="bilinear", antialias=True)


def _nearest(labels: Tensor, height: int, width: int) -> Tensor:
    return functional.interpolate(labels[None, None], (height, width), mode="nearest-exact")[0, 0]
