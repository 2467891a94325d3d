"""Pixels out of noisy samples."""

from __future__ import annotations

from collections.abc import Generator
from time import perf_counter

import numpy as np
import torch
from jaxtyping import Float, Float32
from torch import Tensor
from torch.nn import functional

from semlink.core.errors import CorruptData
from semlink.core.events import Event, Lost, Outcome
from semlink.core.headers import PictureHeader
from semlink.core.pictures import Rgb
from semlink.core.received import ReceivedSamples
from semlink.receiver.schemes.job import Job
from semlink.receiver.schemes.separate import finished

PAYLOAD = "picture"

Channels = Float[Tensor, "3 height width"]


def decode(job: Job) -> Generator[Event, None, None]:
    """The picture as it arrived, clipped; pixels that did not arrive are interpolated.

    Raises:
        CorruptData: header and payload do not fit each other.
    """
    started = perf_counter()
    header = PictureHeader.from_bytes(job.header)
    payload = job.received.samples(PAYLOAD)
    _check_shape(payload, header)
    if payload.lost:
        yield Lost(Outcome.LOST, (PAYLOAD,))
        return
    erased = bool(np.isinf(payload.noise_variance).any())
    samples = _interpolated(payload) if erased else payload.samples
    picture = to_picture(samples)
    yield finished(picture, header, perf_counter() - started, (PAYLOAD,) if erased else ())


def to_picture(samples: Float32[np.ndarray, "3 height width"]) -> Rgb:
    """-1 .. 1 becomes 0 .. 255; what is beyond is clipped."""
    levels = np.rint((np.clip(samples, -1, 1) + 1) * np.float32(127.5))
    return np.ascontiguousarray(levels.astype(np.uint8).transpose(1, 2, 0))


def filled(samples: Channels, weight: Channels) -> Channels:
    """Samples, with those of weight zero interpolated from the others (push-pull).

    On the way down every level averages 2x2 samples of the last by weight; on the way up holes
    are filled from the coarser level (Gortler et al., The Lumigraph, 1996). A channel without any
    weight stays as it is.
    """
    if bool((weight > 0).all()) or max(samples.shape[-2:]) == 1:
        return samples
    mass = functional.avg_pool2d(weight[None], 2, ceil_mode=True)
    weighted = functional.avg_pool2d((samples * weight)[None], 2, ceil_mode=True)
    mean = torch.where(mass > 0, weighted / mass.clamp_min(1e-30), weighted)
    coarse = filled(mean[0], mass[0])
    size = list(samples.shape[-2:])
    fine = functional.interpolate(coarse[None], size, mode="bilinear", align_corners=False)
    return torch.where(weight > 0, samples, fine[0])


def _check_shape(payload: ReceivedSamples, header: PictureHeader) -> None:
    expected = (3, *header.sent)
    if payload.samples.shape != expected:
        raise CorruptData(
            f"the header announces samples of shape {expected}.",
            field="payload",
            value=payload.samples.shape,
            cure="Use the same version on both ends of the link.",
        )


def _interpolated(payload: ReceivedSamples) -> Float32[np.ndarray, "3 height width"]:
    """Holes filled from their neighbours, each as heavy as 1 / (1 + variance / peak^2).

    A colour of which nothing arrived is the mean of the others.
    """
    weight = torch.from_numpy(1 / (1 + payload.noise_variance))
    samples = filled(torch.from_numpy(payload.samples.copy()), weight)
    arrived = (weight > 0).flatten(1).any(1)
    samples[~arrived] = samples[arrived].mean(0)
    return samples.numpy()
