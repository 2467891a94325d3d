from __future__ import annotations

import pytest
import torch
from jaxtyping import Float
from torch import Tensor

from semlink.lab.feature_distance import FeatureDistance
from semlink.transmitter.squeezenet import STAGES, SqueezeNetBackbone, SqueezeNetConfig

Pictures = Float[Tensor, "batch 3 height width"]


@pytest.fixture(scope="module")
def distance() -> FeatureDistance:
    torch.manual_seed(0)
    backbone = SqueezeNetBackbone(SqueezeNetConfig(out_features=list(STAGES)))
    return FeatureDistance(backbone, (0.5, 0.5, 0.5), 0.225)


@pytest.fixture(scope="module")
def pictures() -> Pictures:
    return 2 * torch.rand(2, 3, 32, 48, generator=torch.Generator().manual_seed(1)) - 1


def test_a_picture_is_at_no_distance_from_itself(
    distance: FeatureDistance, pictures: Pictures
) -> None:
    assert distance(pictures, pictures).tolist() == [0.0, 0.0]


def test_the_more_noise_the_farther(distance: FeatureDistance, pictures: Pictures) -> None:
    noise = torch.randn(pictures.shape, generator=torch.Generator().manual_seed(2))
    near, far = distance(pictures + 0.05 * noise, pictures), distance(pictures + noise, pictures)
    assert (near < far).all()
    assert 0 < near.min()
    assert far.max() < 4


def test_it_is_the_mean_squared_distance_of_directions(
    distance: FeatureDistance, pictures: Pictures
) -> None:
    def directions(picture: Pictures) -> list[Tensor]:
        features = distance.backbone(((picture + 1) / 2 - 0.5) / 0.225).feature_maps
        return [one / one.norm(dim=1, keepdim=True).clamp(min=1e-6) for one in features]

    ours, theirs = directions(pictures[:1]), directions(pictures[1:])
    cosines = [(a * b).sum(1) for a, b in zip(ours, theirs, strict=True)]
    lengths = [
        (a.norm(dim=1) ** 2 + b.norm(dim=1) ** 2) for a, b in zip(ours, theirs, strict=True)
    ]
    each = [(length - 2 * cosine).mean() for length, cosine in zip(lengths, cosines, strict=True)]
    expected = torch.stack(each).mean()
    torch.testing.assert_close(distance(pictures[:1], pictures[1:])[0], expected)


def test_only_the_first_picture_gets_a_gradient(
    distance: FeatureDistance, pictures: Pictures
) -> None:
    ours, truth = pictures[:1].clone().requires_grad_(), pictures[1:].clone().requires_grad_()
    distance(ours, truth).sum().backward()
    assert ours.grad is not None
    assert ours.grad.abs().max() > 0
    assert truth.grad is None
    assert all(parameter.grad is None for parameter in distance.parameters())
