from __future__ import annotations

import tomllib

import numpy as np
import pytest

from semlink.core.conversions import THROUGH, convert, targets
from semlink.core.errors import InvalidInput
from semlink.core.taxonomy import TABLES, TAXONOMIES

WRITTEN = tomllib.loads((TABLES / "conversions.toml").read_text(encoding="utf-8"))
DIRECT = [(source, target) for source, tables in WRITTEN.items() for target in tables]
EVERY = [(source, target) for source in TAXONOMIES for target in targets(source)]

# Classes, void aside, that have no counterpart, where that is a short list.
LEFT_OUT: dict[tuple[str, str], set[str]] = {
    ("cityscapes", "camvid"): set(),
    ("cityscapes", "cityscapes-ids"): set(),
    ("cityscapes", "idd-lite"): set(),
    ("cityscapes-ids", "camvid"): {
        *("ego vehicle", "rectification border", "out of roi", "static", "dynamic", "ground"),
        *("parking", "rail track"),
    },
    ("cityscapes-ids", "idd-lite"): {
        *("ego vehicle", "rectification border", "out of roi", "static", "dynamic", "ground"),
    },
    ("camvid", "cityscapes"): set(),
    ("camvid", "idd-lite"): set(),
    ("idd-lite", "camvid"): {"roadside objects", "far objects"},
    ("idd", "idd-lite"): set(),
    ("idd", "camvid"): {"non-drivable fallback", "obs-str-bar-fallback"},
    ("idd", "cityscapes"): {
        *("drivable fallback", "autorickshaw", "vehicle fallback", "curb", "guard rail"),
        *("billboard", "obs-str-bar-fallback", "bridge"),
    },
}

MEANINGS = [
    ("cityscapes", "camvid", "road", "road"),
    ("cityscapes", "camvid", "sidewalk", "pavement"),
    ("cityscapes", "camvid", "wall", "building"),
    ("cityscapes", "camvid", "motorcycle", "bicyclist"),
    ("cityscapes-ids", "cityscapes", "train", "train"),
    ("cityscapes-ids", "camvid", "license plate", "car"),
    ("cityscapes-ids", "idd-lite", "parking", "drivable"),
    ("camvid", "cityscapes", "bicyclist", "rider"),
    ("camvid", "idd-lite", "tree", "far objects"),
    ("idd-lite", "camvid", "drivable", "road"),
    ("idd", "camvid", "autorickshaw", "car"),
    ("idd", "idd-lite", "rider", "living things"),
    ("ade20k", "cityscapes", "minibike", "motorcycle"),
    ("ade20k", "cityscapes", "bed", "void"),
    ("ade20k", "camvid", "path", "pavement"),
    ("ade20k", "idd-lite", "house", "far objects"),
    ("coco-stuff", "cityscapes", "clouds", "sky"),
    ("coco-stuff", "camvid", "stop sign", "sign"),
    ("coco-stuff", "idd-lite", "giraffe", "void"),
]


def converted(source: str, target: str) -> dict[str, str]:
    """Name of the target's class by name of the source's."""
    old, new = TAXONOMIES[source], TAXONOMIES[target]
    labels = np.arange(len(old.classes), dtype=np.uint8)[None]
    return dict(
        zip(old.classes, (new.classes[i] for i in convert(labels, source, target)[0]), strict=True)
    )


def void_of(name: str) -> str:
    taxonomy = TAXONOMIES[name]
    assert taxonomy.void is not None
    return taxonomy.classes[taxonomy.void]


@pytest.mark.parametrize(("source", "target"), DIRECT)
def test_tables_speak_of_classes_that_exist_and_of_each_once(source: str, target: str) -> None:
    old, new = TAXONOMIES[source], TAXONOMIES[target]
    table = dict(WRITTEN[source][target])
    same = table.pop("same")
    listed = same + [name for names in table.values() for name in names]
    assert set(same) <= set(old.classes) & set(new.classes)
    assert set(table) <= set(new.classes)
    assert set(listed) <= set(old.classes)
    assert len(set(listed)) == len(listed)
    assert void_of(source) not in listed


