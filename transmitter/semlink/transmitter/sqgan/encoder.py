"""SQ-GAN's encoders (arXiv 2502.09520, Fig. 2): VQGAN's, for a map and for a picture."""

from __future__ import annotations

from itertools import pairwise

from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from semlink.core.pictures import Size
from semlink.core.sqgan.config import SqganConfig, StreamConfig
from semlink.core.sqgan.layers import Downsample, Level, Middle, conv3, group_norm
from semlink.core.sqgan.spade import Condition, resized


class DownLevel(Level):
    """A level, and what halves the sides behind it; behind the last one, nothing."""

    def __init__(self, channels: int, out_channels: int, blocks: int, *, last: bool):
        super().__init__((channels, *(out_channels,) * blocks), attention=last)
        self.downsample = nn.Identity() if last else Downsample(out_channels)

    def forward(
        self, x: Float[Tensor, "batch channel height width"]
    ) -> Float[Tensor, "batch out_channel out_height out_width"]:
        """Features for the next level."""
        return self.downsample(super().forward(x))  # type: ignore[no-any-return]


class Encoder(nn.Module):
    """Pixels to latents, all positions.

    Args:
        in_channels: of the pixels.
        latent_channels: of the answer.
        stream: depth and widths.
    """

    def __init__(self, in_channels: int, latent_channels: int, stream: StreamConfig):
        super().__init__()
        widths, last = stream.widths, stream.widths[-1]
        self.patch = stream.patch
        self.conv_in = nn.Sequential(
            conv3(in_channels * stream.patch**2, widths[0]), group_norm(widths[0])
        )
        self.down = nn.ModuleList(
            DownLevel(before, after, stream.encoder_blocks, last=level == len(widths) - 1)
            for level, (before, after) in enumerate(pairwise((widths[0], *widths)))
        )
        self.mid = Middle(last)
        self.norm_out = group_norm(last)
        self.conv_out = conv3(last, latent_channels)

    def forward(
        self, pixels: Float[Tensor, "batch channel height width"]
    ) -> Float[Tensor, "batch latent rows columns"]:
        """Latents."""
        return self.latents(self.conv_in(functional.pixel_unshuffle(pixels, self.patch)))

    def latents(
        self, x: Float[Tensor, "batch width patch_height patch_width"]
    ) -> Float[Tensor, "batch latent rows columns"]:
        """What becomes of the first layer's features."""
        for level in self.down:
            x = level(x)
        return self.conv_out(functional.silu(self.norm_out(self.mid(x))))  # type: ignore[no-any-return]


class PictureEncoder(Encoder):
    """The same, with one plane made of the map added to all channels of the first layer."""

    def __init__(self, config: SqganConfig):
        super().__init__(3, config.latent_channels, config.picture)
        self.map_resize = config.map_resize
        self.conv_in_semantic = nn.Sequential(
            conv3(config.condition_channels, config.spade_hidden),
            nn.ReLU(inplace=True),
            nn.Conv2d(config.spade_hidden, 1, 1),
        )

    def forward(  # type: ignore[override]
        self, pixels: Float[Tensor, "batch 3 height width"], condition: Condition
    ) -> Float[Tensor, "batch latent rows columns"]:
        """Latents of a picture in -1..1."""
        x = self.conv_in(functional.pixel_unshuffle(pixels, self.patch))
        maps = resized(condition, Size(*x.shape[-2:]), self.map_resize)
        return self.latents(x + self.conv_in_semantic(maps))
