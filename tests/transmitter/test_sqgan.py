from __future__ import annotations

from pathlib import Path
from shutil import copytree

import numpy as np
import pytest
import torch
from tests.sqgan_published import PublishedChain, published_chain
from torch import Tensor

from semlink.core.errors import CorruptData, InvalidInput
from semlink.core.pictures import LabelMap, Rgb, Size
from semlink.core.sqgan.config import SqganConfig
from semlink.core.sqgan.spade import condition_of
from semlink.transmitter.sqgan.masker import Masker, Scored
from semlink.transmitter.sqgan.network import SqganEncoder
from semlink.transmitter.sqgan.tokenizer import Tokenizer

CLOSE = 1e-4


@pytest.fixture(scope="module")
def chain(data_root: Path) -> PublishedChain:
    return published_chain(data_root)


@pytest.fixture(scope="module")
def net(chain: PublishedChain) -> SqganEncoder:
    net = SqganEncoder(chain.config)
    chain.fill(net)
    return net


@pytest.fixture(scope="module")
def tokenizer(tiny_sqgan: Path) -> Tokenizer:
    return Tokenizer.load(tiny_sqgan)


def a_photo(height: int = 64, width: int = 96) -> tuple[Rgb, LabelMap]:
    generator = np.random.default_rng(7)
    photo = generator.integers(0, 256, (height, width, 3), np.uint8)
    labels = generator.integers(0, 12, (height // 16, width // 16), np.uint8)
    return photo, labels.repeat(16, 0).repeat(16, 1)


# the published network


def test_latents_of_the_published_network(chain: PublishedChain, net: SqganEncoder) -> None:
    io = chain.io
    latent_map = net.encoder_semantic(io["semantic"])
    latent_picture = net.encoder(io["x"], condition_of(io["semantic"]))
    assert (latent_map - io["latent_map"]).abs().max() < CLOSE
    assert (latent_picture - io["latent_image"]).abs().max() < CLOSE


@pytest.mark.parametrize("stream", ["map", "image"])
def test_tokens_of_the_published_network_are_a_prefix_of_ours(
    chain: PublishedChain, net: SqganEncoder, stream: str
) -> None:
    """It quantised 0.4 of the positions; we quantise all, and the first 0.4 are the same."""
    io = chain.io
    picture = stream == "image"
    scored = (
        net.picture_features(io["x"], io["semantic"])
        if picture
        else net.map_features(io["semantic"])
    )
    codebook = net.quantize if picture else net.quantize_semantic
    sent = io[f"sent_{stream}"]
    assert torch.equal(scored.order[:, : sent.shape[1]], sent)
    words = codebook(codebook.nearest(scored.features).gather(1, sent))
    assert (words.mT - io[f"quantized_{stream}"]).abs().max() < CLOSE


# laws


def scored(seed: int = 0) -> tuple[Masker, Tensor, Tensor, Scored]:
    torch.manual_seed(seed)
    masker = Masker(SqganConfig(map_channels=4, latent_channels=32, spade_hidden=8))
    latents, condition = torch.randn(2, 32, 3, 5), torch.rand(2, 3, 3, 5)
    return masker, latents, condition, masker(latents, condition)


def test_scores_fall_along_the_order() -> None:
    *_, answer = scored()
    assert (answer.scores.gather(1, answer.order).diff(dim=1) <= 0).all()
    assert torch.equal(answer.order.sort(1).values, torch.arange(15).expand(2, -1))


def test_the_score_network_learns_from_what_is_sent() -> None:
    masker, *_, answer = scored()
    torch.autograd.backward(answer.features[:, :3].square().sum())
    weight = masker.score_pred_net.conv2.weight
    assert weight.grad is not None
    assert weight.grad.any()


def test_a_feature_depends_on_its_position_and_score_alone() -> None:
    masker, latents, _, answer = scored()
    place = latents[0, :, 1, 2]
    normed = (place - place.mean()) / (place.var(correction=0) + 1e-5).sqrt()
    expected = masker.pre_projection(normed * answer.scores[0, 7])
    torch.testing.assert_close(answer.features[0, 7], expected)


# ready for work


def test_all_positions_come_once_in_both_streams(tokenizer: Tokenizer) -> None:
    for tokens in tokenizer.tokens(*a_photo()):
        assert tokens.grid == Size(4, 6)
        assert tokens.codes == 16
        assert sorted(tokens.positions) == list(range(24))
        assert tokens.indices.min() >= 0
        assert tokens.indices.max() < 16


def test_the_same_photo_gives_the_same_tokens(tokenizer: Tokenizer) -> None:
    for once, again in zip(
        tokenizer.tokens(*a_photo()), tokenizer.tokens(*a_photo()), strict=True
    ):
        np.testing.assert_array_equal(once.positions, again.positions)
        np.testing.assert_array_equal(once.indices, again.indices)


def test_tokens_of_the_map_do_not_depend_on_the_picture(tokenizer: Tokenizer) -> None:
    photo, labels = a_photo()
    (of_map, of_picture), (same, other) = (
        tokenizer.tokens(each, labels) for each in (photo, 255 - photo)
    )
    np.testing.assert_array_equal(of_map.indices, same.indices)
    assert not np.array_equal(
        of_picture.indices[of_picture.positions.argsort()],
        other.indices[other.positions.argsort()],
    )


def test_pictures_between_the_tokens_are_refused(tokenizer: Tokenizer) -> None:
    photo, labels = a_photo()
    with pytest.raises(InvalidInput, match="multiples of 16"):
        tokenizer.tokens(photo[:56], labels[:56])


def test_classes_that_there_are_not_are_refused(tokenizer: Tokenizer) -> None:
    photo, labels = a_photo()
    with pytest.raises(InvalidInput, match="camvid"):
        tokenizer.tokens(photo, np.full_like(labels, 12))


def test_a_damaged_folder_is_refused(tiny_sqgan: Path, tmp_path: Path) -> None:
    folder = copytree(tiny_sqgan, tmp_path / "network")
    (folder / "model.safetensors").write_bytes(b"short")
    with pytest.raises(CorruptData, match="not an SQ-GAN"):
        Tokenizer.load(folder)


@pytest.mark.parametrize(
    ("old", "new"),
    [('"camvid"', '"idd-lite"'), ('"sq-gan"', '"x"'), ('"codes": 16', '"codes": 8')],
)
def test_a_config_that_does_not_fit_is_refused(
    tiny_sqgan: Path, tmp_path: Path, old: str, new: str
) -> None:
    folder = copytree(tiny_sqgan, tmp_path / "network")
    config = folder / "config.json"
    config.write_text(config.read_text().replace(old, new))
    with pytest.raises(CorruptData):
        Tokenizer.load(folder)
