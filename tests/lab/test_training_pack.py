from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from semlink.core.pictures import Size
from semlink.lab.data import open_labelled
from semlink.lab.training.pack import main
from semlink.lab.training.pictures import pack_pictures


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A data set in CamVid's layout, 60x80 and one picture of 20x30, and its packed copy."""
    source = tmp_path_factory.mktemp("source")
    for split in ("train", "test"):
        for number, (height, width) in enumerate(((60, 80), (20, 30))):
            generator = np.random.default_rng(number)
            labels = generator.integers(0, 12, (height // 5, width // 5)).astype(np.uint8)
            labels = labels.repeat(5, 0).repeat(5, 1)
            photo = np.stack([20 * labels] * 3, -1)
            for kind, picture in (("images", photo), ("labels", labels)):
                (source / split / kind).mkdir(parents=True, exist_ok=True)
                Image.fromarray(picture).save(source / split / kind / f"{number}.png")
    out = tmp_path_factory.mktemp("packed")
    main(source, out, short_side=36, quality=95)
    return source, out


def test_the_layout_stays(folders: tuple[Path, Path]) -> None:
    source, packed = (
        {path.relative_to(root).with_suffix("") for path in root.rglob("*")} for root in folders
    )
    assert source == packed


def test_labels_are_the_nearest_ones_and_none_is_new(folders: tuple[Path, Path]) -> None:
    source, packed = (open_labelled("camvid", root, "train") for root in folders)
    rows = ((np.arange(36) + 0.5) * 60 / 36).astype(int)
    columns = ((np.arange(48) + 0.5) * 80 / 48).astype(int)
    np.testing.assert_array_equal(packed.labels(0), source.labels(0)[np.ix_(rows, columns)])


def test_small_pictures_keep_their_size(folders: tuple[Path, Path]) -> None:
    source, packed = (open_labelled("camvid", root, "test") for root in folders)
    assert packed.photo(1).shape == (20, 30, 3)
    np.testing.assert_array_equal(packed.labels(1), source.labels(1))


def test_photos_still_show_their_labels(folders: tuple[Path, Path]) -> None:
    packed = open_labelled("camvid", folders[1], "train")
    grey, labels = packed.photo(0).mean(2), packed.labels(0)
    assert np.corrcoef(grey.ravel(), labels.ravel())[0, 1] > 0.95


def test_the_trainings_read_it(folders: tuple[Path, Path]) -> None:
    data = open_labelled("camvid", folders[1], "train", "test")
    pictures = pack_pictures(data, Size(24, 32), even_light=True)
    assert pictures.photos.shape == (4, 3, 24, 32)
    assert pictures.labels.shape == (4, 24, 32)
