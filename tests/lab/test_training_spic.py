from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Generator, Tensor

from semlink.core.schemes import Scheme
from semlink.lab.training import gesco, spic
from semlink.lab.training.maps import one_hot
from semlink.lab.training.pictures import PackedPictures
from semlink.lab.training.spic import TASK, examples
from semlink.lab.training.thumbnails import ThumbnailDamage, shrunk, thumbnails
from semlink.lab.training.trainer import (
    FIRST_LAYER,
    Trainer,
    Training,
    shuffled_batches,
    train,
)
from semlink.receiver.diffusion.unet import UNetConfig
from semlink.receiver.diffusion.weights import load_diffusion

WITHOUT = UNetConfig(
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
TINY = replace(WITHOUT, low_res_channels=3)
TRAINING = Training(batch=4, height=32, width=48, warmup_steps=1, lr=3e-3)
UNDAMAGED = ThumbnailDamage(factors=(4,), clean_share=1.0)


def seeded(seed: int = 0) -> Generator:
    return torch.Generator().manual_seed(seed)


@pytest.fixture(scope="module")
def packed() -> PackedPictures:
    """Pictures of whose colours the map says nothing."""
    labels = torch.randint(3, (6, 8, 12), generator=seeded(), dtype=torch.uint8)
    labels = labels.repeat_interleave(4, 1).repeat_interleave(4, 2)
    colours = torch.randint(256, (6, 3, 1, 1), generator=seeded(1), dtype=torch.uint8)
    return PackedPictures(colours.expand(-1, -1, 32, 48).contiguous(), labels)


def some_pictures(batch: int) -> tuple[Tensor, Tensor]:
    photos = 0.5 * torch.randn(batch, 3, 4, 6, generator=seeded()).repeat_interleave(8, 2)
    labels = torch.randint(3, (batch, 32, 48), generator=seeded())
    return photos.repeat_interleave(8, 3).clamp(-1, 1), one_hot(labels, 3)


def test_thumbnails_are_means_of_areas_through_a_codec() -> None:
    pictures, _ = some_pictures(4)
    means = torch.nn.functional.avg_pool2d(pictures, 4)
    torch.testing.assert_close(shrunk(pictures, 4), means)
    exact = thumbnails(pictures, UNDAMAGED, seeded())
    assert (exact - means).abs().max() <= 1 / 255 + 1e-6
    damage = replace(UNDAMAGED, clean_share=0.0, codecs=((Scheme.WEBP, 0.0, 0.3),))
    damaged = (thumbnails(pictures, damage, seeded()) - means).abs().mean((1, 2, 3))
    assert (damaged > 0.01).all()
    assert (damaged < 0.4).all()


def test_every_batch_has_one_size_of_thumbnails() -> None:
    pictures, _ = some_pictures(2)
    damage = ThumbnailDamage(clean_share=1.0)
    sizes = {tuple(thumbnails(pictures, damage, seeded(n)).shape[-2:]) for n in range(60)}
    assert sizes == {(-(-32 // f), -(-48 // f)) for f in damage.factors}


def test_shares_of_lost_and_late(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lost coarse pictures are trained at all timesteps, the others mostly at late ones."""
    monkeypatch.setattr(spic, "DAMAGE", UNDAMAGED)
    clean, class_map = some_pictures(1)
    batch = examples(clean.expand(1000, -1, -1, -1), class_map.expand(1000, -1, -1, -1), seeded())
    assert batch.low_res is not None
    lost = ~batch.low_res.flatten(1).any(1)
    blind = ~batch.class_map.flatten(1).any(1)
    assert lost.float().mean().item() == pytest.approx(spic.LOST_SHARE, abs=0.03)
    assert blind.float().mean().item() == pytest.approx(spic.BLIND_SHARE, abs=0.03)
    late = (batch.t < spic.LATE).float()
    assert late[lost].mean().item() == pytest.approx(0.4, abs=0.15)
    assert late[~lost].mean().item() == pytest.approx(0.75 + 0.25 * 0.4, abs=0.05)
    assert batch.t.max() > 900
    torch.testing.assert_close(batch.clean[lost], clean.expand(int(lost.sum()), -1, -1, -1))
    other = (batch.clean != clean).flatten(1).any(1)
    assert other[~lost].float().mean().item() == pytest.approx(spic.JITTER_SHARE, abs=0.06)


def test_the_coarse_picture_is_that_of_the_clean_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spic, "DAMAGE", UNDAMAGED)
    batch = examples(*some_pictures(30), seeded())
    assert batch.low_res is not None
    kept = batch.low_res.flatten(1).any(1)
    means = shrunk(batch.clean, 4)[kept]
    assert (batch.low_res[kept] - means).abs().max() <= 1 / 255 + 1e-6


def test_training_learns_to_take_the_colours_of_the_coarse_picture(
    packed: PackedPictures,
) -> None:
    trainer = Trainer(TASK, TINY, TRAINING, packed)
    generator = seeded()
    batches = shuffled_batches(6, 4, generator)
    for _ in range(40):
        trainer.update(next(batches), generator)
    colours = torch.tensor([[0.8, -0.8, -0.8], [-0.8, 0.8, 0.8]])[:, :, None, None]
    _, class_map = some_pictures(2)
    noise = torch.randn(1, 3, 32, 48, generator=seeded(2)).expand(2, -1, -1, -1)
    with torch.no_grad():
        modulations = trainer.net.modulations(class_map)
        painted = trainer.net(noise, torch.tensor([900.0, 900.0]), modulations, colours)
    means = painted.mean((2, 3))
    assert ((means[0] - means[1]) * colours[0, :, 0, 0] > 0.1).all()


def test_a_network_without_coarse_pictures_is_where_it_starts(
    packed: PackedPictures, tmp_path: Path
) -> None:
    """It begins by answering as that network, whatever the coarse picture."""
    before = Trainer(gesco.TASK, WITHOUT, TRAINING, packed)
    for seed in range(3):
        before.update(torch.arange(4), seeded(seed))
    before.save(tmp_path)
    after = Trainer(TASK, TINY, TRAINING, packed)
    after.start_from(tmp_path / "model")
    old, _ = load_diffusion(tmp_path / "model", torch.device("cpu"), torch.float32)
    clean, class_map = some_pictures(2)
    t, low_res = torch.tensor([10.0, 700.0]), torch.randn(2, 3, 8, 12)
    with torch.no_grad():
        answer = after.net(clean, t, after.net.modulations(class_map), low_res)
        expected = old(clean, t, old.modulations(class_map))
    torch.testing.assert_close(answer, expected)
    assert after.net.state_dict()[FIRST_LAYER].shape[1] == 2 * 3 * 4**2
    assert torch.equal(after.ema.weights[FIRST_LAYER], after.net.state_dict()[FIRST_LAYER])


def test_a_run_writes_a_network_and_a_sheet(packed: PackedPictures, tmp_path: Path) -> None:
    held_out = PackedPictures(packed.photos[:2], packed.labels[:2])
    trainer = Trainer(TASK, TINY, replace(TRAINING, minutes=1e-6), packed)
    train(trainer, tmp_path, held_out)
    assert (tmp_path / "sheet-000001.png").exists()
    _, config = load_diffusion(tmp_path / "model", torch.device("cpu"), torch.float32)
    assert (config.network, config.guidance) == (TINY, 1.5)
