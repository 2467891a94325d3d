"""Plans: from texts and files to cells, keys and units of work; nothing is sent here."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from semlink.core.errors import InvalidInput, NotFound, SemlinkError
from semlink.core.noise import NoiseKind
from semlink.core.pictures import Rgb, encode_png
from semlink.core.schemes import Scheme
from semlink.lab.data import LabelledPictures
from semlink.lab.sweep.grid import ROUND_SAMPLES, UNIT_ROWS, Grid, spell_out
from semlink.lab.sweep.photos import find_photos, spread
from semlink.lab.sweep.plan import Photos, Plan, make_plan, plan_text, read_plan
from semlink.lab.sweep.runner import Where, checked

CODECS = {"schemes": ["webp", "analog"], "settings": {"size": 64}}


@pytest.fixture
def photos(tmp_path: Path, photo: Rgb) -> Path:
    """A folder of two photos, one of them twice, and a text."""
    folder = tmp_path / "photos"
    folder.mkdir()
    for name, pixels in {"a": photo, "b": photo[::-1], "c": photo}.items():
        (folder / f"{name}.png").write_bytes(encode_png(pixels.copy()))
    (folder / "notes.txt").write_text("no photo")
    return folder


def grid_of(photos: Path, **fields: Any) -> Grid:
    return spell_out(make_plan({"photos": str(photos)} | CODECS | fields))


def test_a_plan_is_read_as_it_was_written(tmp_path: Path) -> None:
    plan = make_plan(
        {
            "photos": ["camvid:/data:test:24", {"path": "x.png"}],
            "schemes": ["spic,steps=50", {"name": "bits", "scheme": "gesco"}],
            "channels": "rayleigh,csi=estimated",
            "levels": {"psnr_db": "0,5,inf", "sigma": [0.5]},
            "budgets": {"cpp": 0.25},
            "seeds": 3,
            "settings": {"size": 64},
            "metrics": "ssim",
            "stop_when": {"psnr_db": "0.2"},
        }
    )
    path = tmp_path / "plan.yaml"
    path.write_text(plan_text(plan))

    assert read_plan(path) == plan
    assert plan.photos[0] == Photos(layout="camvid", path="/data", split="test", count=24)
    assert plan.schemes[0] == {"scheme": "spic", "steps": 50}
    assert plan.levels[NoiseKind.PSNR_DB] == (0.0, 5.0, float("inf"))
    assert (plan.budgets, plan.seeds) == ({"cpp": (0.25,)}, (0, 1, 2))


@pytest.mark.parametrize(
    ("given", "seeds"), [(2, (0, 1)), ("2", (0, 1)), ("4,5", (4, 5)), ([7], (7,))]
)
def test_seeds_are_a_number_of_them_or_a_list(given: object, seeds: tuple[int, ...]) -> None:
    assert make_plan({"photos": "x", "seeds": given}).seeds == seeds


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"levles": {}}, "levles"),
        ({"seeds": -1}, "seeds"),
        ({"seeds": 0}, "seeds"),
        ({"levels": {"psnr": 1}}, "levels"),
        ({"levels": {"psnr_db": "ten"}}, "levels"),
        ({"schemes": []}, "schemes"),
        ({"stop_when": {"psnr_db": 0}}, "stop_when"),
        ({"photos": []}, "photos"),
    ],
)
def test_a_wrong_field_is_named(fields: dict[str, Any], named: str) -> None:
    with pytest.raises(InvalidInput, match=named):
        make_plan({"photos": "x"} | fields)


@pytest.mark.parametrize(
    ("text", "named"), [("a: [", "YAML"), ("- a", "no plan"), ("photos: x\nsteps: 2", "steps")]
)
def test_a_wrong_file_is_named(tmp_path: Path, text: str, named: str) -> None:
    path = tmp_path / "plan.yaml"
    path.write_text(text)

    with pytest.raises(InvalidInput, match=named):
        read_plan(path)
    with pytest.raises(NotFound, match="nowhere"):
        read_plan(tmp_path / "nowhere.yaml")


def test_the_grid_is_the_product_and_a_photo_counts_once(photos: Path) -> None:
    grid = grid_of(
        photos,
        channels=["awgn", "rayleigh"],
        levels={"psnr_db": [0, 5], "sigma": [0.1]},
        budgets={"cpp": [0.5, 1]},
        seeds=3,
    )
    keys = list(grid.keys())

    assert [photo.path.name for photo in grid.photos] == ["c.png", "b.png"]
    assert len(grid.cells) == 2 * 2 * 3 * 2
    assert grid.size == len(keys) == len(set(keys)) == 24 * 2 * 3


def test_a_key_depends_on_content_settings_and_seed_alone(photos: Path, photo: Rgb) -> None:
    alone = grid_of(photos / "a.png", schemes="webp", levels={"psnr_db": 5})
    among = set(grid_of(photos, levels={"psnr_db": [0, 5]}, seeds=2).keys())
    named = grid_of(photos / "c.png", schemes=[{"name": "x", "scheme": "webp", "psnr_db": 5}])
    other = grid_of(photos / "a.png", schemes="webp,coarse_factor=8", levels={"psnr_db": 5})

    assert set(alone.keys()) < among
    assert not set(other.keys()) & among
    assert len(set(named.keys())) == 1


def test_what_a_scheme_says_goes_before_the_common_settings(photos: Path) -> None:
    grid = grid_of(photos, schemes=["webp,size=96,cpp=1", "analog"], channels="awgn,pilots=3")
    own, common = (cell.settings for cell in grid.cells)

    assert (own.scheme, own.size, own.cpp, own.channel.pilots) == (Scheme.WEBP, 96, 1.0, 3)
    assert (common.size, common.cpp) == (64, None)
    assert [cell.system for cell in grid.cells] == ["webp,size=96,cpp=1", "analog"]


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"schemes": "morse"}, "scheme"),
        ({"schemes": "webp,stepz=2"}, "stepz"),
        ({"settings": {"size": 65}}, "size"),
        ({"channels": "aether"}, "channel"),
        ({"levels": {"psnr_db": 300}}, "psnr_db"),
        ({"schemes": [{"name": "x", "scheme": "webp"}, {"name": "x", "scheme": "avif"}]}, "name"),
    ],
)
def test_a_wrong_setting_is_named_before_anything_is_sent(
    photos: Path, fields: dict[str, Any], named: str
) -> None:
    with pytest.raises(InvalidInput, match=named):
        grid_of(photos, **fields)


@pytest.mark.parametrize("absent", ["network", "tokenizer"])
def test_a_network_that_is_nowhere_is_named_before_anything_is_sent(
    photos: Path, absent: str
) -> None:
    names = {"network": "spic-camvid", "tokenizer": "spic-camvid"} | {absent: "nowhere"}
    settings = {"size": 64} | names
    plan = make_plan({"photos": str(photos), "schemes": "sqgan", "settings": settings})
    with pytest.raises(NotFound, match="nowhere"):
        checked(plan, Where())


def test_units_hold_one_photo_one_scheme_and_what_is_missing(photos: Path) -> None:
    grid = grid_of(photos, levels={"psnr_db": [0, 5, 10, 15, 20]}, seeds=6)
    (round_,) = grid.samples
    keys = list(grid.keys())

    every = list(grid.units(round_, closed=(), done=()))
    rest = list(grid.units(round_, closed={0}, done=set(keys[12:24])))

    assert sorted(task.key for unit in every for task in unit.tasks) == sorted(keys)
    assert sorted(task.key for unit in rest for task in unit.tasks) == sorted(keys[24:])
    assert all(len({task.cell.system for task in unit.tasks}) == 1 for unit in every)
    assert max(len(unit.tasks) for unit in every) == UNIT_ROWS


def test_rounds_take_all_photos_before_the_next_seed(photos: Path) -> None:
    grid = grid_of(photos, seeds=10, stop_when={"psnr_db": 1})

    assert [len(round_) for round_ in grid.samples] == [ROUND_SAMPLES, ROUND_SAMPLES, 4]
    assert [seed for seed, _ in grid.samples[0]] == [0, 0, 1, 1, 2, 2, 3, 3]


def test_a_data_set_brings_its_labels(data: LabelledPictures, tmp_path: Path) -> None:
    plan = make_plan({"photos": f"camvid:{tmp_path}:train:2"})
    first, second = find_photos(plan.photos)

    assert (first.name, second.name, first.taxonomy) == ("train/0", "train/1", "camvid")
    labels = first.labels()
    assert labels is not None
    assert labels.shape == (48, 64)


def test_a_pattern_finds_pictures_and_no_texts(photos: Path, monkeypatch: Any) -> None:
    monkeypatch.setenv("WHERE", str(photos))

    found = find_photos([Photos(path="$WHERE/[b-n]*")])

    assert {photo.path.name for photo in found} == {"b.png", "c.png"}
    assert {photo.labels() for photo in found} == {None}


def test_a_part_of_the_photos_is_spread_over_all() -> None:
    assert list(spread(range(233), 4)) == [0, 58, 116, 174]
    assert spread("abc", None) == "abc"
    with pytest.raises(InvalidInput, match="3 photos"):
        spread("abc", 4)


@pytest.mark.parametrize("where", ["{}/empty", "{}/*.png", "folder:{}/empty", "camvid:{}:test"])
def test_where_there_are_no_photos_it_is_said(tmp_path: Path, where: str) -> None:
    (tmp_path / "empty").mkdir()
    plan: Plan = make_plan({"photos": where.format(tmp_path)})

    with pytest.raises(SemlinkError, match=r"no (photos|pictures)") as error:
        find_photos(plan.photos)
    assert isinstance(error.value, NotFound)
