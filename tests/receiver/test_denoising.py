from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.ndimage import maximum_filter, uniform_filter
from torch import Tensor

from semlink.core.choices import Denoiser
from semlink.receiver.denoising import DENOISERS
from semlink.receiver.denoising.fds import fds, weighted_fds


def noisy_maps(classes: int = 4) -> Tensor:
    generator = torch.Generator().manual_seed(3)
    labels = torch.zeros(24, 32, dtype=torch.int64)
    labels[:, 12:] = 1
    labels[15:, :] = 2
    clean = torch.nn.functional.one_hot(labels, classes).permute(2, 0, 1).float()
    return clean + 0.36 * torch.randn(clean.shape, generator=generator)


def test_every_denoiser_has_an_entry() -> None:
    assert set(DENOISERS) == set(Denoiser)


def even(maps: Tensor) -> Tensor:
    """The same noise variance for every sample."""
    return torch.full_like(maps, 0.36**2)


@pytest.mark.parametrize("denoiser", Denoiser)
def test_the_shape_is_kept(denoiser: Denoiser) -> None:
    maps = noisy_maps()
    assert DENOISERS[denoiser](maps, even(maps)).shape == maps.shape


@pytest.mark.parametrize("denoiser", Denoiser)
def test_two_calls_agree_bit_by_bit_and_leave_their_arguments_alone(denoiser: Denoiser) -> None:
    maps = noisy_maps()
    variance, before = even(maps), maps.clone()
    denoised = DENOISERS[denoiser](maps, variance)
    assert torch.equal(DENOISERS[denoiser](maps, variance), denoised)
    assert torch.equal(maps, before)
    assert torch.equal(variance, even(maps))


@pytest.mark.parametrize("denoiser", Denoiser)
def test_what_is_lost_leaves_no_infinity(denoiser: Denoiser) -> None:
    maps = noisy_maps()
    variance = even(maps)
    maps[:, 5:9], variance[:, 5:9] = 0.0, torch.inf
    assert bool(DENOISERS[denoiser](maps, variance).isfinite().all())


@pytest.mark.parametrize("denoiser", [Denoiser.NONE, Denoiser.FDS])
def test_absent_classes_stay_exactly_zero(denoiser: Denoiser) -> None:
    maps = noisy_maps()
    maps[3] = 0.0
    assert not DENOISERS[denoiser](maps, even(maps))[3].any()


def test_none_changes_nothing() -> None:
    maps = noisy_maps()
    torch.testing.assert_close(DENOISERS[Denoiser.NONE](maps, even(maps)), maps, rtol=0, atol=0)


def test_fds_agrees_with_scipy() -> None:
    maps = noisy_maps()
    mean = [uniform_filter(m, 3, mode="constant", cval=0.0) for m in maps.double().numpy()]
    expected = [maximum_filter(m, 3, mode="constant", cval=-np.inf) for m in mean]
    np.testing.assert_allclose(fds(maps.double()).numpy(), np.stack(expected), atol=1e-12)


def test_fds_corrects_labels() -> None:
    maps = noisy_maps(3)
    truth = torch.zeros(24, 32, dtype=torch.int64)
    truth[:, 12:] = 1
    truth[15:, :] = 2
    wrong_before = (maps.argmax(0) != truth).float().mean()
    wrong_after = (fds(maps).argmax(0) != truth).float().mean()
    assert wrong_after < 0.5 * wrong_before


def test_fds_keeps_a_clean_map_one_and_widens_it_by_one_pixel() -> None:
    clean = torch.zeros(1, 9, 9)
    clean[0, 3:6, 3:6] = 1.0
    denoised = fds(clean)[0]
    assert denoised[3:6, 3:6].min() == 1.0
    assert (denoised > 0.5).sum() > (clean > 0.5).sum()


def test_fds_takes_a_batch() -> None:
    maps = noisy_maps()
    torch.testing.assert_close(fds(maps.expand(2, -1, -1, -1))[1], fds(maps), rtol=0, atol=0)


def test_fds_weighs_samples_by_their_noise() -> None:
    maps = noisy_maps()
    variance = even(maps)
    torch.testing.assert_close(weighted_fds(maps, variance), fds(maps), rtol=0, atol=0)
    variance[:, ::2] *= 1 + 1e-6
    torch.testing.assert_close(weighted_fds(maps, variance), fds(maps), rtol=0, atol=1e-5)
    faded = maps.clone()
    faded[:, :, 5] += 50.0
    variance[:, :, 5] = 50.0**2
    assert (weighted_fds(faded, variance) - fds(maps)).abs().max() < 0.7
    assert (fds(faded) - fds(maps)).abs().max() > 10


def test_fds_goes_by_what_arrived() -> None:
    clean = torch.zeros(2, 9, 9)
    clean[0] = 1.0
    variance = torch.full_like(clean, 0.01)
    lost = clean.clone()
    lost[:, 2:7, 2:7], variance[:, 2:7, 2:7] = 0.0, torch.inf
    denoised = weighted_fds(lost, variance)
    assert denoised.isfinite().all()
    assert denoised[0, 2, 2] == pytest.approx(1.0)
    assert denoised[:, 4, 4].tolist() == pytest.approx([0.5, 0.5])
