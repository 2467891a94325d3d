from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from tests.sqgan_published import PublishedChain, published_chain
from torch import Tensor

from semlink.core.errors import InvalidInput
from semlink.core.pictures import Size
from semlink.core.sqgan.spade import condition_of
from semlink.core.tokens import SentTokens
from semlink.receiver.loading import load_network
from semlink.receiver.sqgan.demasker import Demasker
from semlink.receiver.sqgan.network import SqganDecoder
from semlink.receiver.sqgan.painter import SqganNetwork

CLOSE = 1e-4


@pytest.fixture(scope="module")
def chain(data_root: Path) -> PublishedChain:
    return published_chain(data_root)


@pytest.fixture(scope="module")
def net(chain: PublishedChain) -> SqganDecoder:
    net = SqganDecoder(chain.config)
    chain.fill(net)
    return net


@pytest.fixture(scope="module")
def network(tiny_sqgan: Path) -> SqganNetwork:
    network = load_network(str(tiny_sqgan), torch.device("cpu"))
    assert isinstance(network, SqganNetwork)
    return network


def on_grid(chain: PublishedChain, stream: str) -> tuple[Tensor, Tensor]:
    words, places = chain.io[f"quantized_{stream}"], chain.io[f"sent_{stream}"]
    batch, channels, _ = words.shape
    empty = words.new_zeros(batch, channels, chain.grid.pixels)
    filled = empty.scatter(2, places[:, None].expand(-1, channels, -1), words)
    sent = torch.zeros(batch, chain.grid.pixels, dtype=torch.bool).scatter(1, places, True)
    return filled.view(batch, channels, *chain.grid), sent.view(batch, 1, *chain.grid)


def all_tokens(seed: int = 0) -> SentTokens:
    generator = np.random.default_rng(seed)
    return SentTokens(Size(4, 6), 16, generator.permutation(24), generator.integers(0, 16, 24))


# the published network


@pytest.mark.parametrize(("stream", "suffix"), [("map", "_semantic"), ("image", "")])
def test_gaps_are_filled_as_in_the_published_network(
    chain: PublishedChain, net: SqganDecoder, stream: str, suffix: str
) -> None:
    filled = getattr(net, f"demasker{suffix}")(*on_grid(chain, stream))
    assert (filled - chain.io[f"filled_{stream}"]).abs().max() < CLOSE


def test_the_map_of_the_published_network(chain: PublishedChain, net: SqganDecoder) -> None:
    logits = net.decoder_semantic(chain.io["filled_map"])
    assert (logits - chain.io["map_logits"]).abs().max() < CLOSE


def test_the_whole_chain_of_the_published_network(
    chain: PublishedChain, net: SqganDecoder
) -> None:
    logits = net.map_logits(*on_grid(chain, "map"))
    maps = torch.nn.functional.one_hot(logits.argmax(1), chain.config.map_channels)
    picture = net.pictures(*on_grid(chain, "image"), maps.permute(0, 3, 1, 2).float())
    assert (picture - chain.io["out"]).abs().max() < CLOSE


# laws


def test_what_stands_in_a_gap_does_not_matter() -> None:
    torch.manual_seed(0)
    demasker = Demasker(32, 2)
    sent = torch.rand(1, 1, 3, 4) < 0.5
    words = torch.randn(1, 32, 3, 4)
    other = torch.where(sent, words, torch.randn(1, 32, 3, 4))
    torch.testing.assert_close(demasker(words, sent), demasker(other, sent))


def test_what_was_sent_matters_and_so_does_that_it_was() -> None:
    torch.manual_seed(0)
    demasker = Demasker(32, 2)
    sent = torch.rand(1, 1, 3, 4) < 0.5
    words = torch.randn(1, 32, 3, 4)
    answer = demasker(words, sent)
    assert not torch.allclose(answer, demasker(words + sent, sent))
    assert not torch.allclose(answer, demasker(words, torch.ones_like(sent)))


# ready for work


def test_it_paints_what_it_is_told(network: SqganNetwork) -> None:
    network.warm()
    labels = network.labels(all_tokens())
    picture = network.picture(all_tokens(1), labels)
    assert labels.shape == (64, 96)
    assert labels.max() < network.classes == 12
    assert picture.shape == (1, 3, 64, 96)
    assert picture.abs().max() <= 1
    assert picture.std() > 0.01


def test_the_order_of_tokens_does_not_matter(network: SqganNetwork) -> None:
    tokens = all_tokens()
    backwards = SentTokens(
        tokens.grid, tokens.codes, tokens.positions[::-1].copy(), tokens.indices[::-1].copy()
    )
    np.testing.assert_array_equal(network.labels(tokens), network.labels(backwards))


def test_codewords_stand_at_their_positions(network: SqganNetwork) -> None:
    tokens = all_tokens().first(5)
    words, sent = network._on_grid(tokens, network.net.quantize)
    where = sent[0, 0].flatten().nonzero()[:, 0]
    assert sorted(tokens.positions) == where.tolist()
    expected = network.net.quantize(torch.from_numpy(tokens.indices))
    torch.testing.assert_close(words[0].flatten(1).T[tokens.positions], expected)


@pytest.mark.parametrize("count", [0, 1, 23])
def test_any_may_be_missing(network: SqganNetwork, count: int) -> None:
    labels = network.labels(all_tokens().first(count))
    picture = network.picture(all_tokens().first(count), labels)
    full = network.picture(all_tokens(), labels)
    assert torch.isfinite(picture).all()
    assert not torch.equal(picture, full)


def test_the_picture_follows_the_map(network: SqganNetwork) -> None:
    labels = np.zeros((64, 96), np.uint8)
    other = labels + np.uint8(3)
    assert not torch.equal(
        network.picture(all_tokens(), labels), network.picture(all_tokens(), other)
    )


def test_void_conditions_as_no_class(network: SqganNetwork) -> None:
    maps = torch.nn.functional.one_hot(torch.full((1, 2, 2), 11), 12).permute(0, 3, 1, 2)
    assert not condition_of(maps.float()).any()


def test_tokens_of_another_codebook_are_refused(network: SqganNetwork) -> None:
    tokens = all_tokens()
    with pytest.raises(InvalidInput, match="16 codewords"):
        network.labels(SentTokens(tokens.grid, 1024, tokens.positions, tokens.indices))
