"""What may be done to received maps before they condition the diffusion network."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor

from semlink.core.choices import Denoiser
from semlink.receiver.denoising.fds import weighted_fds
from semlink.receiver.denoising.potts import posterior

DENOISERS: dict[Denoiser, Callable[[Tensor, Tensor], Tensor]] = {
    Denoiser.NONE: lambda maps, noise_variance: maps,
    Denoiser.FDS: weighted_fds,
    Denoiser.POSTERIOR: posterior,
}
"""From received maps and the noise variance of every sample, both `class height width`."""
