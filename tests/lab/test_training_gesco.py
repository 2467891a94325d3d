from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Generator, Tensor

from semlink.core.errors import NotFound
from semlink.lab.training import trainer as trainers
from semlink.lab.training.checkpoint import load_checkpoint, save_checkpoint
from semlink.lab.training.ema import Ema
from semlink.lab.training.gesco import TASK
from semlink.lab.training.maps import MapNoise, one_hot, received_maps
from semlink.lab.training.pictures import (
    MEAN_LEVEL,
    PackedPictures,
    even_exposure,
    random_views,
)
from semlink.lab.training.trainer import Trainer, Training, export, shuffled_batches, train
from semlink.receiver.diffusion.unet import UNetConfig
from semlink.receiver.diffusion.weights import load_diffusion

TINY = UNetConfig(
    map_channels=3,
    model_channels=32,
    channel_mult=(1,),
    res_blocks=(0,),
    attention_downsamplings=(),
    head_channels=16,
    learn_sigma=False,
    spade_hidden=4,
    map_stem=True,
    patch=4,
)
TRAINING = Training(batch=4, height=16, width=24, warmup_steps=1, lr=3e-3)


def seeded(seed: int = 0) -> Generator:
    return torch.Generator().manual_seed(seed)


@pytest.fixture(scope="module")
def packed() -> PackedPictures:
    """Pictures whose colour is the class of the pixel."""
    labels = torch.randint(3, (6, 5, 7), generator=seeded(), dtype=torch.uint8)
    labels = labels.repeat_interleave(4, 1).repeat_interleave(4, 2)
    colours = torch.tensor([[20, 30, 40], [120, 110, 100], [230, 240, 250]], dtype=torch.uint8)
    return PackedPictures(colours[labels.int()].permute(0, 3, 1, 2), labels)


def some_maps(batch: int) -> Tensor:
    labels = torch.randint(2, (batch, 64, 64), generator=seeded())
    return one_hot(labels, 3)


def test_absent_classes_are_exactly_zero() -> None:
    assert not received_maps(some_maps(16), MapNoise(), seeded())[:, 2].any()


def test_noise_differs_between_channels() -> None:
    noise = MapNoise(sigmas=(0.5,), clean_share=0.0, blind_share=0.0)
    clean = torch.ones(1, 2, 64, 64)
    first, second = received_maps(clean, noise, seeded())[0]
    correlation = torch.corrcoef(torch.stack([first.flatten(), second.flatten()]))[0, 1]
    assert abs(correlation.item()) < 0.3  # borders are darker in both


def test_shares_of_clean_and_blind_maps() -> None:
    clean = some_maps(400)[:, :, :4, :4]
    maps = received_maps(clean, MapNoise(clean_share=0.3, blind_share=0.1), seeded())
    untouched = (maps == clean).flatten(1).all(1).float().mean()
    blind = (~maps.flatten(1).any(1)).float().mean()
    assert untouched.item() == pytest.approx(0.3, abs=0.07)
    assert blind.item() == pytest.approx(0.1, abs=0.05)


def test_views_keep_photo_and_labels_together(packed: PackedPictures) -> None:
    photos, labels = random_views(packed, torch.arange(6), 20, 28, seeded())
    inside = (labels[..., 1:] == labels[..., :-1])[..., :-1] & (
        labels[..., 2:] == labels[..., 1:-1]
    )
    bright = photos.mean(1)[..., 1:-1][inside]
    label = labels[..., 1:-1][inside]
    means = [bright[label == c].mean().item() for c in range(3)]
    assert means[0] < -0.4 < means[1] < 0.3 < means[2]


def test_views_are_windows_inside_the_picture() -> None:
    """Of pictures whose colours are their places: straight, large, flipped half the time."""
    across = torch.arange(128, dtype=torch.uint8).expand(96, 128)
    down = torch.arange(96, dtype=torch.uint8)[:, None].expand(96, 128)
    packed = PackedPictures(torch.stack([across, down, down])[None], down[None])
    photos, labels = random_views(packed, torch.zeros(400, dtype=torch.int64), 24, 32, seeded())
    assert (labels.diff(dim=-1) == 0).all()
    assert (labels.diff(dim=-2) >= 2).all()  # 0.65 * 96 / 24 = 2.6 rows
    assert labels[:, 0].min() <= 3
    assert labels[:, -1].max() >= 92
    flipped = (photos[:, 0, 0, 0] > photos[:, 0, 0, -1]).float().mean()
    assert flipped.item() == pytest.approx(0.5, abs=0.1)


@pytest.mark.parametrize("level", [0.2, 0.38, 0.6])
def test_dark_and_bright_photos_come_to_the_same_level(level: float) -> None:
    photo = level + 0.1 * torch.randn(1, 3, 32, 32, generator=seeded(3))
    even = even_exposure(photo)
    assert even.mean().item() == pytest.approx(MEAN_LEVEL, abs=0.03)
    assert 0 <= even.min() <= even.max() <= 1
    pixels = photo.clamp(0, 1).flatten()
    brightest_first = pixels.argsort()
    assert (even.flatten()[brightest_first].diff() >= 0).all(), "the order of levels is kept"


def test_batches_show_every_picture_once_before_any_again() -> None:
    batches = shuffled_batches(5, 2, seeded())
    seen = torch.cat([next(batches) for _ in range(5)])
    assert sorted(seen[:5].tolist()) == sorted(seen[5:].tolist()) == list(range(5))


