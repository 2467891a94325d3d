"""The folder of a sweep: rows are whole or absent, and the stop rule that reads them."""

from __future__ import annotations

import errno
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.dataset
import pyarrow.parquet as pq
import pytest
from scipy import stats

from semlink.core.errors import Busy, CorruptData, InvalidInput, NotFound
from semlink.core.events import Outcome
from semlink.core.pictures import Rgb
from semlink.lab.result import Result
from semlink.lab.sweep.rows import COLUMNS, FAILED, IMPOSSIBLE, Row, ended, failed, schema
from semlink.lab.sweep.stopping import Sample, check_rule, enough, estimate
from semlink.lab.sweep.store import Store, opened

SCHEMA = schema(["ssim", "sent_miou"])


def row(key: str, outcome: str = "reconstructed", **values: Any) -> Row:
    return Row({"key": key, "outcome": outcome, **values})


def test_rows_are_a_dataset_that_others_read(tmp_path: Path) -> None:
    with opened(tmp_path / "new" / "folder") as store:
        store.write([row("a", psnr_db=math.inf, ssim=0.5, sent_confusion=[1, 2])], SCHEMA)
        store.write([row("b"), row("c", FAILED)], SCHEMA)

        assert store.keys() == {"a", "b", "c"}
    table = pyarrow.dataset.dataset(tmp_path / "new" / "folder" / "rows").to_table()
    assert sorted(table["key"].to_pylist()) == ["a", "b", "c"]
    assert table.schema.names == [*COLUMNS, "ssim", "sent_miou", "sent_confusion"]
    assert store.read(["key", "ssim"]).num_rows == 3


def test_failed_rows_are_dropped_and_no_others(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        store.write([row("a"), row("b", FAILED)], SCHEMA)
        store.write([row("c", FAILED)], SCHEMA)
        store.write([row("d", IMPOSSIBLE), row("e", "lost")], SCHEMA)

        assert store.drop_failed() == 2
        assert store.keys() == {"a", "d", "e"}
        assert len(store.parts) == 2


def test_only_one_sweep_writes_in_a_folder(tmp_path: Path) -> None:
    with opened(tmp_path), pytest.raises(Busy, match="another sweep"), opened(tmp_path):
        pass
    with opened(tmp_path):
        pass


def test_what_a_kill_left_half_written_is_no_row_and_goes(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        store.write([row("a")], SCHEMA)
    half = tmp_path / "rows" / ".half.parquet.part"
    half.write_bytes(store.parts[0].read_bytes()[:100])

    assert store.keys() == {"a"}
    with opened(tmp_path):
        assert not half.exists()


def test_an_interrupted_write_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_table: object, path: Path) -> None:
        path.write_bytes(b"half")
        raise OSError(errno.ENOSPC, "No space left on device")

    with opened(tmp_path) as store:
        store.write([row("a")], SCHEMA)
        with monkeypatch.context() as patch:
            patch.setattr(pq, "write_table", full)
            with pytest.raises(InvalidInput, match=r"No space left.*Make room"):
                store.write([row("b")], SCHEMA)
        assert store.keys() == {"a"}
        assert list((tmp_path / "rows").glob(".*")) == []
        store.write([row("b")], SCHEMA)
        assert store.keys() == {"a", "b"}


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(InvalidInput, match="file/folder"), opened(tmp_path / "file" / "folder"):
        pass


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        store.write([row("a")], SCHEMA)
        store.parts[0].write_bytes(store.parts[0].read_bytes()[:-20])
        with pytest.raises(CorruptData, match=r"parquet.*Delete it"):
            store.keys()


def test_a_folder_without_rows_is_named(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="no rows"):
        Store(tmp_path).read()


def test_a_transmission_fills_its_columns(make_coded: Callable[..., Result]) -> None:
    values = ended(make_coded(Outcome.PARTIAL))

    assert set(values) < set(COLUMNS)
    assert (values["outcome"], values["lost"]) == ("partial", ["picture"])
    assert (values["blocks"], values["blocks_lost"]) == (8, 2)
    assert values["decode_s"] == 0.15
    header, picture = values["streams"]
    assert header["blocks_lost"] == 0
    assert picture["channel_uses_per_pixel"] == 17_300 / (64 * 96)
    assert values["bits_per_pixel"] == header["bits_per_pixel"] + picture["bits_per_pixel"]
    assert values["measured_snr_db"] == pytest.approx(2.25)


@pytest.mark.parametrize("outcome", list(Outcome))
def test_every_ending_is_a_row(
    tmp_path: Path, make_result: Callable[..., Result], outcome: Outcome, photo: Rgb
) -> None:
    with opened(tmp_path) as store:
        store.write([Row(ended(make_result(outcome=outcome, sent=photo)) | {"key": "a"})], SCHEMA)

        (found,) = store.read(["outcome", "psnr_db"]).to_pylist()
    assert found["outcome"] == outcome
    assert (found["psnr_db"] is None) == (outcome in (Outcome.LOST, Outcome.OUTAGE))


def test_a_budget_that_cannot_be_met_is_no_failure() -> None:
    assert failed(InvalidInput("no room.", field="bpp"))["outcome"] == IMPOSSIBLE
    assert failed(InvalidInput("wrong.", field="size"))["outcome"] == FAILED
    assert failed(Busy("full\n up."))["reason"] == "Busy: full up."


def samples(**by_photo: list[float | None]) -> list[Sample]:
    return [Sample(photo, value) for photo, values in by_photo.items() for value in values]


def test_an_interval_is_that_of_the_photos_means() -> None:
    found = estimate(samples(a=[1.0, 3.0], b=[4.0, None], c=[9.0, math.inf]))
    low, high = stats.t.interval(0.95, 2, loc=5.0, scale=stats.sem([2.0, 4.0, 9.0]))

    assert (found.mean, found.photos) == (5.0, 3)
    assert found.mean - found.half_width == pytest.approx(low)
    assert found.mean + found.half_width == pytest.approx(high)


def test_an_interval_of_one_photo_is_that_of_its_seeds() -> None:
    found = estimate(samples(a=[1.0, 2.0, 4.0]))

    assert found.half_width == pytest.approx(stats.t.ppf(0.975, 2) * stats.sem([1.0, 2.0, 4.0]))


def test_nothing_is_known_of_no_value_and_no_interval_of_one() -> None:
    assert math.isnan(estimate(samples(a=[None])).mean)
    assert math.isnan(estimate(samples(a=[3.0])).half_width)


def test_every_column_of_the_rule_has_to_be_known() -> None:
    cell = {"psnr_db": samples(a=[1.0], b=[1.1]), "ssim": samples(a=[0.0], b=[1.0])}

    assert enough({"psnr_db": 1.0}, cell)
    assert not enough({"psnr_db": 1.0, "ssim": 0.1}, cell)
    assert not enough({"psnr_db": 1.0}, {"psnr_db": samples(a=[1.0])})


@pytest.mark.parametrize("name", ["psnr", "spent_s", "sent_confusion", "outcome"])
def test_a_rule_names_a_number_that_is_the_same_in_every_run(name: str) -> None:
    with pytest.raises(InvalidInput, match=f"{name}.*psnr_db.*sent_miou"):
        check_rule({name: 1.0}, ["sent_miou"])
    check_rule({"sent_miou": 0.1, "bits_per_pixel": 0.1}, ["sent_miou"])
