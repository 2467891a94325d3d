"""Sweeps by processes of their own: the same rows whoever makes them, and none twice."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image
from tests.lab.sweeping import Stop, Watch, facts, nobody_listens, stored

from semlink.core.errors import InvalidInput, NotFound
from semlink.core.pictures import encode_png
from semlink.lab.data import LabelledPictures
from semlink.lab.link import Link
from semlink.lab.photo import Photo
from semlink.lab.sweep import Plan, Where, make_plan, sweep
from semlink.lab.sweep.grid import ROUND_SAMPLES, Unit, spell_out
from semlink.lab.sweep.pools import LocalPool
from semlink.lab.sweep.rows import Row
from semlink.lab.sweep.worker import Job, Work

ENVIRONMENT = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three pictures, and one that is none."""
    folder = tmp_path_factory.mktemp("photos")
    y, x = np.mgrid[:80, :112]
    for index in range(3):
        picture = np.stack([x, y, (x * (index + 1)) % 200], axis=-1).astype(np.uint8)
        (folder / f"{index}.png").write_bytes(encode_png(picture))
    (folder / "corrupt.png").write_bytes(b"no picture")
    return folder


@pytest.fixture(scope="module")
def plan(photos: Path) -> Plan:
    return make_plan(
        {
            "photos": str(photos),
            "schemes": ["webp", "analog"],
            "levels": {"psnr_db": [-5, 15]},
            "budgets": {"cpp": 1},
            "seeds": 2,
            "settings": {"size": 64},
        }
    )


@pytest.fixture(scope="module")
def unbroken(plan: Plan, link_address: str, tmp_path_factory: pytest.TempPathFactory) -> pa.Table:
    """What the sweep gives over services, with one worker, in one go."""
    folder = tmp_path_factory.mktemp("sweep")
    return sweep(plan, folder, Where(workers=1, link=link_address))


def test_two_workers_make_the_rows_of_one(
    plan: Plan, link_address: str, unbroken: pa.Table, tmp_path: Path
) -> None:
    table = sweep(plan, tmp_path, Where(workers=2, link=link_address))

    assert facts(table) == facts(unbroken)
    assert sorted(stored(tmp_path)) == sorted(unbroken["key"].to_pylist())


def test_the_link_of_a_worker_makes_the_rows_of_services(
    plan: Plan, unbroken: pa.Table, tmp_path: Path
) -> None:
    table = sweep(plan, tmp_path, Where(workers=1))

    assert facts(table) == facts(unbroken)


def test_a_row_is_what_send_gives(plan: Plan, link_address: str, unbroken: pa.Table) -> None:
    grid = spell_out(plan)
    (row,) = [row for row in unbroken.to_pylist() if row["photo"].endswith("1.png")][:1]
    settings = grid.cells[0].settings.model_copy(update={"seed": row["seed"]})

    result = Link.connect(link_address).send(Photo(row["photo_file"]), settings)

    assert (row["outcome"], row["psnr_db"]) == (result.outcome, result.psnr_db)
    assert row["bits_per_pixel"] == result.bits_per_pixel
    assert [stream["measured_snr_db"] for stream in row["streams"]] == [
        stream.measured_snr_db for stream in result.streams
    ]


def test_a_corrupt_photo_is_rows_with_a_reason_and_the_rest_is_done(unbroken: pa.Table) -> None:
    rows = unbroken.to_pylist()
    corrupt = [row for row in rows if row["photo"].endswith("corrupt.png")]

    assert len(rows) == 4 * 2 * 2 * 2
    assert len(corrupt) == 8
    assert all(row["outcome"] == "failed" for row in corrupt)
    assert all("UnsupportedMedia: photo=10 bytes" in row["reason"] for row in corrupt)
    others = [row for row in rows if row not in corrupt]
    assert {row["outcome"] for row in others} == {"reconstructed", "lost", "outage"} & {
        row["outcome"] for row in others
    }
    assert all(row["reason"] is None for row in others)


def test_a_killed_sweep_goes_on_and_makes_no_row_twice(
    plan: Plan, photos: Path, link_address: str, unbroken: pa.Table, tmp_path: Path
) -> None:
    killed = kill_after_first_rows(photos, link_address, tmp_path)
    watch = Watch()

    table = sweep(plan, tmp_path, Where(workers=2, link=link_address), watcher=watch)

    assert 0 < killed == watch.there < unbroken.num_rows
    assert len(watch.keys) == unbroken.num_rows - killed
    assert facts(table) == facts(unbroken)
    assert sorted(stored(tmp_path)) == sorted(unbroken["key"].to_pylist())


