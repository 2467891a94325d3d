from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from semlink.lab.training.camvid import CamVid

SPLIT_SIZES = {"train": 367, "val": 101, "test": 233}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Two splits of two pictures of 6x4, lossless, and a file that is no photo."""
    for split in ("train", "val"):
        for kind in ("images", "labels"):
            (tmp_path / split / kind).mkdir(parents=True)
        for number in (1, 0):
            photo = np.full((4, 6, 3), 10 * number, np.uint8)
            labels = np.full((4, 6), 11 - number, np.uint8)
            name = f"{split}{number}"
            Image.fromarray(photo).save(tmp_path / split / "images" / f"{name}.png")
            Image.fromarray(labels).save(tmp_path / split / "labels" / f"{name}.png")
        (tmp_path / split / "images" / "readme.txt").touch()
    return tmp_path


def test_pairs_come_in_the_order_of_their_names(root: Path) -> None:
    data = CamVid.open(root, "train", "val")

    assert [path.stem for path in data.photos] == ["train0", "train1", "val0", "val1"]
    for index in range(4):
        photo, labels = data[index]
        assert photo.shape == (4, 6, 3)
        assert (photo == 10 * (index % 2)).all()
        assert (labels == 11 - index % 2).all()


def test_a_missing_split_is_named(root: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"test.images: no photos"):
        CamVid.open(root, "test")


def test_a_photo_without_a_map_is_named(root: Path) -> None:
    (root / "train" / "labels" / "train1.png").unlink()

    with pytest.raises(FileNotFoundError, match=r"train1.png: no label map"):
        CamVid.open(root, "train")


@pytest.mark.parametrize(
    "map_", [np.full((4, 6), 12, np.uint8), np.zeros((4, 6, 3), np.uint8)], ids=["12", "rgb"]
)
def test_a_file_that_is_no_map_of_these_classes_is_refused(root: Path, map_: np.ndarray) -> None:
    Image.fromarray(map_).save(root / "train" / "labels" / "train0.png")

    with pytest.raises(ValueError, match=r"train0.png"):
        CamVid.open(root, "train").labels(0)


@pytest.mark.parametrize("split", SPLIT_SIZES)
def test_the_published_splits(camvid: Path, split: str) -> None:
    data = CamVid.open(camvid, split)

    photo, labels = data[0]

    assert len(data) == SPLIT_SIZES[split]
    assert photo.shape == (360, 480, 3)
    assert labels.shape == (360, 480)
