"""Layers of VQGAN (Esser et al., CVPR 2021), of which SQ-GAN's encoders and decoders are made.

Attributes are named as in the published checkpoints.
"""

from __future__ import annotations

from collections.abc import Iterable

from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from semlink.core.sqgan.config import NORM_GROUPS

# The underscores leave the axes unbound: layers change channels and sides.
Features = Float[Tensor, "_batch _channel _height _width"]


def group_norm(channels: int) -> nn.GroupNorm:
    """Group normalisation with weights."""
    return nn.GroupNorm(NORM_GROUPS, channels, eps=1e-6)


def conv3(channels: int, out_channels: int) -> nn.Conv2d:
    """A 3x3 convolution that keeps the sides."""
    return nn.Conv2d(channels, out_channels, 3, padding=1)


def shortcut(channels: int, out_channels: int) -> nn.Module:
    """What a residual block adds to its change."""
    return nn.Identity() if channels == out_channels else nn.Conv2d(channels, out_channels, 1)


class ResBlock(nn.Module):
    """Two normalised 3x3 convolutions and a residual connection."""

    def __init__(self, channels: int, out_channels: int):
        super().__init__()
        self.norm1 = group_norm(channels)
        self.conv1 = conv3(channels, out_channels)
        self.norm2 = group_norm(out_channels)
        self.conv2 = conv3(out_channels, out_channels)
        self.nin_shortcut = shortcut(channels, out_channels)

    def forward(self, x: Features) -> Features:
        """Features after the block."""
        h = self.conv1(functional.silu(self.norm1(x)))
        h = self.conv2(functional.silu(self.norm2(h)))
        answer: Tensor = self.nin_shortcut(x) + h
        return answer


class Attention(nn.Module):
    """Self-attention of one head over all positions, with a residual connection."""

    def __init__(self, channels: int):
        super().__init__()
        self.norm = group_norm(channels)
        self.q = nn.Conv2d(channels, channels, 1)
        self.k = nn.Conv2d(channels, channels, 1)
        self.v = nn.Conv2d(channels, channels, 1)
        self.proj_out = nn.Conv2d(channels, channels, 1)

    def forward(
        self, x: Features, weight: Float[Tensor, "batch 1 height width"] | None = None
    ) -> Features:
        """Features after the block.

        Args:
            x: features.
            weight: how much each position may tell the others; what it is short of 1 is not made
                up for by others.
        """
        h = self.norm(x)
        value = self.v(h) if weight is None else self.v(h) * weight
        query, key, value = (each.flatten(2).mT[:, None] for each in (self.q(h), self.k(h), value))
        mixed = functional.scaled_dot_product_attention(query, key, value)
        answer: Tensor = x + self.proj_out(mixed[:, 0].mT.reshape(x.shape))
        return answer


class Downsample(nn.Module):
    """Halves the sides; the padding is at the right and at the bottom alone."""

    def __init__(self, channels: int):
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, stride=2)

    def forward(self, x: Features) -> Features:
        """Features of half the sides."""
        answer: Tensor = self.conv(functional.pad(x, (0, 1, 0, 1)))
        return answer


class Upsample(nn.Module):
    """Doubles the sides."""

    def __init__(self, channels: int):
        super().__init__()
        self.conv = conv3(channels, channels)

    def forward(self, x: Features) -> Features:
        """Features of twice the sides."""
        answer: Tensor = self.conv(functional.interpolate(x, scale_factor=2.0))
        return answer


class Level(nn.Module):
    """Residual blocks of one size, each with attention behind it or none with any.

    Args:
        widths: channels before, between and after the blocks.
        attention: whether there is any.
    """

    def __init__(self, widths: Iterable[int], *, attention: bool):
        super().__init__()
        before, *after = widths
        inputs = [before, *after[:-1]]
        self.block = nn.ModuleList(map(ResBlock, inputs, after))
        self.attn = nn.ModuleList(
            Attention(width) if attention else nn.Identity() for width in after
        )

    def forward(self, x: Features) -> Features:
        """Features after the blocks."""
        for block, attend in zip(self.block, self.attn, strict=True):
            x = attend(block(x))
        return x


class Middle(nn.Module):
    """The blocks between the levels and the tokens."""

    def __init__(self, channels: int):
        super().__init__()
        self.block_1 = ResBlock(channels, channels)
        self.attn_1 = Attention(channels)
        self.block_2 = ResBlock(channels, channels)

    def forward(self, x: Features) -> Features:
        """Features after the blocks."""
        answer: Tensor = self.block_2(self.attn_1(self.block_1(x)))
        return answer