def kill_after_first_rows(photos: Path, link: str, folder: Path) -> int:
    """Runs the plan by the command and kills it; how many rows it has left."""
    options = "--scheme webp --scheme analog --psnr-db=-5,15 --cpp 1 --seeds 2 --size 64"
    command = ["sweep", str(photos), *options.split(), "--workers", "1"]
    running = subprocess.Popen(
        [sys.executable, "-m", "semlink.lab", *command, "--link", link, "-o", str(folder)],
        env=ENVIRONMENT,
    )
    end_s = time.monotonic() + 120
    while not list((folder / "rows").glob("*.parquet")) and time.monotonic() < end_s:
        time.sleep(0.002)
    running.send_signal(signal.SIGKILL)
    running.wait()
    return len(stored(folder))


def test_whatever_stops_a_sweep_the_rows_that_are_done_stay(
    plan: Plan, link_address: str, unbroken: pa.Table, tmp_path: Path
) -> None:
    first, second = Watch(stop_after=3), Watch()
    with pytest.raises(Stop):
        sweep(plan, tmp_path, Where(workers=1, link=link_address), watcher=first)

    assert sorted(stored(tmp_path)) == sorted(first.keys)
    table = sweep(plan, tmp_path, Where(workers=1, link=link_address), watcher=second)
    assert second.there == 3
    assert not set(first.keys) & set(second.keys)
    assert facts(table) == facts(unbroken)


def test_services_that_are_away_are_failed_rows_which_can_be_sent_again(
    plan: Plan, link_address: str, unbroken: pa.Table, tmp_path: Path
) -> None:
    some = plan.model_copy(update={"schemes": ({"scheme": "analog"},), "seeds": (0,)})
    expected = [row for row in facts(unbroken) if row["scheme"] == "analog" and not row["seed"]]

    with nobody_listens() as address:
        away = sweep(some, tmp_path, Where(workers=2, link=address))
    still = sweep(some, tmp_path, Where(workers=1, link=link_address))
    again = sweep(some, tmp_path, Where(workers=1, link=link_address), retry_failed=True)

    assert set(away["outcome"].to_pylist()) == {"failed"}
    assert sum("Unavailable" in reason for reason in away["reason"].to_pylist()) == 6
    assert facts(still) == facts(away)
    assert facts(again) == expected
    assert sorted(stored(tmp_path)) == sorted(row["key"] for row in expected)


def test_a_narrow_interval_stops_a_cell_the_same_for_any_workers(
    photos: Path, link_address: str, tmp_path: Path
) -> None:
    plan = make_plan(
        {
            "photos": str(photos / "0.png"),
            "schemes": "analog",
            "channels": ["awgn", "rayleigh"],  # whose seeds differ little, and much
            "budgets": {"cpp": 0.1},
            "seeds": 12,
            "settings": {"size": 64},
            "stop_when": {"psnr_db": 0.3},
        }
    )
    wide = plan.model_copy(update={"stop_when": {"psnr_db": 1e-6}})
    watch = Watch()

    one = sweep(plan, tmp_path / "1", Where(workers=1, link=link_address), watcher=watch)
    two = sweep(plan, tmp_path / "2", Where(workers=2, link=link_address))
    every = sweep(wide, tmp_path / "1", Where(workers=2, link=link_address))
    again = sweep(plan, tmp_path / "1", Where(workers=1, link=link_address))

    assert one["channel"].to_pylist() == ["awgn"] * ROUND_SAMPLES + ["rayleigh"] * 12
    assert watch.spared == 12 - ROUND_SAMPLES
    assert facts(one) == facts(two)
    assert every.num_rows == 24
    assert facts(again) == facts(every)  # what is there is not thrown away


