"""Distances of two pictures that need no network, and what becomes of depth maps."""

from __future__ import annotations

import math

import torch
from jaxtyping import Float, UInt8
from torch import Tensor
from torchmetrics.functional.image import (
    multiscale_structural_similarity_index_measure,
    structural_similarity_index_measure,
)

from semlink.core.errors import InvalidInput
from semlink.core.pictures import Size

SSIM_SIDE = 11  # of the window
MS_SSIM_SIDE = 11 * 2**4  # the window must fit into the coarsest of five scales

Picture = UInt8[Tensor, "1 3 height width"]


def ssim(ours: Picture, photo: Picture) -> float:
    """Structural similarity (Wang et al. 2004): Gaussian window, standard deviation 1.5 pixels.

    The mean of channels and of the pixels round which the window lies within the picture,
    in single precision: where both pictures are flat it is right to three decimals.

    Raises:
        InvalidInput: a side is below 11 pixels.
    """
    _check_side("ssim", photo, SSIM_SIDE)
    ends = (ours / 255, photo / 255)
    _, everywhere = structural_similarity_index_measure(
        *ends, data_range=1.0, return_full_image=True
    )
    edge = SSIM_SIDE // 2
    return float(everywhere[..., edge:-edge, edge:-edge].mean())


def ms_ssim(ours: Picture, photo: Picture) -> float:
    """The same over five scales (Wang, Simoncelli and Bovik 2003), negative terms taken as 0.

    As torchmetrics has it: at the coarsest scale pictures are mirrored at their edges.

    Raises:
        InvalidInput: a side is below 176 pixels, where fewer scales would give other numbers.
    """
    _check_side("ms_ssim", photo, MS_SSIM_SIDE)
    return float(
        multiscale_structural_similarity_index_measure(
            ours / 255, photo / 255, data_range=1.0, normalize="relu"
        )
    )


def _check_side(metric: str, picture: Picture, side: int) -> None:
    size = Size(*picture.shape[2:])
    if min(size) < side:
        raise InvalidInput(
            f"{metric} needs pictures of {side} pixels a side or more.",
            field="metrics",
            value=f"{metric} of {size}",
            cure="Choose ssim, or a larger working size."
            if side > SSIM_SIDE
            else "Choose another metric.",
        )


def depth_error(
    ours: Float[Tensor, "rows columns"], photo: Float[Tensor, "rows columns"]
) -> float:
    """Root mean squared error after the best scale and shift, over the photo's spread.

    Monocular depth is known up to scale and shift (Ranftl et al., arXiv:1907.01341), so both are
    fitted by least squares, the scale not below 0. 0 for the photo's depth, 1 for none of it; nan
    where the photo's depth is the same everywhere.
    """
    guess, wanted = ours - ours.mean(), photo - photo.mean()
    spread = float(wanted.square().mean())
    if spread == 0.0:
        return math.nan
    power = guess.square().sum()
    scale = torch.where(power > 0, (guess * wanted).sum() / power, torch.zeros_like(power))
    error = wanted - scale.clamp(min=0.0) * guess
    return math.sqrt(float(error.square().mean()) / spread)
