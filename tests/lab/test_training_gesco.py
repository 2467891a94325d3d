from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Generator, Tensor

from semlink.core.errors import InvalidInput
from semlink.lab.training.diffusion import NETWORK, DiffusionObjective
from semlink.lab.training.gesco import RECIPE
from semlink.lab.training.launching import make_accelerator
from semlink.lab.training.loop import Loop
from semlink.lab.training.maps import MapNoise, one_hot, received_maps
from semlink.lab.training.networks import weights_to_start_from
from semlink.lab.training.pictures import (
    MEAN_LEVEL,
    PackedPictures,
    even_exposure,
    random_views,
)
from semlink.lab.training.plan import Plan
from semlink.lab.training.run import export, save, train
from semlink.receiver.diffusion.unet import UNetConfig
from semlink.receiver.diffusion.weights import DiffusionConfig, load_diffusion

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
CONFIG = DiffusionConfig(
    network=TINY,
    schedule="shifted-cosine",
    prediction="clean",
    taxonomy="camvid",
    height=16,
    width=24,
)
PLAN = Plan(steps=25, batch=4, warmup_steps=1)


def seeded(seed: int = 0) -> Generator:
    return torch.Generator().manual_seed(seed)


def objective(packed: PackedPictures, seed: int = 0) -> DiffusionObjective:
    held_out = PackedPictures(packed.photos[:2, :, :16, :24], packed.labels[:2, :16, :24])
    return DiffusionObjective(RECIPE, CONFIG, packed, held_out, lr=3e-3, seed=seed)


def loop(packed: PackedPictures, plan: Plan = PLAN) -> Loop:
    return Loop(objective(packed), plan, make_accelerator("cpu"))


def pixels(loop: Loop) -> float:
    return loop.advance()["pixels"].item()


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


def test_training_learns(packed: PackedPictures) -> None:
    run = loop(packed)
    losses = [pixels(run) for _ in range(25)]
    assert sum(losses[-5:]) < 0.7 * sum(losses[:5])


def test_a_run_writes_a_network_and_a_sheet(packed: PackedPictures, tmp_path: Path) -> None:
    run = loop(packed, replace(PLAN, steps=2))
    train(run, tmp_path, resume=False, say=lambda _: None)
    assert (tmp_path / "sheet-000002.png").exists()
    net, config = load_diffusion(tmp_path / "model", torch.device("cpu"), torch.float32)
    assert config == CONFIG
    for name, value in net.state_dict().items():
        expected = run.averages[NETWORK].weights[name]
        torch.testing.assert_close(value, expected, rtol=1e-2, atol=1e-6)


def test_a_run_can_start_from_a_network(packed: PackedPictures, tmp_path: Path) -> None:
    before = loop(packed)
    before.advance()
    export(before, tmp_path / "model")
    weights, anew = weights_to_start_from(tmp_path / "model", TINY)
    after = DiffusionObjective(RECIPE, CONFIG, packed, packed, weights=weights, seed=1)
    assert anew == []
    for name, value in after.net.state_dict().items():
        expected = before.averages[NETWORK].weights[name]
        torch.testing.assert_close(value, expected, rtol=1e-2, atol=1e-6)


def test_only_what_reads_the_map_begins_anew_for_other_classes(
    packed: PackedPictures, tmp_path: Path
) -> None:
    export(loop(packed), tmp_path / "model")
    _, anew = weights_to_start_from(tmp_path / "model", replace(TINY, map_channels=7))
    assert anew
    assert all("mlp_shared.0.weight" in name or "map_stem" in name for name in anew)
    with pytest.raises(InvalidInput, match="patch 4, not 2"):
        weights_to_start_from(tmp_path / "model", replace(TINY, patch=2))


def test_half_precision_hardly_changes_the_loss(packed: PackedPictures) -> None:
    run = loop(packed)
    for _ in range(3):  # the last layer starts at zero, in any precision
        run.advance()
    training = run.objective
    batch = training.batch(torch.arange(4), seeded())
    full = training.losses(NETWORK, batch, 3, seeded(9))["pixels"]
    with torch.autocast("cpu", torch.bfloat16):
        half = training.losses(NETWORK, batch, 3, seeded(9))["pixels"]
    assert half.dtype == torch.float32
    assert half.item() != full.item()
    assert half.item() == pytest.approx(full.item(), rel=0.02)


def test_a_loss_that_is_no_number_ends_the_run(packed: PackedPictures, tmp_path: Path) -> None:
    run = loop(packed)
    save(run, tmp_path)
    before = (tmp_path / "checkpoint.pt").read_bytes()
    with torch.no_grad():
        for weights in run.objective.networks[NETWORK].parameters():
            weights.fill_(torch.nan)
    with pytest.raises(InvalidInput, match="pixels is nan after step 25"):
        train(run, tmp_path, resume=False, say=lambda _: None)
    assert (tmp_path / "checkpoint.pt").read_bytes() == before
