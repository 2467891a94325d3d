"""Readers of data sets, on small ones in every published layout."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from semlink.core.errors import CorruptData, InvalidInput, NotFound, TooLarge
from semlink.core.taxonomy import TAXONOMIES
from semlink.lab.data import KINDS, LabelledPictures, Pictures, open_data, open_labelled
from semlink.lab.data.files import STORED
from semlink.lab.data.layouts import LAYOUTS

# Two pictures of the first split and one of the second: photo, label map, name.
FILES: dict[str, list[tuple[str, str, str]]] = {
    "camvid": [
        ("train/images/0001TP_1.webp", "train/labels/0001TP_1.png", "train/0001TP_1"),
        ("train/images/0001TP_2.png", "train/labels/0001TP_2.png", "train/0001TP_2"),
        ("val/images/0016E5_1.png", "val/labels/0016E5_1.png", "val/0016E5_1"),
    ],
    "cityscapes": [
        (
            f"leftImg8bit/{split}/{city}/{city}_{number}_leftImg8bit.png",
            f"gtFine/{split}/{city}/{city}_{number}_gtFine_labelTrainIds.png",
            f"{split}/{city}/{city}_{number}",
        )
        for split, city, number in [
            ("train", "aachen", "000000_000019"),
            ("train", "zurich", "000001_000019"),
            ("val", "munster", "000000_000019"),
        ]
    ],
    "cityscapes-ids": [
        (
            f"leftImg8bit/{split}/{city}/{city}_{number}_leftImg8bit.png",
            f"gtFine/{split}/{city}/{city}_{number}_gtFine_labelIds.png",
            f"{split}/{city}/{city}_{number}",
        )
        for split, city, number in [
            ("train", "aachen", "000000_000019"),
            ("train", "zurich", "000001_000019"),
            ("val", "munster", "000000_000019"),
        ]
    ],
    "coco-stuff": [
        (
            f"images/{split}2017/{number}.jpg",
            f"annotations/{split}2017/{number}.png",
            f"{split}/{number}",
        )
        for split, number in [
            ("train", "000000000009"),
            ("train", "000000000025"),
            ("val", "000000000139"),
        ]
    ],
    "ade20k": [
        (f"images/{folder}/{name}.jpg", f"annotations/{folder}/{name}.png", f"{split}/{name}")
        for split, folder, name in [
            ("train", "training", "ADE_train_00000001"),
            ("train", "training", "ADE_train_00000002"),
            ("val", "validation", "ADE_val_00000001"),
        ]
    ],
    "idd": [
        (
            f"leftImg8bit/{split}/{drive}/{frame}_leftImg8bit{suffix}",
            f"gtFine/{split}/{drive}/{frame}_gtFine_labellevel3Ids.png",
            f"{split}/{drive}/{frame}",
        )
        for split, drive, frame, suffix in [
            ("train", "0", "frame0259", ".jpg"),
            ("train", "1", "005506", ".png"),
            ("val", "119", "903127", ".png"),
        ]
    ],
    "idd-lite": [
        (
            f"leftImg8bit/{split}/{drive}/{frame}_image.jpg",
            f"gtFine/{split}/{drive}/{frame}_label.png",
            f"{split}/{drive}/{frame}",
        )
        for split, drive, frame in [
            ("train", "0", "frame0029"),
            ("train", "472", "024541"),
            ("val", "119", "frame0003"),
        ]
    ],
}


def save(path: Path, pixels: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)


def photo(number: int, height: int = 20, width: int = 24) -> np.ndarray:
    return np.full((height, width, 3), 60 * number, np.uint8)


def values(kind: str, number: int) -> np.ndarray:
    """A label map as files store it, 20x24: all classes there are, from another one each."""
    stored = np.roll(np.array(STORED[LAYOUTS[kind].taxonomy], np.uint8), -number)
    return np.resize(stored, (20, 24))


@pytest.fixture(params=FILES)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def root(tmp_path: Path, kind: str) -> Path:
    for number, (picture, labels, _) in enumerate(FILES[kind]):
        save(tmp_path / picture, photo(number))
        save(tmp_path / labels, values(kind, number))
        (tmp_path / picture).with_name("readme.txt").touch()
        (tmp_path / picture).with_name("._" + Path(picture).name).touch()
    return tmp_path


def test_every_layout_is_tested_and_its_values_are_told() -> None:
    assert set(FILES) == set(LAYOUTS)
    assert set(KINDS) == set(LAYOUTS) | {"folder"}
    assert set(STORED) == set(TAXONOMIES)


@pytest.mark.parametrize("name", TAXONOMIES)
def test_every_class_has_one_value_in_files(name: str) -> None:
    assert len(set(STORED[name])) == len(STORED[name]) == len(TAXONOMIES[name].classes)


def test_pairs_come_split_by_split_in_the_order_of_their_names(kind: str, root: Path) -> None:
    data = open_labelled(kind, root, "train", "val")
    classes = len(TAXONOMIES[data.taxonomy].classes)

    assert data.names == tuple(name for _, _, name in FILES[kind])
    assert len(data) == len(data.photos) == len(data.maps) == 3
    assert data.taxonomy == LAYOUTS[kind].taxonomy
    for number, (pixels, labels) in enumerate(data):
        assert np.abs(pixels.astype(int) - 60 * number).max() <= 2  # JPEG
        expected = np.resize(np.roll(np.arange(classes), -number), (20, 24))
        np.testing.assert_array_equal(labels, expected)


def test_one_split_alone(kind: str, root: Path) -> None:
    data = open_data(kind, root, "val")

    assert isinstance(data, LabelledPictures)
    assert data.names == (FILES[kind][2][2],)


def test_a_missing_part_is_named_and_the_layout_told(kind: str, root: Path) -> None:
    shown = str(root / "nowhere").replace("\\", "\\\\")
    with pytest.raises(NotFound, match=f"{shown}.*no photos.*Expected .*train.*\\.png"):
        open_labelled(kind, root / "nowhere", "train")


def test_a_photo_without_a_map_is_named(kind: str, root: Path) -> None:
    missing = root / FILES[kind][1][1]
    missing.unlink()

    with pytest.raises(NotFound, match="no label map") as caught:
        open_labelled(kind, root, "train")

    parents = {Path(kind.folder.format(split="train")).parts[0] for kind in LAYOUTS[kind].maps}
    named = Path(caught.value.value)
    assert named.name.split("_gtFine")[0] == missing.name.split("_gtFine")[0]
    assert named.relative_to(root).parts[0] in parents


@pytest.mark.parametrize("splits", [(), ("dev",), ("train", "dev")])
def test_unknown_splits_are_refused(kind: str, root: Path, splits: tuple[str, ...]) -> None:
    with pytest.raises(InvalidInput, match=r"Use one of train, val") as caught:
        open_labelled(kind, root, *splits)
    assert caught.value.value in ("none", "dev")


def test_values_of_no_class_are_named(kind: str, root: Path) -> None:
    wrong = values(kind, 0)
    wrong[3, 4] = 222
    save(root / FILES[kind][0][1], wrong)
    data = open_labelled(kind, root, "train")

    with pytest.raises(CorruptData, match="value 222, which is no class"):
        data.labels(0)
    data.labels(1)


@pytest.mark.parametrize("mode", ["RGB", "1", "I;16"])
def test_maps_of_another_form_are_refused(kind: str, root: Path, mode: str) -> None:
    Image.new(mode, (24, 20)).save(root / FILES[kind][0][1])

    with pytest.raises(CorruptData, match="not one byte a pixel"):
        open_labelled(kind, root, "train").labels(0)


def test_maps_with_a_palette_are_read_by_their_numbers(kind: str, root: Path) -> None:
    indexed = Image.fromarray(values(kind, 1))
    indexed.putpalette([0, 0, 0] * 256)
    before = open_labelled(kind, root, "train").labels(1)
    indexed.save(root / FILES[kind][1][1])

    np.testing.assert_array_equal(open_labelled(kind, root, "train").labels(1), before)


def test_sizes_that_differ_are_told(kind: str, root: Path) -> None:
    save(root / FILES[kind][0][0], photo(0, height=30))
    data = open_labelled(kind, root, "train")

    with pytest.raises(CorruptData, match="has 24x20 pixels, the photo 24x30"):
        data[0]


def test_damaged_files_are_named(kind: str, root: Path) -> None:
    data = open_labelled(kind, root, "train")
    for path in (data.photos[0], data.maps[0].path):
        path.write_bytes(path.read_bytes()[:40])

    with pytest.raises(CorruptData, match=data.photos[0].name):
        data.photo(0)
    with pytest.raises(CorruptData, match=data.maps[0].path.name):
        data.labels(0)


def test_photos_are_not_turned_because_their_maps_are_not(tmp_path: Path) -> None:
    (tmp_path / "train" / "images").mkdir(parents=True)
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(photo(1)).save(tmp_path / "train" / "images" / "a.jpg", exif=exif)
    save(tmp_path / "train" / "labels" / "a.png", values("camvid", 0))

    pixels, labels = open_labelled("camvid", tmp_path, "train")[0]

    assert pixels.shape[:2] == labels.shape == (20, 24)


class TestCityscapes:
    @pytest.fixture
    def root(self, tmp_path: Path) -> Path:
        """One picture as published: all ids, no train ids, instances of sixteen bits."""
        base = tmp_path / "gtFine" / "train" / "ulm" / "ulm_0"
        save(tmp_path / "leftImg8bit" / "train" / "ulm" / "ulm_0_leftImg8bit.png", photo(0))
        save(base.with_name("ulm_0_gtFine_labelIds.png"), values("cityscapes-ids", 0))
        ids = np.full((20, 24), 7, np.uint16)
        ids[5:, 5:], ids[5:, 12:] = 26000, 26001
        save(base.with_name("ulm_0_gtFine_instanceIds.png"), ids)
        return tmp_path

    def test_train_ids_come_from_all_ids(self, root: Path) -> None:
        all_ids = open_labelled("cityscapes-ids", root, "train").labels(0)
        train_ids = open_labelled("cityscapes", root, "train").labels(0)

        assert set(np.unique(train_ids)) == set(range(20))
        assert set(train_ids[all_ids == 7]) == {0}
        assert set(train_ids[all_ids == 26]) == {13}
        assert set(train_ids[all_ids < 7]) == {19}

    def test_all_ids_cannot_come_from_train_ids(self, root: Path) -> None:
        ids = root / "gtFine" / "train" / "ulm" / "ulm_0_gtFine_labelIds.png"
        ids.rename(ids.with_name("ulm_0_gtFine_labelTrainIds.png"))

        with pytest.raises(NotFound, match=r"ulm_0_gtFine_labelIds.png"):
            open_labelled("cityscapes-ids", root, "train")

    @pytest.mark.parametrize("kind", ["cityscapes", "cityscapes-ids"])
    def test_instances_keep_their_numbers(self, root: Path, kind: str) -> None:
        instances = open_labelled(kind, root, "train").instances(0)

        assert instances.shape == (20, 24)
        assert set(np.unique(instances)) == {7, 26000, 26001}

    def test_instances_may_be_missing(self, root: Path) -> None:
        data = open_labelled("cityscapes", root, "train")
        (root / "gtFine" / "train" / "ulm" / "ulm_0_gtFine_instanceIds.png").unlink()

        with pytest.raises(NotFound, match=r"instanceIds.png: .*no map of instances"):
            data.instances(0)

    def test_instances_are_numbers(self, root: Path) -> None:
        save(root / "gtFine" / "train" / "ulm" / "ulm_0_gtFine_instanceIds.png", photo(1))

        with pytest.raises(CorruptData, match="not one number a pixel"):
            open_labelled("cityscapes", root, "train").instances(0)


def test_layouts_without_instances_say_so(tmp_path: Path) -> None:
    save(tmp_path / "train" / "images" / "a.png", photo(0))
    save(tmp_path / "train" / "labels" / "a.png", values("camvid", 0))

    with pytest.raises(NotFound, match=r"a.png: .*no map of instances"):
        open_labelled("camvid", tmp_path, "train").instances(0)


def test_coco_maps_may_lie_in_the_folder_of_their_archive(tmp_path: Path) -> None:
    save(tmp_path / "images" / "val2017" / "1.jpg", photo(0))
    save(tmp_path / "stuffthingmaps" / "val2017" / "1.png", np.full((20, 24), 255, np.uint8))

    labels = open_labelled("coco-stuff", tmp_path, "val").labels(0)

    assert (labels == TAXONOMIES["coco-stuff"].void).all()


def test_maps_that_idd_does_not_bring_are_explained(tmp_path: Path) -> None:
    save(tmp_path / "leftImg8bit" / "val" / "1" / "a_leftImg8bit.png", photo(0))

    with pytest.raises(NotFound, match=r"createLabels.py --id-type level3Id"):
        open_labelled("idd", tmp_path, "val")


class TestFolder:
    @pytest.fixture
    def root(self, tmp_path: Path) -> Path:
        for number, name in enumerate(["b/deep/1.PNG", "a/2.jpg", "3.webp"]):
            save(tmp_path / name, photo(number, height=20 + number))
        (tmp_path / "notes.md").touch()
        return tmp_path

    def test_pictures_at_any_depth(self, root: Path) -> None:
        data = open_data("folder", root)

        assert type(data) is Pictures
        assert data.names == ("3.webp", "a/2.jpg", "b/deep/1.PNG")
        assert [data.photo(index).shape[0] for index in range(len(data))] == [22, 21, 20]

    def test_parts_of_it(self, root: Path) -> None:
        assert open_data("folder", root, "b", "a").names == ("b/deep/1.PNG", "a/2.jpg")

    def test_photos_are_upright(self, root: Path) -> None:
        exif = Image.Exif()
        exif[0x0112] = 6
        Image.fromarray(photo(1)).save(root / "turned.jpg", exif=exif)
        data = open_data("folder", root)

        assert data.photo(data.names.index("turned.jpg")).shape == (24, 20, 3)

    def test_what_a_service_would_refuse_is_refused_by_name(self, root: Path) -> None:
        save(root / "tiny.png", photo(0, height=8))
        Image.new("1", (8000, 6000)).save(root / "vast.png")
        data = open_data("folder", root)

        with pytest.raises(InvalidInput, match=r"tiny.png: .*smaller"):
            data.photo(data.names.index("tiny.png"))
        with pytest.raises(TooLarge, match=r"vast.png: .*megapixels"):
            data.photo(data.names.index("vast.png"))

    def test_a_folder_without_pictures(self, root: Path) -> None:
        with pytest.raises(NotFound, match=r"nowhere: .*no photos"):
            open_data("folder", root / "nowhere")

    def test_it_has_no_labels(self, root: Path) -> None:
        with pytest.raises(InvalidInput, match=r"kind=folder: .*camvid, cityscapes"):
            open_labelled("folder", root)


def test_unknown_kinds_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"kind=kitti: .*Use one of camvid, .*, folder"):
        open_data("kitti", tmp_path, "train")