@pytest.mark.parametrize(("source", "target"), EVERY)
def test_void_stays_void_and_what_keeps_its_name_its_meaning(source: str, target: str) -> None:
    names = converted(source, target)
    assert names[void_of(source)] == void_of(target)
    for name in set(names) & set(TAXONOMIES[target].classes) - {void_of(source)}:
        assert names[name] in (name, void_of(target)), name


@pytest.mark.parametrize(("source", "target"), LEFT_OUT)
def test_what_has_no_counterpart(source: str, target: str) -> None:
    void = [name for name, to in converted(source, target).items() if to == void_of(target)]
    assert set(void) - {void_of(source)} == LEFT_OUT[source, target]


@pytest.mark.parametrize(("source", "target", "name", "meaning"), MEANINGS)
def test_meanings(source: str, target: str, name: str, meaning: str) -> None:
    assert converted(source, target)[name] == meaning


@pytest.mark.parametrize(("source", "target"), THROUGH)
def test_a_way_round_is_both_steps(source: str, target: str) -> None:
    via = THROUGH[source, target]
    labels = np.arange(len(TAXONOMIES[source].classes), dtype=np.uint8)[None]
    np.testing.assert_array_equal(
        convert(labels, source, target), convert(convert(labels, source, via), via, target)
    )


@pytest.mark.parametrize("name", TAXONOMIES)
def test_its_own_classes_stay_and_other_values_become_void(name: str) -> None:
    count = len(TAXONOMIES[name].classes)
    labels = np.arange(256, dtype=np.uint8).reshape(16, 16)
    same = convert(labels, name, name).ravel()
    np.testing.assert_array_equal(same[:count], np.arange(count))
    assert (same[count:] == TAXONOMIES[name].void).all()


def test_train_ids_survive_the_way_to_all_ids_and_back() -> None:
    labels = np.arange(20, dtype=np.uint8)[None]
    there = convert(labels, "cityscapes", "cityscapes-ids")
    np.testing.assert_array_equal(convert(there, "cityscapes-ids", "cityscapes"), labels)


def test_the_levels_of_idd_agree_with_its_way_through_cityscapes() -> None:
    direct, around = converted("idd", "idd-lite"), converted("idd", "cityscapes")
    onwards = converted("cityscapes", "idd-lite")
    for name, between in around.items():
        assert onwards[between] in (direct[name], "void"), name


def test_all_ids_agree_with_their_way_through_train_ids() -> None:
    for target in ("camvid", "idd-lite"):
        direct, onwards = converted("cityscapes-ids", target), converted("cityscapes", target)
        for name, between in converted("cityscapes-ids", "cityscapes").items():
            assert onwards[between] in (direct[name], "void"), (target, name)


@pytest.mark.parametrize(
    ("source", "target", "value", "cure"),
    [
        ("idd-lite", "ade20k", "idd-lite to ade20k", "can become maps of camvid."),
        ("idd", "ade20k", "idd to ade20k", "maps of camvid, cityscapes, "),
        ("camvid", "middle-earth", "middle-earth", "Use one of camvid, cityscapes,"),
        ("middle-earth", "camvid", "middle-earth to camvid", "Maps of camvid, cityscapes, "),
        ("middle-earth", "middle-earth", "middle-earth", "Use one of camvid, cityscapes,"),
    ],
)
def test_unknown_pairs_are_refused(source: str, target: str, value: str, cure: str) -> None:
    with pytest.raises(InvalidInput, match=cure) as caught:
        convert(np.zeros((2, 2), np.uint8), source, target)
    assert caught.value.value == value


def test_everything_can_become_something_else() -> None:
    assert all(targets(name) for name in TAXONOMIES)
