"""`semlink train evaluate`: how much of the true label maps a segmenter finds."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from jaxtyping import UInt8
from rich.table import Table

from semlink.core.errors import InvalidInput
from semlink.core.pictures import Size
from semlink.core.taxonomy import TAXONOMIES, Taxonomy
from semlink.lab.confusion import (
    Confusion,
    count_pairs,
    intersection_over_union,
    mean_iou,
    no_pairs,
    pixel_accuracy,
)
from semlink.lab.console import print_json, wide_console
from semlink.lab.data import LabelledPictures, open_labelled
from semlink.lab.training.pictures import nearest
from semlink.transmitter.segmentation import Segmenter
from semlink.transmitter.transmitter import taxonomy_of
from semlink.zoo import find


def evaluate(
    root: Path, layout: str, name: str, *, split: str, size: Size | None, json: bool
) -> None:
    """Print the intersection over union of every class and their mean, in per cent.

    Args:
        root: the data set's folder.
        layout: of the folder, which has label maps.
        name: of a segmenter of the zoo, or its folder.
        split: what to score on.
        size: of the maps that are compared; the files' own by default.
        json: whether as an object on stdout.

    Raises:
        InvalidInput: the segmenter names other classes than the data set.
        NotFound: there are no such data, or no such segmenter.
    """
    data = open_labelled(layout, root, split)
    segmenter = Segmenter.load(find(name))
    found, _ = taxonomy_of(name, segmenter.classes)
    if found != data.taxonomy:
        raise InvalidInput(
            f"it names other classes than those of {data.taxonomy}.",
            field="segmenter",
            value=name,
            cure="Choose one that was trained for this data set.",
        )
    tell(confusion(segmenter, data, size), TAXONOMIES[data.taxonomy], json=json)


def confusion(segmenter: Segmenter, data: LabelledPictures, size: Size | None = None) -> Confusion:
    """Count pixels by true and named class at `size`, or at the size of the label maps.

    True labels go to `size` by nearest neighbour; void pixels are left out. Void is the last
    class here, whatever it is in the taxonomy.
    """
    order = void_last(TAXONOMIES[data.taxonomy])
    void = len(order) - 1
    total = no_pairs(void)
    for photo, labels in data:
        truth = labels if size is None else nearest(labels, size)
        guess = segmenter.label_map(photo, Size(*truth.shape))
        total += count_pairs(order[truth], order[guess], void)
    return total


def void_last(taxonomy: Taxonomy) -> UInt8[np.ndarray, " class"]:
    """New number by class: the same order, but void comes last."""
    count = len(taxonomy.classes)
    scored = [index for index in range(count) if index != taxonomy.void]
    numbers = np.full(count, count - 1, np.uint8)
    numbers[scored] = np.arange(len(scored))
    return numbers


def tell(counts: Confusion, taxonomy: Taxonomy, *, json: bool) -> None:
    """Prints scores in per cent; a class that is neither there nor named has none."""
    names = [name for i, name in enumerate(taxonomy.classes) if i != taxonomy.void]
    scores = dict(zip(names, intersection_over_union(counts).tolist(), strict=True))
    if json:
        known = {name: score for name, score in scores.items() if not np.isnan(score)}
        values = {"iou": known, "mean_iou": mean_iou(counts), "accuracy": pixel_accuracy(counts)}
        print_json(values)
        return
    table = Table("class", "IoU %", box=None)
    for name, score in scores.items():
        table.add_row(name, "-" if np.isnan(score) else f"{100 * score:.1f}")
    table.add_row("mean", f"{100 * mean_iou(counts):.1f}", style="bold")
    wide_console().print(table)
