from __future__ import annotations

import math
from collections import Counter
from itertools import pairwise
from statistics import NormalDist

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from semlink.core.sqgan.codebook import Codebook
from semlink.core.taxonomy import CAMVID, TAXONOMIES
from semlink.lab.training.codebook_training import CodebookTrainer
from semlink.lab.training.patch_gan import PatchDiscriminator
from semlink.lab.training.semantic_paste import paste_things, things_of
from semlink.lab.training.sqgan_losses import (
    FRACTIONS,
    LENIENT_WEIGHTS,
    MAP_WEIGHTS,
    PICTURE_WEIGHTS,
    adaptive_weight,
    commitment,
    discriminator_hinge,
    generator_hinge,
    map_error,
    pixel_error,
    random_fraction,
    relaxed,
)

SIGN, SKY, ROAD = (CAMVID.classes.index(name) for name in ("sign", "sky", "road"))


def draws(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


# weights


@pytest.mark.parametrize("taxonomy", ["camvid", "cityscapes", "idd-lite"])
def test_every_class_has_a_weight(taxonomy: str) -> None:
    assert len(MAP_WEIGHTS.of(taxonomy)) == len(TAXONOMIES[taxonomy].classes)


def test_cityscapes_classes_weigh_as_published() -> None:
    half = [0.5] * 6
    expected = [*half, 1, 1, 0.2, 0.5, 0.2, 0.85, 0.85, *half, 0.5]
    torch.testing.assert_close(MAP_WEIGHTS.of("cityscapes"), torch.tensor(expected))


def test_signs_weigh_more_than_the_sky_in_pictures() -> None:
    weights = PICTURE_WEIGHTS.of("camvid")
    truth, labels = torch.zeros(1, 3, 2, 2), torch.tensor([[[SIGN, SKY], [ROAD, ROAD]]])
    errors = []
    for place in (0, 1):
        wrong = truth.clone()
        wrong[:, :, 0, place] = 1
        errors.append(pixel_error(wrong, truth, labels, weights))
    assert errors[0] == weights[SIGN] * 3 / 12
    assert errors[1] == weights[SKY] * 3 / 12


def test_map_error_is_the_weighted_mean_of_surprises() -> None:
    logits = torch.randn(1, 12, 1, 2, generator=draws())
    labels = torch.tensor([[[SIGN, SKY]]])
    each = [-logits.log_softmax(1)[0, c, 0, i] for i, c in enumerate((SIGN, SKY))]
    expected = (1.0 * each[0] + 0.2 * each[1]) / 1.2
    torch.testing.assert_close(map_error(logits, labels, MAP_WEIGHTS.of("camvid")), expected)


# adversarial


def test_the_discriminator_is_shown_the_truth_where_it_matters_less_but_never_beyond() -> None:
    leniency = LENIENT_WEIGHTS.of("camvid")
    assert leniency.max() <= 1
    fake, real = torch.zeros(1, 3, 1, 2), torch.ones(1, 3, 1, 2)
    shown = relaxed(fake, real, torch.tensor([[[SKY, SIGN]]]), leniency)
    torch.testing.assert_close(shown[0, :, 0], torch.tensor([[0.85, 0.0]]).expand(3, -1))


def test_hinge_is_zero_beyond_the_margins() -> None:
    assert discriminator_hinge(torch.tensor([1.5, 1.0]), torch.tensor([-1.0, -3.0])) == 0
    assert discriminator_hinge(torch.tensor([0.0]), torch.tensor([0.0])) == 1
    assert generator_hinge(torch.tensor([2.0])) == -2


def test_adaptive_weight_brings_gradients_into_proportion() -> None:
    layer = torch.randn(5, generator=draws(), requires_grad=True)
    error, adversarial = (3 * layer).sum(), (0.5 * layer).sum()
    weight = adaptive_weight(error, adversarial, layer, factor=0.1, most=100.0)
    assert weight == pytest.approx(0.1 * 6, rel=1e-3)
    assert adaptive_weight(error, adversarial, layer, factor=0.1, most=0.2) == pytest.approx(0.2)


def test_a_discriminator_learns_to_tell_pictures_apart() -> None:
    torch.manual_seed(0)
    net = PatchDiscriminator(2, width=8)
    optimiser = torch.optim.Adam(net.parameters(), 1e-3, betas=(0.5, 0.9))
    real = functional.interpolate(torch.randn(4, 2, 4, 4), (32, 32))
    fake = torch.randn(4, 2, 32, 32)
    losses: list[float] = []
    for _ in range(12):
        loss = discriminator_hinge(net(real), net(fake))
        optimiser.zero_grad()
        torch.autograd.backward(loss)
        optimiser.step()
        losses.append(loss.item())
    assert losses[-1] < 0.5 * losses[0]


# codebook


def clusters(count: int = 400) -> tuple[Tensor, Tensor]:
    centres = 5 * torch.randn(8, 4, generator=draws(1))
    which = torch.randint(8, (count,), generator=draws(2))
    return centres, centres[which] + 0.01 * torch.randn(count, 4, generator=draws(3))


def test_codewords_find_the_clusters() -> None:
    codebook = Codebook(64, 4)
    trainer = CodebookTrainer(codebook)
    centres, features = clusters()
    for step in range(30):
        trainer.update(features, codebook.nearest(features), draws(step))
    distance = torch.cdist(centres, codebook.codebook.weight).min(1).values
    assert distance.max() < 0.05


def test_a_word_that_is_used_becomes_the_mean_of_its_features() -> None:
    codebook = Codebook(2, 3)
    trainer = CodebookTrainer(codebook)
    features = torch.tensor([[1.0, 0, 0], [3.0, 0, 0], [0, 9.0, 0]])
    indices = torch.tensor([0, 0, 1])
    for step in range(2000):
        trainer.update(features, indices, draws(step))
    torch.testing.assert_close(
        codebook.codebook.weight, torch.tensor([[2.0, 0, 0], [0, 9, 0]]), atol=1e-3, rtol=0
    )


def test_unused_words_begin_anew_among_the_features() -> None:
    codebook = Codebook(32, 4)
    trainer = CodebookTrainer(codebook)
    _, features = clusters()
    trainer.update(features, codebook.nearest(features), draws())
    assert torch.cdist(codebook.codebook.weight, features).min(1).values.max() < 0.5


def test_commitment_moves_features_alone() -> None:
    features = torch.zeros(3, 2, requires_grad=True)
    words = torch.ones(3, 2, requires_grad=True)
    torch.autograd.backward(commitment(features, words))
    assert features.grad is not None
    assert features.grad.any()
    assert words.grad is None


# fractions


def test_fractions_are_log_normal() -> None:
    generator = draws()
    drawn = Counter(random_fraction(generator) for _ in range(4000))
    normal = NormalDist(-0.95, 0.4)
    middles = [(low + high) / 2 for low, high in pairwise(FRACTIONS)]
    edges = [0.0, *(normal.cdf(math.log(middle)) for middle in middles), 1.0]
    for fraction, (low, high) in zip(FRACTIONS, pairwise(edges), strict=True):
        assert drawn[fraction] / 4000 == pytest.approx(high - low, abs=0.03)


# pasting


def two_streets() -> tuple[Tensor, Tensor]:
    """The first has a sign at the left, the second one at the right and one at the left."""
    labels = torch.full((2, 12, 20), ROAD)
    labels[0, 2:6, 1:4] = SIGN
    labels[1, 3:6, 12:16] = SIGN
    labels[1, 4:8, 2:5] = SIGN
    pictures = torch.stack([torch.full((3, 12, 20), value) for value in (-0.5, 0.5)])
    return pictures, labels


def test_things_are_connected_regions() -> None:
    _, labels = two_streets()
    assert [len(things_of(one, 0, (SIGN,))) for one in labels] == [1, 2]


def test_things_are_pasted_at_their_own_places_into_both() -> None:
    pictures, labels = two_streets()
    seen = set()
    for seed in range(20):
        pasted, pasted_labels = paste_things(pictures, labels, (SIGN,), draws(seed))
        new = pasted_labels != labels
        assert (pasted_labels[new] == SIGN).all()
        assert torch.equal((pasted != pictures).all(1), new)
        assert torch.equal(pasted[0][:, new[0]], torch.full_like(pasted[0][:, new[0]], 0.5))
        assert not new[1].any()  # the only sign of the other picture overlaps one here
        assert not new[0, :, :12].any()  # that one overlaps the sign at the left
        seen.add(bool(new.any()))
    assert seen == {True, False}


def test_pictures_without_things_stay_as_they_are() -> None:
    pictures, labels = two_streets()
    pasted, pasted_labels = paste_things(pictures, labels, (SKY,), draws())
    assert torch.equal(pasted, pictures)
    assert torch.equal(pasted_labels, labels)
