from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Generator, Tensor, nn

from semlink.core.errors import InvalidInput
from semlink.core.pictures import Size
from semlink.core.sqgan.config import SqganConfig, StreamConfig
from semlink.core.sqgan.weights import SqganFolder
from semlink.lab.training.launching import make_accelerator
from semlink.lab.training.loop import Loop
from semlink.lab.training.pictures import PackedPictures
from semlink.lab.training.plan import Plan
from semlink.lab.training.run import save, train
from semlink.lab.training.sqgan import DISCRIMINATOR, NETWORK, SqganObjective, Stage
from semlink.lab.training.sqgan_command import stage_of
from semlink.lab.training.sqgan_network import Fate, Sqgan, quantised
from semlink.receiver.loading import load_network
from semlink.receiver.sqgan.painter import SqganNetwork
from semlink.transmitter.sqgan.tokenizer import Tokenizer

STREAM = StreamConfig(
    channels=32,
    channel_mult=(1, 1),
    encoder_blocks=1,
    decoder_blocks=1,
    patch=4,
    codes=32,
    demask_blocks=1,
)
TINY = SqganConfig(
    map_channels=12,
    latent_channels=32,
    spade_hidden=4,
    spade_kernel=1,
    map_resize="area",
    picture=STREAM,
    map=STREAM,
)
CONFIG = SqganFolder(network=TINY, taxonomy="camvid", height=32, width=32)
PLAN = Plan(steps=20, batch=2, warmup_steps=1)


def seeded(seed: int = 0) -> Generator:
    return torch.Generator().manual_seed(seed)


@pytest.fixture(scope="module")
def packed() -> PackedPictures:
    """Pictures whose colour is the class of the pixel."""
    labels = torch.randint(12, (4, 5, 5), generator=seeded(), dtype=torch.uint8)
    labels = labels.repeat_interleave(8, 1).repeat_interleave(8, 2)
    colours = (torch.arange(12, dtype=torch.uint8) * 20)[:, None].expand(-1, 3)
    return PackedPictures(colours[labels.int()].permute(0, 3, 1, 2), labels)


def loop(packed: PackedPictures, stage: Stage, plan: Plan = PLAN, after: int = 0) -> Loop:
    held_out = PackedPictures(packed.photos[:1, :, :32, :32], packed.labels[:1, :32, :32])
    objective = SqganObjective(
        stage,
        CONFIG,
        packed,
        held_out,
        lr=2e-3,
        adversarial_after=after,
        discriminator_width=8,
    )
    return Loop(objective, plan, make_accelerator("cpu"))


def snapshot(net: nn.Module) -> dict[str, Tensor]:
    return {name: value.clone() for name, value in net.state_dict().items()}


def moved(net: nn.Module, before: dict[str, Tensor]) -> set[str]:
    """Parts of a network that are no longer what they were."""
    changed = [n for n, v in net.state_dict().items() if not torch.equal(v, before[n])]
    return {name.split(".")[1] for name in changed}


OF_MAP = {"encoder_semantic", "masker_semantic", "demasker_semantic", "decoder_semantic"}
OF_PICTURE = {"encoder", "masker", "demasker", "decoder"}


@pytest.mark.parametrize("stage", list(Stage))
def test_a_stage_moves_its_own_stream_alone(packed: PackedPictures, stage: Stage) -> None:
    run = loop(packed, stage)
    net = run.objective.networks[NETWORK]
    before = snapshot(net)
    losses = run.advance()
    assert all(torch.isfinite(loss) for loss in losses.values())
    own, codes = (OF_MAP, "quantize_semantic") if stage is Stage.MAP else (OF_PICTURE, "quantize")
    assert moved(net, before) == own | {codes, "counts", "sums"}


def test_a_map_is_learnt(packed: PackedPictures) -> None:
    run = loop(packed, Stage.MAP, replace(PLAN, steps=60), after=1000)
    entropies = [run.advance()["entropy"].item() for _ in range(60)]
    assert sum(entropies[-10:]) < 0.9 * sum(entropies[:10])


def test_the_discriminator_rests_until_it_is_wanted(packed: PackedPictures) -> None:
    run = loop(packed, Stage.PICTURE, after=1)
    before = snapshot(run.objective.networks[DISCRIMINATOR])
    assert run.advance().keys() == {"pixels", "codes"}
    assert moved(run.objective.networks[DISCRIMINATOR], before) == set()
    assert run.advance().keys() == {"pixels", "codes", "adversary", "discriminator"}
    assert moved(run.objective.networks[DISCRIMINATOR], before)


