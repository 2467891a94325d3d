from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from jaxtyping import Float64
from scipy.ndimage import gaussian_filter
from skimage import metrics
from torch import Tensor
from torchmetrics.functional.image import peak_signal_noise_ratio as torchmetrics_psnr

from semlink.core.errors import InvalidInput
from semlink.core.pictures import Rgb
from semlink.lab.metrics.pictures import depth_error, ms_ssim, ssim
from semlink.lab.result import picture_psnr_db

SKIMAGE: Any = metrics  # untyped
Pixels = Float64[np.ndarray, "height width 3"]
WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)  # Wang, Simoncelli and Bovik 2003


def pictures(height: int, width: int, noise: float = 20.0) -> tuple[Rgb, Rgb]:
    """A smooth picture, and the same with noise."""
    rng = np.random.default_rng(0)
    smooth = gaussian_filter(rng.normal(size=(height, width, 3)), (4, 4, 0))
    photo = np.clip(128 + 60 * smooth / smooth.std(), 0, 255)
    noisy = np.clip(photo + noise * rng.normal(size=photo.shape), 0, 255)
    return noisy.astype(np.uint8), photo.astype(np.uint8)


def tensor(picture: Rgb) -> Tensor:
    return torch.from_numpy(picture.copy()).permute(2, 0, 1)[None]


def test_psnr_agrees_with_scikit_image_and_torchmetrics() -> None:
    ours, photo = pictures(40, 60)
    value = picture_psnr_db(ours, photo)
    expected = SKIMAGE.peak_signal_noise_ratio(photo, ours)
    assert value == pytest.approx(expected, abs=1e-9)
    theirs = torchmetrics_psnr(tensor(ours).float(), tensor(photo).float(), data_range=255.0)
    assert value == pytest.approx(float(theirs), abs=1e-4)


def test_ssim_agrees_with_scikit_image() -> None:
    ours, photo = pictures(40, 60)
    window = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False}
    expected = SKIMAGE.structural_similarity(photo, ours, channel_axis=2, data_range=255, **window)
    assert 0.2 < expected < 0.9
    assert ssim(tensor(ours), tensor(photo)) == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("metric", [ssim, ms_ssim])
def test_a_picture_is_like_itself(metric: object) -> None:
    assert callable(metric)
    _, photo = pictures(176, 180)
    assert metric(tensor(photo), tensor(photo)) == pytest.approx(1.0, abs=1e-6)


def similarity(ours: Pixels, photo: Pixels) -> tuple[float, float]:
    """Mean of luminance times contrast, and of contrast alone, where the window fits."""

    def blurred(x: Pixels) -> Pixels:
        return np.asarray(gaussian_filter(x, (1.5, 1.5, 0), truncate=3.4)[5:-5, 5:-5])

    one, other = blurred(ours), blurred(photo)
    spread = blurred(ours**2) - one**2 + blurred(photo**2) - other**2
    shared = blurred(ours * photo) - one * other
    contrast = (2 * shared + (0.03 * 255) ** 2) / (spread + (0.03 * 255) ** 2)
    light = (2 * one * other + (0.01 * 255) ** 2) / (one**2 + other**2 + (0.01 * 255) ** 2)
    return float((light * contrast).mean()), float(contrast.mean())


def halved(picture: Pixels) -> Pixels:
    height, width, _ = picture.shape
    return np.asarray(picture.reshape(height // 2, 2, width // 2, 2, 3).mean((1, 3)))


def test_ms_ssim_is_the_weighted_product_over_five_scales() -> None:
    ours, photo = pictures(176, 208)
    one, other = ours.astype(float), photo.astype(float)
    expected = 1.0
    for scale, weight in enumerate(WEIGHTS):
        whole, contrast = similarity(one, other)
        expected *= (whole if scale == len(WEIGHTS) - 1 else contrast) ** weight
        if scale < len(WEIGHTS) - 1:
            one, other = halved(one), halved(other)
    assert 0.3 < expected < 0.97
    assert ms_ssim(tensor(ours), tensor(photo)) == pytest.approx(expected, abs=1e-4)


def test_ms_ssim_of_the_opposite_is_a_number() -> None:
    _, photo = pictures(176, 176)
    assert 0.0 <= ms_ssim(tensor(255 - photo), tensor(photo)) < 0.1


def test_pictures_too_small_for_five_scales_are_refused() -> None:
    ours, photo = pictures(175, 200)
    with pytest.raises(InvalidInput, match="176 pixels"):
        ms_ssim(tensor(ours), tensor(photo))
    with pytest.raises(InvalidInput, match="11 pixels"):
        ssim(tensor(ours[:10]), tensor(photo[:10]))


def depths() -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    photo = torch.rand(12, 16, generator=generator, dtype=torch.float64)
    return photo + 0.3 * torch.rand(photo.shape, generator=generator, dtype=torch.float64), photo


def test_depth_is_compared_up_to_scale_and_shift() -> None:
    ours, photo = depths()
    assert depth_error(3 * photo + 5, photo) == pytest.approx(0.0, abs=1e-9)
    assert depth_error(ours, photo) == pytest.approx(depth_error(9 * ours - 1, photo))


def test_depth_error_is_what_correlation_leaves() -> None:
    ours, photo = depths()
    correlation = np.corrcoef(ours.flatten(), photo.flatten())[0, 1]
    assert depth_error(ours, photo) == pytest.approx(math.sqrt(1 - correlation**2))


def test_depth_that_says_nothing_has_error_one() -> None:
    _, photo = depths()
    assert depth_error(torch.ones_like(photo), photo) == pytest.approx(1.0)
    assert depth_error(-photo, photo) == pytest.approx(1.0)  # near is far
    assert math.isnan(depth_error(photo, torch.ones_like(photo)))
