from __future__ import annotations

import numpy as np
import pytest
import torch
from jaxtyping import Float64
from scipy.ndimage import convolve
from scipy.special import softmax
from torch import Tensor

from semlink.receiver.denoising import potts
from semlink.receiver.denoising.fds import weighted_fds
from semlink.receiver.denoising.potts import posterior

HEIGHT, WIDTH = 24, 32
Array = Float64[np.ndarray, "class height width"]


def street() -> Tensor:
    """Labels of two areas, a disc and a pole that is two pixels wide."""
    y, x = torch.meshgrid(torch.arange(HEIGHT), torch.arange(WIDTH), indexing="ij")
    labels = (y > 14).long()
    labels[(y - 8) ** 2 + (x - 8) ** 2 < 25] = 2
    labels[2:18, 24:26] = 3
    return labels


def one_hot(labels: Tensor, classes: int) -> Tensor:
    return torch.nn.functional.one_hot(labels, classes).permute(2, 0, 1).float()


def noisy(clean: Tensor, variance: Tensor, seed: int = 4) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return clean + variance.sqrt() * torch.randn(clean.shape, generator=generator)


def uneven(shape: torch.Size) -> Tensor:
    """Noise variances between 0.1 and 1."""
    return 0.1 + 0.9 * torch.rand(shape, generator=torch.Generator().manual_seed(6))


def gaussian_posterior(maps: Array, variance: Array) -> Array:
    """Bayes' rule pixel by pixel, from the density of each possible one-hot vector."""
    result = np.empty_like(maps)
    for row, column in np.ndindex(maps.shape[1:]):
        x, v = maps[:, row, column], variance[:, row, column]
        densities = [
            np.prod(np.exp(-((x - vector) ** 2) / (2 * v)) / np.sqrt(2 * np.pi * v))
            for vector in np.eye(len(maps))
        ]
        result[:, row, column] = densities / np.sum(densities)
    return result


def test_without_neighbours_it_is_the_posterior_of_each_pixel(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for coupling in ("VERTICAL", "HORIZONTAL", "DIAGONAL"):
        monkeypatch.setattr(potts, coupling, 0.0)
    clean = one_hot(street(), 4)
    variance = uneven(clean.shape)
    maps = noisy(clean, variance)
    expected = gaussian_posterior(maps.double().numpy(), variance.double().numpy())
    np.testing.assert_allclose(posterior(maps, variance).numpy(), expected, atol=1e-5)


def test_it_solves_the_mean_field_equations(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(potts, "ITERATIONS", 200)
    clean = one_hot(street(), 4)
    variance = uneven(clean.shape)
    maps = noisy(clean, variance)
    beliefs = posterior(maps, variance).double().numpy()
    kernel = np.array([[[1.0, 2.0, 1.0], [0.5, 0.0, 0.5], [1.0, 2.0, 1.0]]])
    support = convolve(beliefs, kernel, mode="constant")
    exponent = ((maps - 0.5) / variance).double().numpy() + support
    np.testing.assert_allclose(softmax(exponent, axis=0), beliefs, atol=1e-4)


@pytest.mark.parametrize("classes", [1, 4, 35])
@pytest.mark.parametrize("variance", [0.0, 1e-12, 1e-3])
def test_a_clean_map_is_kept(classes: int, variance: float) -> None:
    clean = one_hot(street() % classes, classes)
    denoised = posterior(clean, torch.full_like(clean, variance))
    torch.testing.assert_close(denoised, clean, rtol=0, atol=1e-6)


@pytest.mark.parametrize("variance", [0.01, 1.0, 1e4, torch.inf])
def test_probabilities_add_up_to_one(variance: float) -> None:
    maps = noisy(one_hot(street(), 5), torch.tensor(0.5))
    denoised = posterior(maps, torch.full_like(maps, variance))
    assert denoised.min() >= 0
    torch.testing.assert_close(denoised.sum(0), torch.ones(HEIGHT, WIDTH))


def test_the_order_of_the_classes_does_not_matter() -> None:
    clean = one_hot(street(), 4)
    variance = uneven(clean.shape)
    maps, order = noisy(clean, variance), [2, 0, 3, 1]
    permuted = posterior(maps[order], variance[order])
    torch.testing.assert_close(permuted, posterior(maps, variance)[order], rtol=0, atol=1e-5)


def test_left_and_right_are_alike() -> None:
    clean = one_hot(street(), 4)
    variance = uneven(clean.shape)
    maps = noisy(clean, variance)
    mirrored = posterior(maps.flip(-1), variance.flip(-1)).flip(-1)
    torch.testing.assert_close(mirrored, posterior(maps, variance), rtol=0, atol=1e-5)


def test_a_class_that_is_not_there_is_not_found() -> None:
    maps = noisy(one_hot(street(), 5), torch.tensor(0.13))
    maps[4] = 0.0
    denoised = posterior(maps, torch.full_like(maps, 0.13))
    assert float(denoised[4].mean()) < 1e-3
    assert not bool((denoised.argmax(0) == 4).any())


def test_erased_classes_follow_from_the_others() -> None:
    """Where every class but one says no, it is the one that is lost."""
    clean = one_hot(street(), 4)
    variance = torch.full_like(clean, 0.01)
    variance[0, 3:12] = torch.inf
    maps = noisy(clean, torch.tensor(0.01))
    maps[0, 3:12] = 0.0
    assert torch.equal(posterior(maps, variance).argmax(0), street())


@pytest.mark.parametrize("hole", [4, 16])
def test_holes_are_filled_from_around(hole: int) -> None:
    clean = one_hot(torch.ones(HEIGHT, WIDTH, dtype=torch.int64), 3)
    lost, variance = noisy(clean, torch.tensor(0.04)), torch.full_like(clean, 0.04)
    lost[:, 4 : 4 + hole, 8 : 8 + hole] = 0.0
    variance[:, 4 : 4 + hole, 8 : 8 + hole] = torch.inf
    denoised = posterior(lost, variance)
    assert bool((denoised[1] > 0.9).all())


def test_if_nothing_arrived_all_classes_are_as_likely() -> None:
    nothing = torch.zeros(4, HEIGHT, WIDTH)
    denoised = posterior(nothing, torch.full_like(nothing, torch.inf))
    torch.testing.assert_close(denoised, torch.full_like(nothing, 0.25))


@pytest.mark.parametrize("size", [(1, 1), (1, 9), (9, 1), (2, 3)])
def test_small_maps(size: tuple[int, int]) -> None:
    clean = one_hot(torch.ones(size, dtype=torch.int64), 2)
    assert bool((posterior(clean, torch.full_like(clean, 0.1))[1] > 0.9).all())


@pytest.mark.parametrize("deviation", [0.1, 0.36, 0.6, 0.9, 1.3])
@pytest.mark.parametrize("fading", [False, True])
def test_it_finds_more_labels_than_fds(deviation: float, fading: bool) -> None:
    labels = street()
    clean = one_hot(labels, 4)
    variance = torch.full_like(clean, deviation**2)
    if fading:
        variance *= 0.5 + uneven(clean.shape)
    wrong = {posterior: 0.0, weighted_fds: 0.0}
    for seed in range(4):
        maps = noisy(clean, variance, seed)
        for denoiser in wrong:
            wrong[denoiser] += float((denoiser(maps, variance).argmax(0) != labels).sum())
    assert wrong[posterior] < 0.75 * wrong[weighted_fds]
