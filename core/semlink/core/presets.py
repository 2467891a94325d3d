"""What settings are where nobody states them: a scheme's own defaults, and the published ones."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from semlink.core.choices import Denoiser, Preset, Sampler, Start, Transport
from semlink.core.schemes import Scheme

# Where a scheme's receiver differs from the defaults of `ReceiverSettings`.
RECEIVER_DEFAULTS: dict[Scheme, dict[str, Any]] = {
    Scheme.SPIC: {"network": "spic-camvid", "steps": 20, "guidance": 1.5, "start_timestep": 200},
    Scheme.SGC: {"network": "sgc-camvid", "steps": 20, "start_timestep": 700},
    Scheme.SQGAN: {"network": "sqgan-camvid", "steps": 2},  # the map, the picture
}

# What the publications used where they differ from our defaults; a user's own settings go first.
# GESCO: github.com/ispamm/GESCO, README and image_sample.py.
# SPIC: github.com/frapez1/SPIC, README and image_sample.py.
# SGC: hal-04231421, sections II and III.
PAPER: dict[Scheme, dict[str, Any]] = {
    Scheme.GESCO: {
        "transport": Transport.ANALOG,
        "sampler": Sampler.DDPM,
        "steps": 1000,
        "guidance": 2.0,
        "denoiser": Denoiser.FDS,
    },
    Scheme.SPIC: {
        "coarse_factor": 4,
        "sampler": Sampler.DDPM,
        "steps": 20,
        "guidance": 1.5,
        "start": Start.CLEAN,
        "start_timestep": 200,
    },
    Scheme.SGC: {
        "map_side": 32,
        "colour_side": 16,
        "sampler": Sampler.DDIM,
        "steps": 140,  # those of 200 that lie below the start
        "guidance": 2.0,
        "start_timestep": 700,
    },
}


def with_preset(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Flat fields, completed by the preset that they name; checking them is left to the models."""
    scheme = fields.get("scheme", Scheme.GESCO)
    if fields.get("preset") != Preset.PAPER or scheme not in list(PAPER):
        return dict(fields)
    return PAPER[Scheme(scheme)] | dict(fields)
