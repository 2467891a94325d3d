"""SGC's two trainings on few pictures of few pixels."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from semlink.core.errors import InvalidInput
from semlink.core.pictures import Size
from semlink.lab.feature_distance import FeatureDistance
from semlink.lab.training.options import SgcOptions, Stage
from semlink.lab.training.pictures import PackedPictures
from semlink.lab.training.run import export
from semlink.lab.training.sgc_autoencoder import SHAPE as AUTOENCODER_SHAPE
from semlink.lab.training.sgc_autoencoder import AutoencoderObjective, revive
from semlink.lab.training.sgc_command import build_latent
from semlink.lab.training.sgc_latent import SHAPE, LatentObjective, as_received, random_quarter
from semlink.receiver.latent.network import load_latent_network
from semlink.receiver.latent.weights import load_part
from semlink.transmitter.schemes.sgc import most_frequent

SIZE = Size(32, 64)
SMALL_AUTOENCODER = AUTOENCODER_SHAPE | {
    "block_out_channels": (8, 8, 8),
    "num_vq_embeddings": 32,
}
SMALL = SHAPE | {"block_out_channels": (16, 16, 16), "attention_head_dim": 16}


@pytest.fixture(scope="module")
def packed() -> PackedPictures:
    """Squares of two colours, which are two classes."""
    generator = torch.Generator().manual_seed(0)
    labels = torch.randint(0, 2, (6, 6, 12), generator=generator, dtype=torch.uint8)
    labels = labels.repeat_interleave(8, 1).repeat_interleave(8, 2)
    photos = torch.tensor([[200, 40, 40], [30, 60, 220]], dtype=torch.uint8)[labels.long()]
    return PackedPictures(photos.permute(0, 3, 1, 2).contiguous(), labels)


def held_out(packed: PackedPictures) -> PackedPictures:
    photos, labels = packed.photos[:2, :, :32, :64], packed.labels[:2, :32, :64]
    return PackedPictures(photos.contiguous(), labels.contiguous())


@pytest.fixture(scope="module")
def autoencoder(packed: PackedPictures) -> AutoencoderObjective:
    return AutoencoderObjective(packed, held_out(packed), SIZE, lr=3e-3, shape=SMALL_AUTOENCODER)


def test_an_autoencoder_starts_from_what_fits_of_another(
    autoencoder: AutoencoderObjective, packed: PackedPictures
) -> None:
    before = autoencoder.net.state_dict()
    wider = SMALL_AUTOENCODER | {"latent_channels": 5}
    after = AutoencoderObjective(
        packed, held_out(packed), SIZE, shape=wider, weights=before
    ).net.state_dict()
    assert after["quantize.embedding.weight"].shape[1] == 5
    kept = [name for name in after if torch.equal(after[name], before[name])]
    assert "decoder.conv_out.weight" in kept
    assert len(kept) >= len(after) - 10


def learnt(objective: Any, steps: int) -> list[float]:
    """Losses of the first optimiser on the same batch."""
    ((name, optimiser),) = objective.optimisers.items()
    generator = torch.Generator().manual_seed(1)
    batch = objective.batch(torch.arange(4), generator)
    history = []
    for step in range(steps):
        losses: Mapping[str, torch.Tensor] = objective.losses(
            name, batch, step, torch.Generator().manual_seed(2)
        )
        total = torch.stack(list(losses.values())).sum()
        optimiser.zero_grad()
        total.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        history.append(float(total.detach()))
    return history


def test_the_autoencoder_learns_to_give_pictures_back(
    autoencoder: AutoencoderObjective, tmp_path: Path
) -> None:
    history = learnt(autoencoder, 20)
    assert np.mean(history[-3:]) < 0.8 * history[0]
    sheet = autoencoder.sheet(autoencoder.networks)
    assert sheet.shape == (2 * SIZE.height, 2 * SIZE.width, 3)
    autoencoder.export(autoencoder.networks, tmp_path)
    from diffusers import VQModel

    back = load_part(tmp_path / "vqvae", VQModel)
    assert back.config.num_vq_embeddings == 32


@pytest.fixture
def second_stage(autoencoder: AutoencoderObjective, packed: PackedPictures) -> Any:
    """Makes small trainings of the second stage."""
    held = held_out(packed)
    return partial(
        LatentObjective, autoencoder.net, "camvid", packed, held, SIZE, classes=12, shape=SMALL
    )


def test_the_unet_learns_in_the_latents_of_the_autoencoder(
    second_stage: Any, tmp_path: Path
) -> None:
    objective = second_stage(lr=3e-3)
    latents = objective.batch(torch.arange(6), torch.Generator().manual_seed(5)).latent
    assert 0.5 < float(latents.square().mean().sqrt()) < 2
    history = learnt(objective, 20)
    assert np.mean(history[-3:]) < 0.8 * history[0]
    assert not any(weight.grad is not None for weight in load_weights(objective))
    assert objective.sheet(objective.networks).shape == (5 * SIZE.height, 2 * SIZE.width, 3)
    objective.export(objective.networks, tmp_path)
    network = load_latent_network("made", tmp_path, torch.device("cpu"))
    assert (network.taxonomy, network.multiple) == ("camvid", 16)
    network.warm()


def test_the_unet_heeds_what_its_answers_decode_to(second_stage: Any) -> None:
    objective = second_stage(distance=FeatureDistance(Edges(), (0.5, 0.5, 0.5), 0.5))
    (name,) = objective.optimisers
    batch = objective.batch(torch.arange(4), torch.Generator().manual_seed(1))
    losses = objective.losses(name, batch, 0, torch.Generator().manual_seed(2))
    assert losses.keys() == {"v", "perceptual"}
    assert 0 < float(losses["perceptual"].detach()) < 4
    losses["perceptual"].backward()
    assert all(weight.grad is not None for weight in objective.network.models.unet.parameters())


class Edges(torch.nn.Module):
    """A backbone that needs no weights."""

    def forward(self, pictures: torch.Tensor) -> Any:
        return SimpleNamespace(feature_maps=(pictures.diff(dim=-1), pictures.diff(dim=-2)))


def test_quarters_of_latents_and_pictures_are_of_one_place() -> None:
    latents = torch.arange(8 * 12.0).view(1, 1, 8, 12)
    pictures = latents.repeat_interleave(4, 2).repeat_interleave(4, 3)
    places = set()
    for seed in range(8):
        window, there = random_quarter(Size(8, 12), 4, torch.Generator().manual_seed(seed))
        assert latents[window].shape == (1, 1, 4, 6)
        assert torch.equal(pictures[there][..., ::4, ::4], latents[window])
        places.add(float(latents[window][0, 0, 0, 0]))
    assert len(places) > 4


def test_a_run_starts_from_the_network_of_another(second_stage: Any) -> None:
    def weights(**options: Any) -> dict[str, torch.Tensor]:
        found: dict[str, torch.Tensor] = second_stage(**options).network.models.unet.state_dict()
        return found

    first, other = weights(seed=0), weights(seed=1)
    assert not torch.equal(first["conv_in.weight"], other["conv_in.weight"])
    again = weights(seed=1, weights=first)
    assert all(torch.equal(value, first[name]) for name, value in again.items())


def load_weights(objective: LatentObjective) -> list[torch.Tensor]:
    """Of the autoencoder, which stays as it is."""
    encoder = objective.network.models.autoencoder
    for weight in encoder.parameters():
        weight.grad = None
    learnt(objective, 1)
    return list(encoder.parameters())


def test_maps_are_those_that_the_receiver_has() -> None:
    labels = torch.randint(0, 5, (2, 32, 64), generator=torch.Generator().manual_seed(3))
    seen = as_received(labels, 16)
    small = most_frequent(labels[1].numpy().astype(np.uint8), Size(16, 32))
    np.testing.assert_array_equal(seen[1].numpy(), small.repeat(2, 0).repeat(2, 1))
    torch.testing.assert_close(as_received(labels, 32), labels)


def test_unused_codewords_begin_anew_at_latents() -> None:
    generator = torch.Generator().manual_seed(4)
    latent = torch.randn(2, 3, 8, 8, generator=generator)
    words = torch.full((10, 3), 100.0)
    words[0] = 0.0
    assert revive(words, latent, generator) == 9
    places = latent.movedim(1, -1).flatten(0, -2)
    assert torch.cdist(words[1:], places).min(1).values.max() < 1e-3
    assert not words[0].any()


def test_the_second_stage_wants_a_first(tmp_path: Path) -> None:
    options = SgcOptions(data=tmp_path, layout="camvid", out=tmp_path, stage=Stage.LATENT)
    with pytest.raises(InvalidInput, match="needs the autoencoder of a first"):
        build_latent(options, torch.device("cpu"), print)


def test_networks_of_parts_are_written_again(
    autoencoder: AutoencoderObjective, tmp_path: Path
) -> None:
    """As a run does after every while."""
    from semlink.lab.training.launching import make_accelerator
    from semlink.lab.training.loop import Loop
    from semlink.lab.training.plan import Plan

    loop = Loop(autoencoder, Plan(steps=1), make_accelerator("cpu"))
    for _ in range(2):
        export(loop, tmp_path / "model")
    assert (tmp_path / "model" / "vqvae" / "config.json").is_file()
    assert not (tmp_path / "model.partial").exists()
