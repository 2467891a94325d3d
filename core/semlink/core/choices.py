"""What can be chosen by name for a transmission."""

from __future__ import annotations

from enum import StrEnum


class Preset(StrEnum):
    """Where the settings that nobody states come from."""

    SEMLINK = "semlink"
    PAPER = "paper"  # what was published, free side information included


class Transport(StrEnum):
    """How a label map travels."""

    ANALOG = "analog"  # one-hot, as samples
    DIGITAL = "digital"  # losslessly coded, as bits


class Csi(StrEnum):
    """How the receiver knows the channel's gains."""

    PERFECT = "perfect"
    ESTIMATED = "estimated"  # from pilots


class Sampler(StrEnum):
    """How the diffusion model walks from noise to the picture."""

    DDPM = "ddpm"
    DDIM = "ddim"
    DPM_SOLVER = "dpm-solver"  # DPM-Solver++ 2M


class Start(StrEnum):
    """What the coarse picture is when the diffusion model starts from it."""

    NOISED = "noised"  # brought to the noise level of the first timestep
    CLEAN = "clean"  # as it is, at the published timesteps


class Denoiser(StrEnum):
    """What is done to the received map before it conditions the diffusion model."""

    NONE = "none"
    FDS = "fds"  # the published block: 3x3 average, then 3x3 maximum
    POSTERIOR = "posterior"  # of the classes, given that a pixel has one and neighbours agree
