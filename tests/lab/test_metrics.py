from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.metrics import accuracy_score, jaccard_score

from semlink import zoo
from semlink.core.conversions import convert
from semlink.core.errors import InvalidInput, NotFound
from semlink.core.events import Outcome
from semlink.core.pictures import LabelMap, Rgb, Size
from semlink.core.taxonomy import CAMVID
from semlink.lab.confusion import VOID
from semlink.lab.feature_distance import FeatureDistance
from semlink.lab.metrics import METRICS, Evaluator, accounting, check_names, columns_of, table
from semlink.lab.metrics.measures import MEASURES
from semlink.lab.result import Result
from semlink.lab.training.backbone import MEAN, STD
from semlink.transmitter.segmentation import Segmenter

Make = Callable[..., Result]

OFFLINE = [
    name
    for name, metric in METRICS.items()
    if name not in ("ms_ssim", "depth_error", "clip_alignment") and not metric.packages
]


@pytest.fixture(scope="module")
def segmenter(tiny_segmenter: Path) -> Segmenter:
    return Segmenter.load(tiny_segmenter)


@pytest.fixture(scope="module")
def evaluator(tiny_segmenter: Path) -> Evaluator:
    return Evaluator(OFFLINE, device="cpu", segmenter=str(tiny_segmenter))


@pytest.fixture(scope="module")
def truth() -> LabelMap:
    return np.random.default_rng(3).integers(VOID + 1, size=(72, 100)).astype(np.uint8)


def miou(truth: LabelMap, guess: LabelMap) -> float:
    seen = truth != VOID
    labels = np.union1d(truth[seen], guess[seen])
    labels = labels[labels != VOID]
    return float(jaccard_score(truth[seen], guess[seen], labels=labels, average="macro"))


def test_every_metric_is_measured() -> None:
    assert set(MEASURES) == set(METRICS)


def test_a_row_has_the_columns_that_are_announced(
    evaluator: Evaluator, make_result: Make, truth: LabelMap
) -> None:
    row = evaluator.row(make_result(), truth)
    assert set(row) == set(evaluator.columns)
    assert set(evaluator.columns) == {key for name in OFFLINE for key in columns_of(name)}


def test_maps_of_the_reconstruction_are_scored_against_all_three_references(
    evaluator: Evaluator, segmenter: Segmenter, make_result: Make, truth: LabelMap
) -> None:
    result = make_result()
    painted = result.reconstructed.working_picture
    row = evaluator.row(result, truth)
    assert result.encoded.sent_map is not None
    working, native = Size(64, 96), Size(72, 100)
    references = {
        "sent": (result.encoded.sent_map, segmenter.label_map(painted, working)),
        "photo": (
            segmenter.label_map(result.working_photo, working),
            segmenter.label_map(painted, working),
        ),
        "truth": (truth, segmenter.label_map(painted, native)),
    }
    for name, (wanted, guess) in references.items():
        seen = wanted != VOID
        assert row[f"{name}_miou"] == pytest.approx(miou(wanted, guess))
        assert row[f"{name}_accuracy"] == pytest.approx(accuracy_score(wanted[seen], guess[seen]))


def test_maps_of_the_link_are_scored_against_the_sent_one(
    evaluator: Evaluator, make_result: Make
) -> None:
    result = make_result()
    assert result.denoised is not None
    assert result.encoded.sent_map is not None
    row = evaluator.row(result)
    wanted, arrived = result.encoded.sent_map, result.denoised.received_map
    assert row["received_miou"] == pytest.approx(miou(wanted, arrived))
    assert row["received_accuracy"] == pytest.approx(result.received_accuracy)
    assert row["denoised_miou"] == row["denoised_accuracy"] == 1.0
    assert "truth_miou" not in row


def test_pictures_are_compared_at_the_working_size(
    evaluator: Evaluator, make_result: Make
) -> None:
    result = make_result()
    row = evaluator.row(result)
    assert row["psnr_db"] == result.psnr_db
    backbone = Segmenter.load(zoo.find("segmenter-camvid")).model.backbone
    assert isinstance(backbone, torch.nn.Module)
    ends = [
        torch.from_numpy(picture.copy()).permute(2, 0, 1)[None] / 127.5 - 1
        for picture in (result.reconstructed.working_picture, result.working_photo)
    ]
    expected = float(FeatureDistance(backbone, MEAN, STD)(*ends))
    assert row["segmenter_feature_distance"] == pytest.approx(expected, rel=1e-5)


def test_a_photo_that_comes_back_whole_has_the_best_scores(
    evaluator: Evaluator, make_result: Make
) -> None:
    whole = np.full((64, 96, 3), 99, np.uint8)  # what the made-up link paints
    row = evaluator.row(make_result(sent=whole))
    assert row["ssim"] == pytest.approx(1.0, abs=5e-4)
    assert row["photo_miou"] == row["photo_accuracy"] == 1.0
    assert row["segmenter_feature_distance"] == 0.0
    assert row["segmenter_features"] == row["photo_segmenter_features"]


