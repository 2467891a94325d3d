from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from semlink.core.taxonomy import (
    CAMVID,
    TABLES,
    TAXONOMIES,
    VOIDS,
    Taxonomy,
    spread_colours,
)

EVERY = list(TAXONOMIES.values())

# Classes that the data sets themselves paint like another.
PAINTED_ALIKE = {
    "cityscapes-ids": {
        *("unlabeled", "ego vehicle", "rectification border", "out of roi", "static"),
        *("pole", "polegroup", "car", "license plate"),
    },
    "ade20k": {"road", "skyscraper"},
}

# Positions and colours that papers and released networks rely on.
KNOWN = [
    ("camvid", 3, "road", (128, 64, 128)),
    ("camvid", 11, "void", (0, 0, 0)),
    ("cityscapes", 0, "road", (128, 64, 128)),
    ("cityscapes", 10, "sky", (70, 130, 180)),
    ("cityscapes", 18, "bicycle", (119, 11, 32)),
    ("cityscapes-ids", 7, "road", (128, 64, 128)),
    ("cityscapes-ids", 33, "bicycle", (119, 11, 32)),
    ("cityscapes-ids", 34, "license plate", (0, 0, 142)),
    ("coco-stuff", 0, "person", None),
    ("coco-stuff", 89, "toothbrush", None),
    ("coco-stuff", 91, "banner", None),
    ("coco-stuff", 181, "wood", None),
    ("coco-stuff", 182, "unlabeled", (0, 0, 0)),
    ("ade20k", 0, "wall", (120, 120, 120)),
    ("ade20k", 2, "sky", (6, 230, 230)),
    ("ade20k", 149, "flag", (92, 0, 255)),
    ("ade20k", 150, "other", (0, 0, 0)),
    ("idd", 8, "autorickshaw", (255, 204, 54)),
    ("idd", 25, "sky", (70, 130, 180)),
    ("idd-lite", 0, "drivable", (128, 64, 128)),
    ("idd-lite", 6, "sky", (70, 130, 180)),
]

SIZES = {
    "camvid": 12,
    "cityscapes": 20,
    "cityscapes-ids": 35,
    "coco-stuff": 183,
    "ade20k": 151,
    "idd": 27,
    "idd-lite": 8,
}


@pytest.mark.parametrize("taxonomy", EVERY, ids=lambda taxonomy: taxonomy.name)
def test_every_class_has_a_name_and_a_colour(taxonomy: Taxonomy) -> None:
    assert len(taxonomy.classes) == SIZES[taxonomy.name]
    assert taxonomy.palette.shape == (len(taxonomy.classes), 3)
    assert len(set(taxonomy.classes)) == len(taxonomy.classes)
    assert all(name == name.strip() and name for name in taxonomy.classes)


@pytest.mark.parametrize("taxonomy", EVERY, ids=lambda taxonomy: taxonomy.name)
def test_classes_share_a_colour_only_where_that_is_published(taxonomy: Taxonomy) -> None:
    colours = [tuple(colour) for colour in taxonomy.palette.tolist()]
    counts = Counter(colours)
    shared = {
        name for name, colour in zip(taxonomy.classes, colours, strict=True) if counts[colour] > 1
    }
    assert shared == PAINTED_ALIKE.get(taxonomy.name, set())


@pytest.mark.parametrize(("name", "index", "label", "colour"), KNOWN)
def test_what_others_rely_on(
    name: str, index: int, label: str, colour: tuple[int, int, int] | None
) -> None:
    taxonomy = TAXONOMIES[name]
    assert taxonomy.classes[index] == label
    assert colour is None or tuple(taxonomy.palette[index].tolist()) == colour


@pytest.mark.parametrize("taxonomy", EVERY, ids=lambda taxonomy: taxonomy.name)
def test_void_is_a_class_that_means_nothing_and_is_black(taxonomy: Taxonomy) -> None:
    assert taxonomy.void is not None
    assert taxonomy.classes[taxonomy.void] in ("void", "unlabeled", "other")
    assert not taxonomy.palette[taxonomy.void].any()


@pytest.mark.parametrize("taxonomy", EVERY, ids=lambda taxonomy: taxonomy.name)
def test_a_painted_map_has_the_colours_of_its_classes(taxonomy: Taxonomy) -> None:
    labels = np.random.default_rng(0).integers(len(taxonomy.classes), size=(7, 5)).astype(np.uint8)

    painted = taxonomy.colourise(labels)

    for place in np.ndindex(7, 5):
        np.testing.assert_array_equal(painted[place], taxonomy.palette[labels[place]])


def test_indices_without_a_class_are_black() -> None:
    painted = CAMVID.colourise(np.array([[255, 12]], np.uint8))

    assert not painted.any()


@pytest.mark.parametrize("taxonomy", EVERY, ids=lambda taxonomy: taxonomy.name)
def test_palettes_cannot_be_changed_by_accident(taxonomy: Taxonomy) -> None:
    with pytest.raises(ValueError, match="read-only"):
        taxonomy.palette[0] = 1


def test_names_and_tables_belong_together() -> None:
    assert {path.stem for path in TABLES.glob("*.csv")} == set(VOIDS) == set(TAXONOMIES)
    assert len(TAXONOMIES) == len(VOIDS)
    assert [taxonomy.name for taxonomy in EVERY] == list(TAXONOMIES)
    assert TAXONOMIES["camvid"] is CAMVID
    assert "middle-earth" not in TAXONOMIES


@pytest.mark.parametrize("name", VOIDS)
def test_tables_say_their_source_and_count_their_rows(name: str) -> None:
    lines = (TABLES / f"{name}.csv").read_text(encoding="utf-8").splitlines()
    rows = [line for line in lines if not line.startswith("#")][1:]
    assert lines[0].startswith("# ")
    assert [int(row.split(",")[0]) for row in rows] == list(range(SIZES[name]))


def test_made_colours_are_distinct_and_those_of_neighbours_far_apart() -> None:
    colours = spread_colours(183).astype(int)
    assert len({tuple(colour) for colour in colours.tolist()}) == 183
    assert np.abs(np.diff(colours, axis=0)).sum(1).min() > 100
    np.testing.assert_array_equal(spread_colours(50), colours[:50])
