"""Removal of specks before a map is coded: a small, counted loss for fewer bytes."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from semlink.core.codecs.label_coder.compiling import SOURCES, compiled, compiled_and_kept
from semlink.core.pictures import LabelMap

LABELS = 256
STEPS = np.array([(-1, 0), (0, -1), (0, 1), (1, 0)])  # to the neighbours


class Smoothed(NamedTuple):
    """A map without specks.

    Attributes:
        labels: of every pixel.
        changed: how many pixels differ from the map before.
    """

    labels: LabelMap
    changed: int


def smoothed(labels: LabelMap, pixels: int) -> Smoothed:
    """Fills connected regions of fewer than `pixels` pixels with a label next to them.

    Regions are connected by their edges. In reading order, a region that is too small
    takes the label that most of the pixels along its border have (the lowest of several), again
    and again until it is part of one that is large enough or of the whole map. So only
    pixels of specks change, and what is left has no specks.

    Args:
        labels: of every pixel.
        pixels: of the smallest region that stays; up to 1 changes nothing.
    """
    result = np.array(labels)
    _fill(result, min(pixels, labels.size))
    return Smoothed(result, int((result != labels).sum()))


@compiled
def _spread(labels: np.ndarray, member: np.ndarray, region: np.ndarray, most: int) -> int:
    """Finds the region of pixel `region[0]` as far as `most` pixels.

    Args:
        labels: of every pixel.
        member: false everywhere, and again so on return.
        region: row and column of the pixels found, written.
        most: where to stop.

    Returns:
        How many were found.
    """
    label, found, done = labels[region[0, 0], region[0, 1]], 1, 0
    member[region[0, 0], region[0, 1]] = True
    while done < found and found < most:
        for step in range(4):
            row, column = region[done, 0] + STEPS[step, 0], region[done, 1] + STEPS[step, 1]
            inside = 0 <= row < labels.shape[0] and 0 <= column < labels.shape[1]
            if inside and found < most and labels[row, column] == label:
                if not member[row, column]:
                    member[row, column] = True
                    region[found, 0], region[found, 1] = row, column
                    found += 1
        done += 1
    for index in range(found):
        member[region[index, 0], region[index, 1]] = False
    return found


@compiled
def _majority(labels: np.ndarray, region: np.ndarray, found: int) -> int:
    """The label that most pixels along a region's border have."""
    own = labels[region[0, 0], region[0, 1]]
    votes = np.zeros(LABELS, np.int64)
    for index in range(found):
        for step in range(4):
            row, column = region[index, 0] + STEPS[step, 0], region[index, 1] + STEPS[step, 1]
            if 0 <= row < labels.shape[0] and 0 <= column < labels.shape[1]:
                votes[labels[row, column]] += labels[row, column] != own
    return int(np.argmax(votes))


@compiled_and_kept
def _fill(labels: np.ndarray, pixels: int, sources: int = SOURCES) -> None:
    member, large = np.zeros(labels.shape, np.bool_), np.zeros(labels.shape, np.bool_)
    region = np.zeros((max(pixels, 1), 2), np.int64)
    for row in range(labels.shape[0]):
        for column in range(labels.shape[1]):
            while not large[row, column]:
                region[0, 0], region[0, 1] = row, column
                found = _spread(labels, member, region, pixels)
                if found >= pixels:
                    for index in range(found):
                        large[region[index, 0], region[index, 1]] = True
                    break
                label = _majority(labels, region, found)
                for index in range(found):
                    labels[region[index, 0], region[index, 1]] = label
