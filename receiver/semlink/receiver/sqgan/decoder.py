"""SQ-GAN's decoders (arXiv 2502.09520, Fig. 2): of maps as in VQGAN; of pictures under a map."""

from __future__ import annotations

from itertools import pairwise

from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from semlink.core.pictures import Size
from semlink.core.sqgan.config import SqganConfig
from semlink.core.sqgan.layers import (
    Attention,
    Features,
    Level,
    Middle,
    Upsample,
    conv3,
    group_norm,
    shortcut,
)
from semlink.core.sqgan.spade import Condition, SpadeNorm, resized


class UpLevel(Level):
    """A level, and what doubles the sides behind it; behind the finest, nothing."""

    def __init__(
        self, channels: int, out_channels: int, blocks: int, *, finest: bool, coarsest: bool
    ):
        super().__init__((channels, *(out_channels,) * blocks), attention=coarsest)
        self.upsample = nn.Identity() if finest else Upsample(out_channels)

    def forward(self, x: Features) -> Float[Tensor, "batch out_channel out_height out_width"]:
        """Features for the next finer level."""
        return self.upsample(super().forward(x))  # type: ignore[no-any-return]


class MapDecoder(nn.Module):
    """Latents to the logits of classes."""

    def __init__(self, config: SqganConfig):
        super().__init__()
        stream = config.map
        widths, last = stream.widths, stream.widths[-1]
        self.patch = stream.patch
        self.conv_in = conv3(config.latent_channels, last)
        self.mid = Middle(last)
        self.up = nn.ModuleList(
            UpLevel(
                before,
                after,
                stream.decoder_blocks,
                finest=level == 0,
                coarsest=level == len(widths) - 1,
            )
            for level, (after, before) in enumerate(pairwise((*widths, last)))
        )
        self.norm_out = group_norm(widths[0])
        self.conv_out = conv3(widths[0], config.map_channels * stream.patch**2)

    def forward(
        self, latents: Float[Tensor, "batch latent rows columns"]
    ) -> Float[Tensor, "batch class height width"]:
        """Logits of every pixel."""
        x = self.mid(self.conv_in(latents))
        for level in reversed(self.up):
            x = level(x)
        logits = self.conv_out(functional.silu(self.norm_out(x)))
        return functional.pixel_shuffle(logits, self.patch)


class SpadeResBlock(nn.Module):
    """A residual block whose normalisations a map modulates."""

    def __init__(self, channels: int, out_channels: int, config: SqganConfig):
        super().__init__()
        self.norm1 = SpadeNorm(channels, config)
        self.conv1 = conv3(channels, out_channels)
        self.norm2 = SpadeNorm(out_channels, config)
        self.conv2 = conv3(out_channels, out_channels)
        self.nin_shortcut = shortcut(channels, out_channels)

    def forward(self, x: Features, condition: Condition) -> Features:
        """Features after the block; the map has their size."""
        h = self.conv1(functional.silu(self.norm1(x, condition)))
        h = self.conv2(functional.silu(self.norm2(h, condition)))
        return self.nin_shortcut(x) + h  # type: ignore[no-any-return]


class SpadeUpLevel(nn.Module):
    """`UpLevel` under a map."""

    def __init__(
        self,
        channels: int,
        out_channels: int,
        config: SqganConfig,
        *,
        finest: bool,
        coarsest: bool,
    ):
        super().__init__()
        blocks = config.picture.decoder_blocks
        self.map_resize = config.map_resize
        self.block = nn.ModuleList(
            SpadeResBlock(out_channels if index else channels, out_channels, config)
            for index in range(blocks)
        )
        self.attn = nn.ModuleList(
            Attention(out_channels) if coarsest else nn.Identity() for _ in range(blocks)
        )
        self.upsample = nn.Identity() if finest else Upsample(out_channels)

    def forward(
        self, x: Features, condition: Condition
    ) -> Float[Tensor, "batch out_channel out_height out_width"]:
        """Features for the next finer level; the map may have any size."""
        maps = resized(condition, Size(*x.shape[-2:]), self.map_resize)
        for block, attend in zip(self.block, self.attn, strict=True):
            x = attend(block(x, maps))
        return self.upsample(x)  # type: ignore[no-any-return]


class PictureDecoder(nn.Module):
    """Latents under a map to a picture."""

    def __init__(self, config: SqganConfig):
        super().__init__()
        stream = config.picture
        widths, last = stream.widths, stream.widths[-1]
        self.patch = stream.patch
        self.conv_in = conv3(config.latent_channels, last)
        self.up = nn.ModuleList(
            SpadeUpLevel(
                before, after, config, finest=level == 0, coarsest=level == len(widths) - 1
            )
            for level, (after, before) in enumerate(pairwise((*widths, last)))
        )
        self.norm_out = group_norm(widths[0])
        self.conv_out = conv3(widths[0], 3 * stream.patch**2)

    def forward(
        self, latents: Float[Tensor, "batch latent rows columns"], condition: Condition
    ) -> Float[Tensor, "batch 3 height width"]:
        """A picture, about -1..1."""
        x = self.conv_in(latents)
        for level in reversed(self.up):
            x = level(x, condition)
        pixels = self.conv_out(functional.silu(self.norm_out(x)))
        return functional.pixel_shuffle(pixels, self.patch)
