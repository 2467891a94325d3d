"""The data sets themselves, where they are at hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from semlink.core.taxonomy import TAXONOMIES
from semlink.lab.data import open_data, open_labelled

SEEN = 12  # maps of each part that are looked at


@pytest.mark.parametrize(("split", "count"), [("train", 367), ("val", 101), ("test", 233)])
def test_camvid(camvid: Path, split: str, count: int) -> None:
    data = open_labelled("camvid", camvid, split)

    assert len(data) == count
    photo, labels = data[0]
    assert photo.shape == (360, 480, 3)
    assert labels.shape == (360, 480)
    seen = classes_of([data.labels(i) for i in range(0, count, count // SEEN)])
    assert seen == set(range(12))


@pytest.mark.parametrize(("split", "count"), [("train", 1403), ("val", 204)])
def test_idd_lite(data_root: Path, split: str, count: int) -> None:
    root = data_root / "idd-lite"
    if not root.is_dir():
        pytest.skip(f"no IDD-lite at {root}; point SEMLINK_DATA at the folder that holds it")
    data = open_labelled("idd-lite", root, split)

    assert len(data) == count
    photo, labels = data[0]
    assert photo.shape == (227, 320, 3)
    assert labels.shape == (227, 320)
    seen = classes_of([data.labels(i) for i in range(0, count, count // SEEN)])
    assert seen == set(range(len(TAXONOMIES["idd-lite"].classes)))


def test_the_road_is_below_and_the_sky_above(data_root: Path, camvid: Path) -> None:
    for kind, road in (("camvid", "road"), ("idd-lite", "drivable")):
        if not (data_root / kind).is_dir():
            pytest.skip(f"no {kind} at {data_root}")
        data = open_labelled(kind, data_root / kind, "val")
        classes = TAXONOMIES[data.taxonomy].classes
        maps = np.stack([data.labels(i) for i in range(0, len(data), len(data) // SEEN)])
        rows = {name: np.nonzero(maps == classes.index(name))[1] for name in (road, "sky")}
        assert rows[road].mean() > 0.65 * maps.shape[1]
        assert rows["sky"].mean() < 0.35 * maps.shape[1]


def test_kodak_is_a_folder_of_pictures(data_root: Path) -> None:
    if not (data_root / "kodak").is_dir():
        pytest.skip(f"no Kodak pictures at {data_root}")
    data = open_data("folder", data_root, "kodak")

    assert len(data) == 24
    assert data.names[0] == "kodak/01.png"
    assert sorted(data.photo(0).shape) == [3, 512, 768]


def classes_of(maps: list[np.ndarray]) -> set[int]:
    return {int(label) for labels in maps for label in np.unique(labels)}
