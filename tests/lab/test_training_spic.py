from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Generator, Tensor

from semlink.core.schemes import Scheme
from semlink.lab.training import gesco, spic
from semlink.lab.training.diffusion import DiffusionObjective, Recipe
from semlink.lab.training.launching import make_accelerator
from semlink.lab.training.loop import Loop
from semlink.lab.training.maps import one_hot
from semlink.lab.training.networks import FIRST_LAYER, weights_to_start_from
from semlink.lab.training.pictures import PackedPictures
from semlink.lab.training.plan import Plan
from semlink.lab.training.run import export
from semlink.lab.training.spic import examples
from semlink.lab.training.thumbnails import ThumbnailDamage, shrunk, thumbnails
from semlink.receiver.diffusion.unet import SpadeUNet, UNetConfig
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
    low_res_channels=3,
)
CONFIG = DiffusionConfig(
    network=TINY,
    schedule="shifted-cosine",
    prediction="clean",
    taxonomy="camvid",
    height=32,
    width=48,
    guidance=1.5,
)
UNDAMAGED = ThumbnailDamage(factors=(4,), clean_share=1.0)


def seeded(seed: int = 0) -> Generator:
    return torch.Generator().manual_seed(seed)


def objective(
    recipe: Recipe, packed: PackedPictures, weights: dict[str, Tensor] | None = None
) -> DiffusionObjective:
    network = replace(TINY, low_res_channels=recipe.low_res_channels)
    held_out = PackedPictures(packed.photos[:2], packed.labels[:2])
    config = replace(CONFIG, network=network)
    return DiffusionObjective(recipe, config, packed, held_out, lr=3e-3, weights=weights)


def trained(recipe: Recipe, packed: PackedPictures, steps: int) -> Loop:
    plan = Plan(minutes=60.0, batch=4, warmup_steps=1)
    loop = Loop(objective(recipe, packed), plan, make_accelerator("cpu"))
    for _ in range(steps):
        loop.advance()
    return loop


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
    net = trained(spic.RECIPE, packed, 40).objective.networks["unet"]
    assert isinstance(net, SpadeUNet)
    colours = torch.tensor([[0.8, -0.8, -0.8], [-0.8, 0.8, 0.8]])[:, :, None, None]
    _, class_map = some_pictures(2)
    noise = torch.randn(1, 3, 32, 48, generator=seeded(2)).expand(2, -1, -1, -1)
    with torch.no_grad():
        modulations = net.modulations(class_map)
        painted = net(noise, torch.tensor([900.0, 900.0]), modulations, colours)
    means = painted.mean((2, 3))
    assert ((means[0] - means[1]) * colours[0, :, 0, 0] > 0.1).all()


def test_a_network_without_coarse_pictures_is_where_it_starts(
    packed: PackedPictures, tmp_path: Path
) -> None:
    """It begins by answering as that network, whatever the coarse picture."""
    export(trained(gesco.RECIPE, packed, 3), tmp_path / "model")
    weights, anew = weights_to_start_from(tmp_path / "model", TINY)
    assert anew == []
    after = objective(spic.RECIPE, packed, weights).net
    old, _ = load_diffusion(tmp_path / "model", torch.device("cpu"), torch.float32)
    clean, class_map = some_pictures(2)
    t, low_res = torch.tensor([10.0, 700.0]), torch.randn(2, 3, 8, 12)
    with torch.no_grad():
        answer = after(clean, t, after.modulations(class_map), low_res)
        expected = old(clean, t, old.modulations(class_map))
    torch.testing.assert_close(answer, expected)
    assert after.state_dict()[FIRST_LAYER].shape[1] == 2 * 3 * 4**2


def test_the_sheet_has_five_rows_and_the_network_its_guidance(
    packed: PackedPictures, tmp_path: Path
) -> None:
    loop = trained(spic.RECIPE, packed, 1)
    averages = {name: average.network for name, average in loop.averages.items()}
    assert loop.objective.sheet(averages).shape == (5 * 32, 2 * 48, 3)
    export(loop, tmp_path / "model")
    _, config = load_diffusion(tmp_path / "model", torch.device("cpu"), torch.float32)
    assert config == CONFIG
