from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from sklearn.metrics import jaccard_score
from torch import Generator
from torch.nn import functional

from semlink.core.pictures import Size
from semlink.core.taxonomy import CAMVID, TAXONOMIES, Taxonomy
from semlink.lab.confusion import VOID
from semlink.lab.data import LabelledPictures
from semlink.lab.training import backbone
from semlink.lab.training.augment import jitter_colours, random_crop
from semlink.lab.training.evaluation import confusion, void_last
from semlink.lab.training.launching import make_accelerator
from semlink.lab.training.loop import Loop
from semlink.lab.training.pictures import pack_pictures
from semlink.lab.training.plan import Plan
from semlink.lab.training.run import export
from semlink.lab.training.segmenter import (
    MODEL,
    SegmenterObjective,
    class_weights,
    parameter_groups,
    soft_jaccard,
)
from semlink.lab.training.segmenter_start import (
    Start,
    new_segmenter,
    start_from_backbone,
    start_from_segmenter,
)
from semlink.transmitter.segmentation import Segmenter

SQUEEZENET = "squeezenet1_0_imagenet.safetensors"
PLAN = Plan(minutes=10.0, batch=2, warmup_steps=1, ema=0.995, clip=5.0)


def loop(data: LabelledPictures, start: Start | None = None, lr: float = 1e-3) -> Loop:
    pairs = [
        (torch.from_numpy(photo.copy()).permute(2, 0, 1), torch.from_numpy(labels.copy()))
        for photo, labels in data
    ]
    objective = SegmenterObjective(
        start or new_segmenter(CAMVID, hidden_size=8),
        CAMVID,
        pairs,
        pack_pictures(data, Size(48, 64), even_light=False),
        crop=Size(32, 32),
        short_side=48,
        lr=lr,
    )
    return Loop(objective, PLAN, make_accelerator("cpu"))


def test_training_learns(data: LabelledPictures) -> None:
    run = loop(data, lr=1e-2)
    losses = [sum(value.item() for value in run.advance().values()) for _ in range(12)]
    assert sum(losses[-3:]) < 0.9 * sum(losses[:3])


def test_what_a_run_writes_is_a_segmenter(data: LabelledPictures, tmp_path: Path) -> None:
    run = loop(data)
    run.advance()
    export(run, tmp_path / "model")

    loaded = Segmenter.load(tmp_path / "model")

    assert loaded.classes == CAMVID.classes
    assert loaded.preprocessing.size == 48
    assert loaded.preprocessing.mean == pytest.approx(backbone.MEAN)
    labels = loaded.label_map(data.photo(0), Size(24, 32))
    assert labels.shape == (24, 32)
    assert labels.max() <= VOID


def test_every_layer_is_trained(data: LabelledPictures) -> None:
    run = loop(data)
    model = run.objective.networks[MODEL]
    before = {name: value.clone() for name, value in model.named_parameters()}
    for _ in range(3):
        run.advance()
    after = dict(model.named_parameters())
    assert [name for name, value in before.items() if torch.equal(after[name], value)] == []


def test_a_segmenter_of_other_classes_keeps_all_but_its_classifier(tmp_path: Path) -> None:
    first = new_segmenter(TAXONOMIES["idd-lite"], hidden_size=8)
    model: Any = first.model
    model.save_pretrained(tmp_path / "idd")

    second = start_from_segmenter(tmp_path / "idd", CAMVID)

    old, new = first.model.state_dict(), second.model.state_dict()
    kept = {name for name in new if "classifier" not in name}
    assert all(torch.equal(old[name], new[name]) for name in kept)
    assert new.keys() - kept == {"decode_head.classifier.weight", "decode_head.classifier.bias"}
    assert len(new["decode_head.classifier.bias"]) == len(CAMVID.classes)
    again = start_from_segmenter(tmp_path / "idd", TAXONOMIES["idd-lite"])
    for name, value in again.model.state_dict().items():
        assert torch.equal(value, old[name]), name


def test_any_segmenter_can_be_trained_on(data: LabelledPictures, tiny_segmenter: Path) -> None:
    """One whose map is smaller than its photo."""
    run = loop(data, start_from_segmenter(tiny_segmenter, CAMVID))
    assert set(run.advance()) == {"entropy", "jaccard"}
    averages = {name: average.network for name, average in run.averages.items()}
    assert run.objective.sheet(averages).shape == (3 * 48, 3 * 64, 3)


