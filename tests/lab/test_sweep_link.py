"""The link of a sweep's worker: the same results, and nothing made twice."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from semlink.core.pictures import encode_png
from semlink.lab.link import Link
from semlink.lab.sweep import make_plan
from semlink.lab.sweep.grid import spell_out
from semlink.lab.sweep.worker import Job, Work, Worker


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("photos")
    y, x = np.mgrid[:80, :112]
    for index in range(2):
        picture = np.stack([x, y, (x * (index + 1)) % 200], axis=-1).astype(np.uint8)
        (folder / f"{index}.png").write_bytes(encode_png(picture))
    return folder


def test_the_same_photo_is_segmented_and_encoded_once(
    tiny_segmenter: Path, tiny_gesco: Path, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from semlink.transmitter.segmentation import Segmenter
    from semlink.transmitter.transmitter import Transmitter

    calls = counted(monkeypatch, Segmenter.label_map, Transmitter.encode)
    own = {"segmenter": str(tiny_segmenter), "network": str(tiny_gesco)}
    plan = make_plan(
        {
            "photos": str(photos / "0.png"),
            "schemes": ["gesco", "gesco,transport=digital"],
            "levels": {"psnr_db": [5, 20]},
            "seeds": 2,
            "settings": {"size": 64, "steps": 2} | own,
        }
    )
    grid = spell_out(plan)
    units = list(grid.units(grid.samples[0], closed=(), done=()))
    worker = Worker(Work(folders=grid.folders, device="cpu"))
    rows = [row.values for unit in units for row in worker.rows(Job.of(unit))]

    assert {row["outcome"] for row in rows} <= {"reconstructed", "lost", "outage"}
    assert len(rows) == 8
    assert calls == {"Segmenter.label_map": 1, "Transmitter.encode": 2}
    assert all(row["segment_s"] > 0 for row in rows)
    assert {frozenset(json.loads(row["weights"])) for row in rows} == {
        frozenset({"tiny-segmenter", "tiny-gesco"})
    }
    alone = Link.local("cpu", folders=grid.folders)
    sent = [alone.send(photos / "0.png", task.settings) for unit in units for task in unit.tasks]
    assert [row["psnr_db"] for row in rows] == [result.psnr_db for result in sent]


def counted(monkeypatch: pytest.MonkeyPatch, *methods: Callable[..., Any]) -> Counter[str]:
    """How often methods are called, by their names, from now on."""
    calls = Counter[str]()

    def counting(method: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any) -> Any:
            calls[method.__qualname__] += 1
            return method(*arguments)

        return call

    for method in methods:
        kind, name = method.__qualname__.split(".")
        monkeypatch.setattr(
            getattr(import_module(method.__module__), kind), name, counting(method)
        )
    return calls


def test_bits_that_arrive_alike_are_decoded_and_measured_once(
    photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from semlink.lab.metrics import Evaluator
    from semlink.receiver.receiver import Receiver

    calls = counted(monkeypatch, Receiver.decode, Evaluator.row)
    plan = make_plan(
        {
            "photos": str(photos),
            "schemes": ["webp", "analog"],
            "levels": {"psnr_db": [15, 20, 25]},
            "budgets": {"cpp": 0.5},
            "settings": {"size": 64},
            "metrics": "ssim",
        }
    )
    grid = spell_out(plan)
    units = list(grid.units(grid.samples[0], closed=(), done=()))
    worker = Worker(Work(device="cpu", metrics=plan.metrics))
    rows = [row.values for unit in units for row in worker.rows(Job.of(unit))]

    assert len(rows) == 2 * 2 * 3
    once, each = 2, 2 * 3  # photos; photos and levels, for samples never arrive alike
    assert calls == {"Receiver.decode": once + each, "Evaluator.row": once + each}
    alone = Link.local("cpu")
    sent = [alone.send(unit.photo.path, task.settings) for unit in units for task in unit.tasks]
    assert [row["psnr_db"] for row in rows] == [result.psnr_db for result in sent]
    measured = Evaluator(plan.metrics)
    assert [row["ssim"] for row in rows] == [measured.row(result)["ssim"] for result in sent]
