"""SPIC: a SPADE U-Net learns to paint pictures from class maps and coarse pictures.

The network is GESCO's with the coarse picture as further input channels, and may start from one of
GESCO's.

Pezone et al., arXiv:2310.15737. Maps are exact: they travel as bits. Coarse pictures go through
real codecs at random qualities and sizes; some are missing, so that the receiver can do without.
"""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float, Int64
from torch import Generator, Tensor
from torch.nn import functional

from semlink.core.pictures import Rgb
from semlink.core.schemes import Scheme
from semlink.lab.training.augment import jitter_colours
from semlink.lab.training.diffusion import TIMESTEPS, Examples, Recipe, uniform_timesteps
from semlink.lab.training.maps import one_hot
from semlink.lab.training.painting import paint
from semlink.lab.training.pictures import PackedPictures
from semlink.lab.training.sheets import colourise, join_rows, to_uint8
from semlink.lab.training.thumbnails import (
    ThumbnailDamage,
    shrunk,
    through_codec,
    thumbnails,
    to_bytes,
    to_picture,
)
from semlink.receiver.diffusion.samplers import Process
from semlink.receiver.diffusion.unet import SpadeUNet

DAMAGE = ThumbnailDamage()
BLIND_SHARE = 0.12  # of maps that are all zero, for classifier-free guidance
LOST_SHARE = 0.1  # of coarse pictures that are all zero
JITTER_SHARE = 0.5  # of pictures in other colours; a lost coarse picture leaves the true ones
LATE, LATE_SHARE = 400, 0.75  # of timesteps that are below LATE: sampling starts there
SHEET_START, SHEET_STEPS, SHEET_GUIDANCE = 200, 20, 1.5
SHEET_THUMBNAIL = (Scheme.AVIF, 0.35)  # about 300 bytes at 64x48


def examples(clean: Tensor, class_map: Tensor, generator: Generator) -> Examples:
    """Pictures with their true maps and coarse pictures, either of which may be missing."""
    lost = _some(LOST_SHARE, len(clean), generator)
    jittered = _some(JITTER_SHARE, len(clean), generator) & ~lost
    other = 2 * jitter_colours((clean + 1) / 2, generator) - 1
    clean = torch.where(jittered[:, None, None, None], other, clean)
    low_res = thumbnails(clean, DAMAGE, generator)
    blind = _some(BLIND_SHARE, len(clean), generator)
    return Examples(
        clean=clean,
        t=_timesteps(lost, generator),
        class_map=_without(class_map, blind),
        low_res=_without(low_res, lost),
    )


def _timesteps(lost: Bool[Tensor, " batch"], generator: Generator) -> Int64[Tensor, " batch"]:
    """Mostly late ones; all of them where sampling will start from noise."""
    t = uniform_timesteps(len(lost), generator)
    late = _some(LATE_SHARE, len(lost), generator) & ~lost
    return torch.where(late, t * LATE // TIMESTEPS, t)


def _some(share: float, batch: int, generator: Generator) -> Bool[Tensor, " batch"]:
    return torch.rand(batch, generator=generator, device=generator.device) < share


def _without(
    pictures: Float[Tensor, "batch channel height width"], which: Bool[Tensor, " batch"]
) -> Float[Tensor, "batch channel height width"]:
    return pictures * ~which[:, None, None, None]


def sample_sheet(net: SpadeUNet, process: Process, held_out: PackedPictures, taxonomy: str) -> Rgb:
    """Photos, maps, coarse pictures, and pictures with the coarse one and without."""
    device = next(net.parameters()).device
    labels = held_out.labels.long()
    photos = held_out.photos.float() / 127.5 - 1
    rows = [through_codec(one, *SHEET_THUMBNAIL) for one in to_bytes(shrunk(photos, 4))]
    low_res = to_picture(torch.stack([torch.from_numpy(row) for row in rows])).to(device)
    class_map = one_hot(labels, net.config.map_channels).to(device)
    painted = [
        paint(
            net,
            process,
            class_map,
            low_res=low_res * kept,
            start=SHEET_START if kept else TIMESTEPS,
            steps=SHEET_STEPS,
            scale=SHEET_GUIDANCE,
        )
        for kept in (1, 0)
    ]
    coarse = functional.interpolate(low_res, photos.shape[-2:], mode="bilinear")
    bytes_rows = [to_uint8(row).cpu() for row in (coarse, *painted)]
    return join_rows([held_out.photos, colourise(labels, taxonomy), *bytes_rows])


RECIPE = Recipe(
    scheme="spic",
    examples=examples,
    sheet=sample_sheet,
    guidance=1.5,
    even_light=False,
    low_res_channels=3,
)