def test_the_head_learns_faster_than_what_is_under_it() -> None:
    groups = parameter_groups(new_segmenter(CAMVID, hidden_size=8).model, 1e-3)
    assert sorted(group["lr"] for group in groups) == pytest.approx([2e-4, 1e-3])


def test_rare_classes_weigh_more_and_void_nothing() -> None:
    labels = torch.tensor([[0, 0, 0, 1], [2, 2, 2, 2]], dtype=torch.uint8)
    weights = class_weights([labels], 3, 2)
    expected = 1 / np.log(1.05 + np.array([0.75, 0.25]))
    np.testing.assert_allclose(weights, [*expected, 0], rtol=1e-6)


@pytest.mark.parametrize("name", TAXONOMIES)
def test_void_is_counted_last(name: str) -> None:
    taxonomy: Taxonomy = TAXONOMIES[name]
    void, order = taxonomy.void, void_last(taxonomy)
    assert void is not None
    assert order[void] == len(taxonomy.classes) - 1
    assert sorted(order) == list(range(len(taxonomy.classes)))
    assert np.delete(order, void).tolist() == sorted(np.delete(order, void))


def test_soft_jaccard_is_one_minus_the_score_where_the_network_is_sure() -> None:
    generator = Generator().manual_seed(0)
    labels = torch.randint(VOID + 1, (2, 16, 16), generator=generator)
    guess = torch.where(torch.rand(labels.shape, generator=generator) < 0.5, labels, 1)
    guess[labels == VOID] = 1
    logits = 100 * functional.one_hot(guess, VOID + 1).permute(0, 3, 1, 2).float()

    loss = soft_jaccard(logits, labels, VOID)

    seen = labels != VOID
    score = jaccard_score(labels[seen], guess[seen], average="macro")
    assert float(loss) == pytest.approx(1 - score, abs=1e-5)


@pytest.mark.parametrize("size", [None, Size(24, 32)], ids=str)
def test_void_is_left_out_of_the_confusion(
    data: LabelledPictures, tmp_path: Path, size: Size | None
) -> None:
    export(loop(data), tmp_path / "model")

    counts = confusion(Segmenter.load(tmp_path / "model"), data, size)

    height, width = size or Size(48, 64)
    assert counts.sum() == 3 * height * width * 60 // 64
    assert counts[[0, 3]].sum() == counts.sum()


def test_crops_keep_photo_and_labels_together() -> None:
    """A photo that shows its own labels still does after any crop, up to blurred edges."""
    labels = torch.arange(12, dtype=torch.uint8).repeat_interleave(8)[:, None].expand(96, 128)
    photo = (20 * labels)[None].expand(3, -1, -1).contiguous()
    generator = Generator().manual_seed(0)

    for _ in range(20):
        crop, target = random_crop(photo, labels.contiguous(), (48, 64), generator)
        assert crop.shape == (3, 48, 64)
        agree = (crop[0] * 255 / 20).round() == target
        assert agree.float().mean() > 0.8


def test_jittered_colours_stay_colours_and_differ_by_photo() -> None:
    photos = torch.rand(1, 3, 8, 8, generator=Generator().manual_seed(0)).expand(4, -1, -1, -1)

    jittered = jitter_colours(photos, Generator().manual_seed(1))

    assert (jittered >= 0).all()
    assert (jittered <= 1).all()
    means = jittered.mean((1, 2, 3))
    assert len(set(means.tolist())) == 4


def test_the_published_backbone_keeps_its_answers(data_root: Path) -> None:
    """Its first map must be what the published stem gives for BGR pixels of 0..255."""
    path = data_root / "backbones" / SQUEEZENET
    if not path.exists():
        pytest.skip(f"no {path}; point SEMLINK_DATA at the folder that holds backbones/")
    published = load_file(path)
    model: Any = start_from_backbone(path, CAMVID).model
    rgb = torch.rand(1, 3, 32, 48, generator=Generator().manual_seed(0))

    caffe = rgb.flip(1) * 255 - torch.tensor([104.0, 117.0, 123.0])[:, None, None]
    kernel, bias = published["conv1.weight"].float(), published["conv1.bias"].float()
    expected = functional.relu(functional.conv2d(caffe, kernel, bias, stride=2, padding=3))
    mean = torch.tensor(backbone.MEAN)[:, None, None]
    model.backbone.config.out_features = ["stem"]
    found = model.backbone((rgb - mean) / backbone.STD).feature_maps[0]

    torch.testing.assert_close(found, expected, rtol=1e-3, atol=1e-2)
    assert model.backbone.conv1.weight.requires_grad
