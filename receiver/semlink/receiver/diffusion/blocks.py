"""Residual and attention blocks of the SPADE U-Net, named as in the published checkpoints."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeVar

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from semlink.receiver.diffusion.spade import NORM_GROUPS, Modulation, SpadeGroupNorm

_M = TypeVar("_M", bound=nn.Module)


def group_norm(channels: int) -> nn.GroupNorm:
    """Group normalisation with 32 groups and learned scale and shift."""
    return nn.GroupNorm(NORM_GROUPS, channels)


def zeroed(module: _M) -> _M:
    """Set all weights to zero, so that a residual branch starts as the identity."""
    for parameter in module.parameters():
        nn.init.zeros_(parameter)
    return module


class Downsample(nn.Module):
    """Halve both sides: 2x2 mean, or a strided 3x3 convolution."""

    def __init__(self, channels: int, *, conv: bool):
        super().__init__()
        self.op = (
            nn.Conv2d(channels, channels, 3, stride=2, padding=1) if conv else nn.AvgPool2d(2)
        )

    def forward(self, x: Tensor) -> Tensor:
        """Features at half the size."""
        halved: Tensor = self.op(x)
        return halved


class Upsample(nn.Module):
    """Double both sides: nearest neighbour, then a 3x3 convolution if asked for."""

    def __init__(self, channels: int, *, conv: bool):
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, padding=1) if conv else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        """Features at twice the size."""
        doubled: Tensor = self.conv(functional.interpolate(x, scale_factor=2.0, mode="nearest"))
        return doubled


class _TimedBlock(nn.Module):
    """What both residual blocks share: time embedding, skip connection, resampling."""

    def __init__(self, channels: int, out_channels: int, time_channels: int):
        super().__init__()
        self.emb_layers = nn.Sequential(nn.SiLU(), nn.Linear(time_channels, 2 * out_channels))
        self.skip_connection = (
            nn.Identity() if channels == out_channels else nn.Conv2d(channels, out_channels, 1)
        )

    def scale_shift(self, embedding: Tensor) -> Modulation:
        scale, shift = self.emb_layers(embedding)[:, :, None, None].chunk(2, dim=1)
        return scale, shift


class ResBlock(_TimedBlock):
    """Encoder block: two 3x3 convolutions, scaled and shifted by the time embedding.

    Args:
        channels: of the input.
        out_channels: of the output.
        time_channels: of the time embedding.
        down: whether to halve the sides (before the first convolution).
    """

    def __init__(
        self, channels: int, out_channels: int, time_channels: int, *, down: bool = False
    ):
        super().__init__(channels, out_channels, time_channels)
        self.in_layers = nn.Sequential(
            group_norm(channels), nn.SiLU(), nn.Conv2d(channels, out_channels, 3, padding=1)
        )
        self.out_layers = nn.Sequential(
            group_norm(out_channels),
            nn.SiLU(),
            nn.Identity(),  # dropout in the published network; keeps the names of the weights
            zeroed(nn.Conv2d(out_channels, out_channels, 3, padding=1)),
        )
        self.resample = nn.AvgPool2d(2) if down else nn.Identity()

    def forward(self, x: Tensor, embedding: Tensor) -> Tensor:
        """Features after the block."""
        norm, activation, conv = self.in_layers
        h = conv(self.resample(activation(norm(x))))
        scale, shift = self.scale_shift(embedding)
        h = torch.addcmul(shift, self.out_layers[0](h), 1 + scale)
        h = self.out_layers[1:](h)
        answer: Tensor = h + self.skip_connection(self.resample(x))
        return answer


class SpadeResBlock(_TimedBlock):
    """Middle and decoder block: both normalisations are modulated by the map.

    Args:
        channels: of the input.
        out_channels: of the output.
        time_channels: of the time embedding.
        in_norm: SPADE layer on the input.
        out_norm: SPADE layer before the second convolution.
        up: whether to double the sides (before the first convolution).
    """

    def __init__(
        self,
        channels: int,
        out_channels: int,
        time_channels: int,
        in_norm: SpadeGroupNorm,
        out_norm: SpadeGroupNorm,
        *,
        up: bool = False,
    ):
        super().__init__(channels, out_channels, time_channels)
        self.in_norm = in_norm
        self.in_layers = nn.Sequential(nn.SiLU(), nn.Conv2d(channels, out_channels, 3, padding=1))
        self.out_norm = out_norm
        self.out_layers = nn.Sequential(
            nn.SiLU(),
            nn.Identity(),  # dropout in the published network; keeps the names of the weights
            zeroed(nn.Conv2d(out_channels, out_channels, 3, padding=1)),
        )
        self.resample = nn.Upsample(scale_factor=2.0) if up else nn.Identity()

    def forward(
        self, x: Tensor, embedding: Tensor, in_map: Modulation, out_map: Modulation
    ) -> Tensor:
        """Features after the block, modulated by `in_map` and `out_map`."""
        activation, conv = self.in_layers
        h = conv(self.resample(activation(self.in_norm(x, in_map))))
        scale, shift = self.scale_shift(embedding)
        h = self.out_layers(torch.addcmul(shift, self.out_norm(h, out_map), 1 + scale))
        answer: Tensor = h + self.skip_connection(self.resample(x))
        return answer


class AttentionBlock(nn.Module):
    """Self-attention over all positions, with a residual connection."""

    def __init__(self, channels: int, head_channels: int):
        super().__init__()
        self.heads = channels // head_channels
        self.norm = group_norm(channels)
        self.qkv = nn.Conv1d(channels, 3 * channels, 1)
        self.proj_out = zeroed(nn.Conv1d(channels, channels, 1))

    def forward(
        self, x: Float[Tensor, "batch channel height width"]
    ) -> Float[Tensor, "batch channel height width"]:
        """Features after the block; each head's weights lie together (query, key, value)."""
        flat = x.flatten(2)
        heads = self.qkv(self.norm(flat)).unflatten(1, (self.heads, 3, -1)).transpose(-1, -2)
        query, key, value = heads.contiguous().unbind(2)  # else no fused attention takes them
        mixed = functional.scaled_dot_product_attention(query, key, value)
        change: Tensor = self.proj_out(mixed.transpose(-1, -2).flatten(1, 2))
        return (flat + change).view_as(x)


class BlockSequence(nn.Sequential):
    """Layers in a row; each takes from time embedding and modulations what it needs."""

    def forward(  # type: ignore[override]
        self, x: Tensor, embedding: Tensor, modulations: Iterator[Modulation]
    ) -> Tensor:
        """Features after all layers; uses up two modulations per SPADE block."""
        for layer in self:
            if isinstance(layer, SpadeResBlock):
                x = layer(x, embedding, next(modulations), next(modulations))
            elif isinstance(layer, ResBlock):
                x = layer(x, embedding)
            else:
                x = layer(x)
        return x
