"""GESCO: a SPADE U-Net learns to paint pictures from noisy class maps.

Grassucci et al., arXiv:2306.04321. Noise is drawn per sample and per channel, and noisy maps pass
the published denoising block, so that training sees what the receiver will see.
"""

from __future__ import annotations

from torch import Generator, Tensor

from semlink.lab.training.diffusion import Examples, Recipe, uniform_timesteps
from semlink.lab.training.maps import MapNoise, received_maps
from semlink.lab.training.painting import sample_sheet

NOISE = MapNoise()


def examples(clean: Tensor, class_map: Tensor, generator: Generator) -> Examples:
    """Pictures with maps as they come out of the published denoising block."""
    return Examples(
        clean=clean,
        t=uniform_timesteps(len(clean), generator),
        class_map=received_maps(class_map, NOISE, generator),
    )


RECIPE = Recipe(
    scheme="gesco",
    examples=examples,
    sheet=sample_sheet,
    guidance=2.0,
    even_light=True,
    low_res_channels=0,
)