@pytest.mark.parametrize("outcome", [Outcome.LOST, Outcome.OUTAGE])
def test_a_lost_picture_has_an_empty_row(
    evaluator: Evaluator, make_result: Make, truth: LabelMap, outcome: Outcome
) -> None:
    assert evaluator.row(make_result(outcome=outcome), truth) == {}


def test_without_a_map_nothing_is_said_of_it(evaluator: Evaluator, make_coded: Make) -> None:
    row = evaluator.row(make_coded())
    missing = {name for name in OFFLINE if not set(columns_of(name)) <= set(row)}
    of_maps = {f"{pair}_{score}" for pair in ("sent", "truth", "received", "denoised")
               for score in ("miou", "accuracy")}  # fmt: skip
    assert missing == of_maps


def test_labels_of_another_data_set_are_converted(
    tiny_segmenter: Path, make_result: Make, truth: LabelMap
) -> None:
    options = {"device": "cpu", "segmenter": str(tiny_segmenter)}
    theirs = Evaluator(["truth_miou"], truth_taxonomy="cityscapes", **options)
    ours = Evaluator(["truth_miou"], **options)
    converted = convert(truth, "cityscapes", "camvid")
    assert theirs.row(make_result(), truth) == ours.row(make_result(), converted)


def test_a_map_of_void_alone_has_no_score(evaluator: Evaluator, make_result: Make) -> None:
    row = evaluator.row(make_result(), np.full((72, 100), VOID, np.uint8))
    assert "truth_miou" not in row
    assert "photo_miou" in row


def test_a_photo_is_looked_at_once(tiny_segmenter: Path, make_result: Make, photo: Rgb) -> None:
    evaluator = Evaluator(["photo_miou", "label_bce"], device="cpu", segmenter=str(tiny_segmenter))
    calls: list[int] = []
    model = evaluator._networks.segmenter.model
    model.register_forward_hook(lambda *_: calls.append(1))
    first = evaluator.row(make_result())
    assert len(calls) == 2
    assert evaluator.row(make_result()) == first
    assert len(calls) == 3
    evaluator.row(make_result(sent=255 - photo))
    assert len(calls) == 5


def test_pictures_too_small_are_refused(make_result: Make) -> None:
    with pytest.raises(InvalidInput, match="ms_ssim of 96x64"):
        Evaluator(["ms_ssim"], device="cpu").row(make_result())


def test_names_are_checked_before_anything_is_loaded() -> None:
    assert check_names(["ssim", "psnr_db", "ssim"]) == ("ssim", "psnr_db")
    with pytest.raises(InvalidInput, match=r"metrics=beauty: .*psnr_db, ssim, ms_ssim, lpips"):
        Evaluator(["psnr_db", "beauty"])


@pytest.mark.parametrize("name", [name for name in METRICS if METRICS[name].packages])
def test_what_is_not_installed_is_said(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table, "find_spec", lambda _: None)
    with pytest.raises(InvalidInput, match=r"torchvision.*semlink\[metrics-hub\]"):
        Evaluator([name])


def test_a_segmenter_that_does_not_exist_is_said_at_the_start() -> None:
    with pytest.raises(NotFound, match="no-such-network"):
        Evaluator(["photo_miou"], segmenter="no-such-network")
    Evaluator(["psnr_db"], segmenter="no-such-network")  # which needs none


def test_a_segmenter_of_unknown_classes_is_refused(tmp_path: Path) -> None:
    from transformers import SegformerConfig, SegformerForSemanticSegmentation

    config = SegformerConfig(
        depths=[1] * 4, hidden_sizes=[8] * 4, num_attention_heads=[1] * 4, decoder_hidden_size=8
    )
    SegformerForSemanticSegmentation(config).save_pretrained(tmp_path)
    with pytest.raises(InvalidInput, match="no known data set"):
        Evaluator(["photo_miou"], device="cpu", segmenter=str(tmp_path))


def test_rates_of_the_streams_add_up(make_result: Make, make_coded: Make) -> None:
    for result in (make_result(), make_coded(Outcome.PARTIAL)):
        row = accounting(result)
        for rate in ("bits_per_pixel", "channel_uses_per_pixel"):
            parts = [value for key, value in row.items() if key.startswith(f"{rate}_")]
            assert row[rate] == pytest.approx(sum(parts))
    assert row["bits_per_pixel_picture"] == pytest.approx(8 * 4321 / (64 * 96))
    assert (row["blocks"], row["blocks_lost"]) == (8.0, 2.0)


def test_seconds_of_the_stages_add_up(make_result: Make) -> None:
    row = accounting(make_result())
    stages = [value for key, value in row.items() if key.endswith("_s") and key != "total_s"]
    assert row["total_s"] == pytest.approx(sum(stages)) == 2.2
    assert 1e7 < row["peak_memory_bytes"] < 1e12


def test_the_classes_are_those_of_the_segmenter(evaluator: Evaluator, make_result: Make) -> None:
    counts = evaluator.row(make_result())["photo_confusion"]
    assert isinstance(counts, list)
    assert len(counts) == (len(CAMVID.classes) - 1) * len(CAMVID.classes)
    assert sum(counts) <= 64 * 96