def test_a_run_goes_on_where_it_was_killed(packed: PackedPictures, tmp_path: Path) -> None:
    plan = Plan(steps=3, batch=2, warmup_steps=1, save_s=1e9, sheet_s=1e9)
    whole = loop(packed, Stage.PICTURE, plan)
    for _ in range(3):
        whole.advance()
    half = loop(packed, Stage.PICTURE, plan)
    half.advance()
    save(half, tmp_path)
    resumed = loop(packed, Stage.PICTURE, plan)
    train(resumed, tmp_path, resume=True, say=lambda _: None)
    expected = whole.objective.networks[NETWORK].state_dict()
    for name, value in resumed.objective.networks[NETWORK].state_dict().items():
        torch.testing.assert_close(value, expected[name])
    network = load_network(str(tmp_path / "model"), torch.device("cpu"))
    assert isinstance(network, SqganNetwork)


def test_what_is_exported_sends_as_what_was_trained(
    packed: PackedPictures, tmp_path: Path
) -> None:
    run = loop(packed, Stage.MAP, after=1000)
    for _ in range(3):
        run.advance()
    net = run.objective.networks[NETWORK]
    assert isinstance(net, Sqgan)
    run.objective.export({NETWORK: net}, tmp_path)
    labels = packed.labels[0, :32, :32].numpy()
    photo = packed.photos[0, :, :32, :32].permute(1, 2, 0).numpy()
    tokens, _ = Tokenizer.load(tmp_path).tokens(photo, labels)
    maps = torch.nn.functional.one_hot(packed.labels[:1, :32, :32].long(), 12)
    with torch.no_grad():
        _, sent = net.send_map(maps.permute(0, 3, 1, 2).float(), Fate(1.0), seeded())
    assert (torch.from_numpy(tokens.indices) == sent.indices).float().mean() > 0.9  # bf16


@pytest.mark.parametrize("fraction", [0.05, 0.5, 1.0])
def test_a_fraction_is_sent_and_a_share_of_it_lost(fraction: float) -> None:
    net = Sqgan(TINY)
    scored = net.transmitter.map_features(torch.rand(8, 12, 64, 64))
    codebook, grid = net.transmitter.quantize_semantic, Size(8, 8)
    whole = quantised(scored, codebook, grid, Fate(fraction), seeded())
    assert (whole.sent.flatten(1).sum(1) == max(1, int(64 * fraction))).all()
    places = whole.sent[0, 0].flatten().nonzero()[:, 0].tolist()
    assert places == sorted(scored.order[0, : len(places)].tolist())
    lossy = quantised(scored, codebook, grid, Fate(fraction, 0.5), seeded())
    assert (lossy.sent <= whole.sent).all()
    if fraction == 1.0:
        assert 0.4 < lossy.sent.float().mean() < 0.6


def test_words_arrive_at_their_places_and_let_gradients_through() -> None:
    net = Sqgan(TINY)
    scored = net.transmitter.map_features(torch.rand(2, 12, 32, 32))
    codebook = net.transmitter.quantize_semantic
    tokens = quantised(scored, codebook, Size(4, 4), Fate(1.0), seeded())
    words = codebook(codebook.nearest(scored.features))
    torch.testing.assert_close(tokens.arrived.flatten(2).mT, words)
    torch.autograd.backward(tokens.arrived.sum())
    weight = net.transmitter.masker_semantic.score_pred_net.conv2.weight
    assert weight.grad is not None
    assert weight.grad.any()


def test_the_sheet_shows_pictures_and_maps_twice(packed: PackedPictures) -> None:
    run = loop(packed, Stage.ALL)
    averages = {name: average.network for name, average in run.averages.items()}
    assert run.objective.sheet(averages).shape == (6 * 32, 32, 3)


def test_stages_go_by_their_names() -> None:
    assert [stage_of(name) for name in ("map", "picture", "all")] == list(Stage)
    with pytest.raises(InvalidInput, match="map, picture, all"):
        stage_of("both")


def test_the_next_stage_takes_over_all_weights() -> None:
    old, new = Sqgan(TINY), Sqgan(replace(TINY))
    new.load(old.weights)
    for name, value in new.weights.items():
        assert torch.equal(value, old.weights[name])
