"""Label maps of one taxonomy in the classes of another, after `taxonomies/conversions.toml`.

A segmenter and a generator can so be trained on different data sets.
"""

from __future__ import annotations

import tomllib
from functools import cache

import numpy as np
from jaxtyping import UInt8

from semlink.core.errors import InvalidInput
from semlink.core.pictures import LabelMap
from semlink.core.taxonomy import TABLES, TAXONOMIES, VOIDS, check_taxonomy

Lookup = UInt8[np.ndarray, "256"]

THROUGH: dict[tuple[str, str], str] = {
    ("ade20k", "camvid"): "cityscapes",
    ("ade20k", "idd-lite"): "cityscapes",
    ("coco-stuff", "camvid"): "cityscapes",
    ("coco-stuff", "idd-lite"): "cityscapes",
}
"""Conversions without a table of their own: by way of which taxonomy."""


def convert(labels: LabelMap, source: str, target: str) -> LabelMap:
    """Says every pixel's class in the words of another taxonomy.

    Args:
        labels: classes of `source`.
        source: a key of `TAXONOMIES`.
        target: another.

    Returns:
        Classes of `target`; its void where a class has no counterpart or the index no class.

    Raises:
        InvalidInput: there is no table from `source` to `target`.
    """
    converted: LabelMap = _lookup(source, target)[labels]
    return converted


def targets(source: str) -> tuple[str, ...]:
    """Names of the taxonomies that maps of `source` can be converted to, itself aside."""
    direct = set(_tables().get(source, ()))
    indirect = {target for start, target in THROUGH if start == source}
    return tuple(name for name in TAXONOMIES if name in direct | indirect)


@cache
def _lookup(source: str, target: str) -> Lookup:
    """Target class by source class."""
    if via := THROUGH.get((source, target)):
        chained: Lookup = _lookup(via, target)[_lookup(source, via)]
        return chained
    _check_pair(source, target)
    lookup = np.full(256, VOIDS[target], np.uint8)
    old, new = TAXONOMIES[source].classes, TAXONOMIES[target].classes
    for name, counterpart in _pairs(source, target):
        lookup[old.index(name)] = new.index(counterpart)
    return lookup


def _pairs(source: str, target: str) -> list[tuple[str, str]]:
    """Classes of `source` and what they are called in `target`."""
    if source == target:
        return [(name, name) for name in TAXONOMIES[source].classes]
    table = _tables()[source][target]
    same = [(name, name) for name in table["same"]]
    return same + [(name, to) for to, names in table.items() if to != "same" for name in names]


def _check_pair(source: str, target: str) -> None:
    check_taxonomy(target)
    if target == source or target in targets(source):
        return
    known = targets(source)
    cure = (
        f"Maps of {source} can become maps of {', '.join(known)}."
        if known
        else f"Maps of {', '.join(TAXONOMIES)} can be converted."
    )
    raise InvalidInput(
        "these classes are not known in terms of each other.",
        field="taxonomy",
        value=f"{source} to {target}",
        cure=cure,
    )


@cache
def _tables() -> dict[str, dict[str, dict[str, list[str]]]]:
    """Source, target, class of the target: the classes of the source that become it."""
    return tomllib.loads((TABLES / "conversions.toml").read_text(encoding="utf-8"))
