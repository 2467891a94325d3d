from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from sklearn.metrics import jaccard_score
from torch import Generator, Tensor
from torch.nn import functional

from semlink.core.pictures import Size
from semlink.lab.confusion import VOID
from semlink.lab.data import LabelledPictures
from semlink.lab.training import backbone, segmenter
from semlink.lab.training.augment import jitter_colours, random_crop
from semlink.lab.training.segmenter import Recipe, Training
from semlink.transmitter.segmentation import Segmenter

SQUEEZENET = "squeezenet1_0_imagenet.safetensors"


def training(data: LabelledPictures, out: Path) -> Training:
    out.mkdir(exist_ok=True)
    torch.manual_seed(0)
    recipe = Recipe(minutes=1.0, crop=(32, 32), batch=2, short_side=48)
    return Training(segmenter.build(hidden_size=8), data, recipe, out, torch.device("cpu"))


def weights(run: Training) -> Tensor:
    return torch.cat([value.flatten() for value in run.average.state_dict().values()])


def test_a_run_that_was_killed_goes_on_as_if_it_were_not(
    data: LabelledPictures, tmp_path: Path
) -> None:
    whole, killed = training(data, tmp_path / "whole"), training(data, tmp_path / "killed")
    for _ in range(3):
        whole.advance()
    killed.advance()
    killed.save()
    killed.advance()  # lost
    (tmp_path / "killed" / "checkpoint.partial").write_bytes(b"half a checkpoint")

    resumed = training(data, tmp_path / "killed")
    resumed.resume()
    for _ in range(2):
        resumed.advance()

    assert resumed.step == 3
    torch.testing.assert_close(weights(resumed), weights(whole))


def test_the_rate_rises_then_falls_with_the_time(data: LabelledPictures, tmp_path: Path) -> None:
    run = training(data, tmp_path)
    rates = []
    for run.step, run.elapsed_s in [(0, 0.0), (200, 0.0), (200, 30.0), (200, 60.0), (200, 99.0)]:
        rates.append(run.rate())

    np.testing.assert_allclose(rates, [1 / 200, 1, 0.5, 0, 0], atol=1e-12)


def test_what_a_run_writes_is_a_segmenter(data: LabelledPictures, tmp_path: Path) -> None:
    run = training(data, tmp_path)
    run.advance()
    run.save()

    loaded = Segmenter.load(tmp_path / "model")

    assert loaded.classes[:4] == ("sky", "building", "pole", "road")
    assert loaded.preprocessing.size == 48
    labels = loaded.label_map(data.photo(0), Size(24, 32))
    assert labels.shape == (24, 32)
    assert labels.max() <= VOID


def test_soft_jaccard_is_one_minus_the_score_where_the_network_is_sure() -> None:
    generator = Generator().manual_seed(0)
    labels = torch.randint(VOID + 1, (2, 16, 16), generator=generator)
    guess = torch.where(torch.rand(labels.shape, generator=generator) < 0.5, labels, 1)
    guess[labels == VOID] = 1
    logits = 100 * functional.one_hot(guess, VOID + 1).permute(0, 3, 1, 2).float()

    loss = segmenter.soft_jaccard(logits, labels)

    seen = labels != VOID
    score = jaccard_score(labels[seen], guess[seen], average="macro")
    assert float(loss) == pytest.approx(1 - score, abs=1e-5)


@pytest.mark.parametrize("size", [None, Size(24, 32)], ids=str)
def test_void_is_left_out_of_the_confusion(
    data: LabelledPictures, tmp_path: Path, size: Size | None
) -> None:
    run = training(data, tmp_path)
    run.save()

    counts = segmenter.confusion(Segmenter.load(tmp_path / "model"), data, size)

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
    model = segmenter.build(hidden_size=8)
    segmenter.load_backbone(model, path)
    rgb = torch.rand(1, 3, 32, 48, generator=Generator().manual_seed(0))

    caffe = rgb.flip(1) * 255 - torch.tensor([104.0, 117.0, 123.0])[:, None, None]
    kernel, bias = published["conv1.weight"].float(), published["conv1.bias"].float()
    expected = functional.relu(functional.conv2d(caffe, kernel, bias, stride=2, padding=3))
    mean = torch.tensor(backbone.MEAN)[:, None, None]
    model.backbone.config.out_features = ["stem"]
    found = model.backbone((rgb - mean) / backbone.STD).feature_maps[0]

    torch.testing.assert_close(found, expected, rtol=1e-3, atol=1e-2)
    assert not model.backbone.conv1.weight.requires_grad
