from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.ndimage import maximum_filter, uniform_filter
from torch import Tensor

from semlink.core.settings import Denoiser
from semlink.receiver.denoising import DENOISERS
from semlink.receiver.denoising.fds import fds


def noisy_maps(classes: int = 4) -> Tensor:
    generator = torch.Generator().manual_seed(3)
    labels = torch.zeros(24, 32, dtype=torch.int64)
    labels[:, 12:] = 1
    labels[15:, :] = 2
    clean = torch.nn.functional.one_hot(labels, classes).permute(2, 0, 1).float()
    return clean + 0.36 * torch.randn(clean.shape, generator=generator)


def test_every_denoiser_has_an_entry() -> None:
    assert set(DENOISERS) == set(Denoiser)


@pytest.mark.parametrize("denoiser", Denoiser)
def test_shape_and_batch_are_kept(denoiser: Denoiser) -> None:
    maps = noisy_maps()
    alone, together = DENOISERS[denoiser](maps), DENOISERS[denoiser](maps.expand(2, -1, -1, -1))
    assert alone.shape == maps.shape
    torch.testing.assert_close(together, alone.expand(2, -1, -1, -1), rtol=0, atol=0)


@pytest.mark.parametrize("denoiser", Denoiser)
def test_absent_classes_stay_exactly_zero(denoiser: Denoiser) -> None:
    maps = noisy_maps()
    maps[3] = 0.0
    assert not DENOISERS[denoiser](maps)[3].any()


def test_none_changes_nothing() -> None:
    maps = noisy_maps()
    torch.testing.assert_close(DENOISERS[Denoiser.NONE](maps), maps, rtol=0, atol=0)


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