def test_a_process_that_dies_costs_its_row_at_most(
    plan: Plan, link_address: str, unbroken: pa.Table
) -> None:
    grid = spell_out(plan)
    units = list(grid.units(grid.samples[0], closed=(), done=()))[:2]
    jobs = [Job.of(unit) for unit in units]
    with LocalPool(Work(link=link_address), 1) as pool:

        def watch(row: Row) -> None:
            if row.key == jobs[0].tasks[1].key:
                pool._processes[0].process.kill()

        done = [row for rows in pool.run(jobs, watch) for row in rows]

    assert [row.key for row in done] == [task.key for job in jobs for task in job.tasks]
    expected = {row["key"]: row["psnr_db"] for row in unbroken.to_pylist()}
    assert all(row.values.get("psnr_db") == expected[row.key] for row in done)


def test_a_row_that_kills_its_process_twice_has_failed(plan: Plan, link_address: str) -> None:
    grid = spell_out(plan)
    unit = next(grid.units(grid.samples[0], closed=(), done=()))
    job = Job.of(Unit(unit.photo, unit.tasks[:2]))
    deadly = replace(job, file=_Deadly())
    with LocalPool(Work(link=link_address), 1) as pool:
        (rows,) = pool.run([deadly], lambda row: None)

    assert [row.key for row in rows] == [task.key for task in job.tasks]
    for row in rows:
        assert row.values["outcome"] == "failed"
        assert "died twice" in row.values["reason"]
        assert "exit code 9" in row.values["reason"]


class _Deadly(bytes):
    """Ends the process that receives it."""

    def __reduce__(self) -> tuple[Any, ...]:
        return os._exit, (9,)


def test_pictures_are_kept_beside_their_rows(
    photos: Path, link_address: str, tmp_path: Path
) -> None:
    plan = make_plan(
        {"photos": str(photos / "0.png"), "schemes": "analog", "settings": {"size": 64}}
    )

    table = sweep(plan, tmp_path, Where(workers=1, link=link_address, pictures=True))

    (row,) = table.to_pylist()
    (path,) = (tmp_path / "pictures").iterdir()
    assert path.name == f"{row['key']}.webp"
    with Image.open(path) as picture:
        assert picture.size == (row["working_width"], row["working_height"])


def test_an_unknown_network_metric_or_rule_is_said_before_the_work(
    plan: Plan, tmp_path: Path
) -> None:
    wrong: dict[str, dict[str, Any]] = {
        "nowhere": {"schemes": ({"scheme": "gesco", "network": "nowhere"},)},
        "beauty": {"metrics": ("beauty",)},
        "psnr": {"stop_when": {"psnr": 1.0}},
    }
    for named, changes in wrong.items():
        with pytest.raises((InvalidInput, NotFound), match=named):
            sweep(plan.model_copy(update=changes), tmp_path / "out")
    with pytest.raises(InvalidInput, match="workers"):
        sweep(plan, tmp_path / "out", Where(workers=0))
    with pytest.raises(InvalidInput, match="device"):
        sweep(plan, tmp_path / "out", Where(link="127.0.0.1:1", device="cpu"))
    assert not (tmp_path / "out").exists()


def test_rows_of_other_metrics_are_not_mixed(
    photos: Path, link_address: str, tmp_path: Path
) -> None:
    fields = {"photos": str(photos / "corrupt.png"), "schemes": "analog"}
    where = Where(workers=1, link=link_address)
    sweep(make_plan(fields), tmp_path, where)

    with pytest.raises(InvalidInput, match=r"metrics=ssim.*none.*another folder"):
        sweep(make_plan(fields | {"metrics": "ssim"}), tmp_path, where)


def test_damaged_labels_are_failed_rows(
    data: LabelledPictures, link_address: str, tmp_path: Path
) -> None:
    data.maps[1].path.write_bytes(b"no map")
    fields = {"photos": f"camvid:{tmp_path}:train", "schemes": "analog", "settings": {"size": 64}}

    table = sweep(make_plan(fields), tmp_path / "out", Where(workers=1, link=link_address))

    outcomes = table.select(["photo", "outcome"]).to_pylist()
    assert {row["photo"]: row["outcome"] for row in outcomes} == {
        "train/0": "reconstructed",
        "train/1": "failed",
        "train/2": "reconstructed",
    }


@pytest.mark.slow
def test_a_ray_cluster_makes_the_same_rows(plan: Plan, unbroken: pa.Table, tmp_path: Path) -> None:
    pytest.importorskip("ray")

    table = sweep(plan, tmp_path, Where(workers=2, ray="local"))

    assert facts(table) == facts(unbroken)
    assert sorted(stored(tmp_path)) == sorted(unbroken["key"].to_pylist())