def test_learning_rate_rises_then_follows_the_clock_to_zero() -> None:
    training = Training(minutes=10.0, lr=1.0, warmup_steps=100)
    assert training.learning_rate(49, 0.0) == pytest.approx(0.5)
    assert training.learning_rate(1000, 300.0) == pytest.approx(0.5)
    assert training.learning_rate(1000, 600.0) == pytest.approx(0.0)


def test_training_learns(packed: PackedPictures) -> None:
    trainer = Trainer(TASK, TINY, TRAINING, packed)
    generator = seeded()
    batches = shuffled_batches(6, 4, generator)
    losses = [trainer.update(next(batches), generator) for _ in range(25)]
    assert sum(losses[-5:]) < 0.7 * sum(losses[:5])


def test_a_resumed_run_goes_on_as_if_never_stopped(packed: PackedPictures, tmp_path: Path) -> None:
    whole, half = Trainer(TASK, TINY, TRAINING, packed), Trainer(TASK, TINY, TRAINING, packed)
    indices = torch.arange(4)
    for trainer in (whole, half):
        trainer.update(indices, seeded(1))
    half.save(tmp_path)
    resumed = Trainer(TASK, TINY, replace(TRAINING, seed=5), packed)
    resumed.resume(tmp_path)
    assert whole.update(indices, seeded(2)) == resumed.update(indices, seeded(2))
    for name, value in whole.ema.weights.items():
        assert torch.equal(value, resumed.ema.weights[name]), name


def test_a_run_writes_a_network_and_a_sheet_and_goes_on(
    packed: PackedPictures, tmp_path: Path
) -> None:
    held_out = PackedPictures(packed.photos[:2, :, :16, :24], packed.labels[:2, :16, :24])
    first = Trainer(TASK, TINY, replace(TRAINING, minutes=1e-6), packed)
    train(first, tmp_path, held_out)
    minutes = first.elapsed_s / 60 + 0.005
    trainer = Trainer(TASK, TINY, replace(TRAINING, minutes=minutes), packed)
    train(trainer, tmp_path, held_out)
    assert trainer.step > first.step == 1
    assert (tmp_path / "sheet-000001.png").exists()
    assert (tmp_path / f"sheet-{trainer.step:06d}.png").exists()
    net, config = load_diffusion(tmp_path / "model", torch.device("cpu"), torch.float32)
    assert config.network == TINY
    for name, value in net.state_dict().items():
        torch.testing.assert_close(value, trainer.ema.weights[name], rtol=1e-2, atol=1e-6)


def test_a_run_can_start_from_a_network(packed: PackedPictures, tmp_path: Path) -> None:
    before = Trainer(TASK, TINY, TRAINING, packed)
    before.update(torch.arange(4), seeded())
    before.save(tmp_path)
    after = Trainer(TASK, TINY, replace(TRAINING, seed=1), packed)
    after.start_from(tmp_path / "model")
    assert after.step == 0
    for name, value in after.net.state_dict().items():
        torch.testing.assert_close(value, before.ema.weights[name], rtol=1e-2, atol=1e-6)
        assert torch.equal(value, after.ema.weights[name])


def test_a_loss_that_is_no_number_ends_the_run(packed: PackedPictures, tmp_path: Path) -> None:
    trainer = Trainer(TASK, TINY, TRAINING, packed)
    with torch.no_grad():
        trainer.net.out[2].bias.fill_(torch.nan)
    with pytest.raises(FloatingPointError, match=r"step 25: the loss is nan"):
        train(trainer, tmp_path, packed)
    assert not (tmp_path / "checkpoint.pt").exists()


def test_half_precision_hardly_changes_the_loss(
    packed: PackedPictures, monkeypatch: pytest.MonkeyPatch
) -> None:
    trainer = Trainer(TASK, TINY, TRAINING, packed)
    for seed in range(3):  # the last layer starts at zero, in any precision
        trainer.update(torch.arange(4), seeded(seed))
    full = trainer.loss(torch.arange(4), seeded(9))
    monkeypatch.setattr(
        trainers, "mixed_precision", lambda _: torch.autocast("cpu", torch.bfloat16)
    )
    half = trainer.loss(torch.arange(4), seeded(9))
    assert half.dtype == torch.float32
    assert half.item() != full.item()
    assert half.item() == pytest.approx(full.item(), rel=0.02)


def test_a_save_that_breaks_off_leaves_the_old_checkpoint(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.pt"
    save_checkpoint(path, {"step": 1})
    with pytest.raises((AttributeError, TypeError, RuntimeError)):
        save_checkpoint(path, {"step": lambda: 2})
    assert load_checkpoint(path) == {"step": 1}


def test_the_average_is_the_textbook_one() -> None:
    net = torch.nn.Linear(2, 1)
    ema, expected = Ema(net, 0.5), net.weight.detach().clone()
    torch.nn.init.ones_(net.weight)
    for step in (1, 50):
        ema.update(net, step)
        decay = min(0.5, (1 + step) / (10 + step))
        expected = decay * expected + (1 - decay) * net.weight.detach()
    torch.testing.assert_close(ema.weights["weight"], expected)


def test_average_forgets_the_start_of_a_short_run() -> None:
    net = torch.nn.Linear(1, 1, bias=False)
    torch.nn.init.constant_(net.weight, 100.0)
    ema = Ema(net, 0.999)
    torch.nn.init.ones_(net.weight)
    for step in range(1, 101):
        ema.update(net, step)
    assert ema.weights["weight"].item() == pytest.approx(1.0, abs=0.1)


def test_export_without_a_checkpoint_is_named(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="checkpoint"):
        export(tmp_path, tmp_path / "zoo", TINY, 2.0)
