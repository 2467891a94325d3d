from __future__ import annotations

import pytest
import torch
from torch.nn import functional

from semlink.core.sqgan.codebook import Codebook
from semlink.core.sqgan.config import SqganConfig
from semlink.core.sqgan.layers import Attention
from semlink.core.sqgan.spade import SpadeNorm


def test_nearest_codeword_has_the_least_distance() -> None:
    torch.manual_seed(0)
    codebook = Codebook(40, 8)
    features = 0.05 * torch.randn(3, 7, 8)
    distances = (features[..., None, :] - codebook.codebook.weight).square().sum(-1)
    assert torch.equal(codebook.nearest(features), distances.argmin(-1))


def test_a_codeword_is_nearest_to_itself() -> None:
    codebook = Codebook(40, 8)
    assert torch.equal(codebook.nearest(codebook(torch.arange(40))), torch.arange(40))


def test_weighted_attention_multiplies_the_weights_after_the_softmax() -> None:
    torch.manual_seed(0)
    layer, x, weight = Attention(32), torch.randn(2, 32, 3, 4), torch.rand(2, 1, 3, 4)
    query, key, value = (f(layer.norm(x)).flatten(2) for f in (layer.q, layer.k, layer.v))
    listening = (torch.einsum("bci,bcj->bij", query, key) * 32**-0.5).softmax(-1)
    told = torch.einsum("bij,bcj->bci", listening * weight.flatten(2), value)
    torch.testing.assert_close(layer(x, weight), x + layer.proj_out(told.view_as(x)))


def test_attention_to_all_is_plain_attention() -> None:
    layer, x = Attention(32), torch.randn(2, 32, 3, 4)
    torch.testing.assert_close(layer(x, torch.ones(2, 1, 3, 4)), layer(x))


@pytest.mark.parametrize("kernel", [1, 3])
def test_spade_without_modulation_is_group_normalisation(kernel: int) -> None:
    config = SqganConfig(map_channels=5, spade_hidden=6, spade_kernel=kernel)
    layer, x, condition = SpadeNorm(64, config), torch.randn(2, 64, 4, 4), torch.rand(2, 4, 4, 4)
    for last in (layer.mlp_gamma, layer.mlp_beta):
        for weights in last.parameters():
            torch.nn.init.zeros_(weights)
    torch.testing.assert_close(layer(x, condition), functional.group_norm(x, 32))
