"""Rare things, pasted from pictures of a batch into others (SQ-GAN's data augmentation)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float, Int64
from scipy.ndimage import find_objects, label
from torch import Generator, Tensor

SHARE = 0.9
SMALLEST_PX = 4
"""Smaller things are specks."""


@dataclass(frozen=True, eq=False)
class Thing:
    """A connected region of one class.

    Attributes:
        picture: that it is in.
        window: its rows and columns.
        mask: where in the window it is.
    """

    picture: int
    window: tuple[slice, slice]
    mask: Bool[Tensor, "_height _width"]


def paste_things(
    pictures: Float[Tensor, "batch 3 height width"],
    labels: Int64[Tensor, "batch height width"],
    classes: tuple[int, ...],
    generator: Generator,
) -> tuple[Float[Tensor, "batch 3 height width"], Int64[Tensor, "batch height width"]]:
    """Pictures and labels, most of them with things of others at the places that those have there.

    Nine in ten get a random number of things, large ones first, that overlap no thing of theirs.

    Args:
        pictures: of one batch.
        labels: of their pixels.
        classes: whose connected regions are pasted.
        generator: on any device.
    """
    things = [
        thing for index, one in enumerate(labels) for thing in things_of(one, index, classes)
    ]
    things.sort(key=lambda thing: -int(thing.mask.sum()))
    pictures, pasted = pictures.clone(), labels.clone()
    source = pictures.clone()
    chances = torch.rand(len(labels), 2, generator=generator, device=generator.device).tolist()
    for target, (chance, share) in enumerate(chances):
        if chance < SHARE and things:
            most = 1 + int(share * (len(things) // 2 + 1))
            _paste(pictures[target], pasted[target], target, things, most, source, labels, classes)
    return pictures, pasted


def things_of(
    labels: Int64[Tensor, "height width"], picture: int, classes: tuple[int, ...]
) -> list[Thing]:
    """The connected regions of some classes, each class for itself."""
    found = []
    array = labels.cpu().numpy()
    for wanted in classes:
        regions, _ = label(array == wanted)
        for number, window in enumerate(find_objects(regions), 1):
            mask = regions[window] == number
            if np.count_nonzero(mask) >= SMALLEST_PX:
                found.append(Thing(picture, window, torch.from_numpy(mask).to(labels.device)))
    return found


def _paste(
    picture: Tensor,
    labels: Tensor,
    target: int,
    things: list[Thing],
    most: int,
    source: Tensor,
    source_labels: Tensor,
    classes: tuple[int, ...],
) -> None:
    """Into one picture and its labels, in place."""
    taken = torch.isin(labels, torch.tensor(classes, device=labels.device))
    for thing in things:
        free = not (taken[thing.window] & thing.mask).any()
        if thing.picture == target or not free:
            continue
        where = (..., *thing.window)
        picture[where] = torch.where(thing.mask, source[thing.picture][where], picture[where])
        labels[where] = torch.where(thing.mask, source_labels[thing.picture][where], labels[where])
        taken[thing.window] |= thing.mask
        most -= 1
        if most == 0:
            return
