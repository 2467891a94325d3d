"""De-masking of SQ-GAN (arXiv 2502.09520; Huang et al., MQ-VAE, CVPR 2023): fills the gaps."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from semlink.core.sqgan.layers import Attention, ResBlock, conv3

UNSENT_WEIGHT = 0.02
"""What an unsent position may tell the others in the first block; its square root in the next."""


class DemaskBlock(nn.Module):
    """A residual block, then attention that listens less to positions that were not sent."""

    def __init__(self, channels: int):
        super().__init__()
        self.resblock = ResBlock(channels, channels)
        self.attn = Attention(channels)

    def forward(
        self,
        x: Float[Tensor, "batch channel rows columns"],
        weight: Float[Tensor, "batch 1 rows columns"],
    ) -> Float[Tensor, "batch channel rows columns"]:
        """Features after the block."""
        return self.attn(self.resblock(x), weight)  # type: ignore[no-any-return]


class DemaskBlocks(nn.Module):
    """All blocks; the weight of unsent positions rises to 1 from block to block."""

    def __init__(self, channels: int, blocks: int):
        super().__init__()
        self.blocks = nn.ModuleList(DemaskBlock(channels) for _ in range(blocks))
        self.last_resblock = ResBlock(channels, channels)

    def forward(
        self,
        x: Float[Tensor, "batch channel rows columns"],
        weight: Float[Tensor, "batch 1 rows columns"],
    ) -> Float[Tensor, "batch channel rows columns"]:
        """Features after the blocks."""
        for block in self.blocks:
            x = block(x, weight)
            weight = weight.sqrt()
        return self.last_resblock(x)  # type: ignore[no-any-return]


class Demasker(nn.Module):
    """Tokens of some positions to latents of all."""

    def __init__(self, channels: int, blocks: int):
        super().__init__()
        self.mask_token = nn.Parameter(0.02 * torch.randn(1, channels, 1))
        self.post_projection = nn.Conv2d(channels, channels, 1)
        self.conv_in = conv3(channels, channels)
        self.transformer = DemaskBlocks(channels, blocks)

    def forward(
        self,
        tokens: Float[Tensor, "batch channel rows columns"],
        sent: Bool[Tensor, "batch 1 rows columns"],
    ) -> Float[Tensor, "batch channel rows columns"]:
        """Latents of all positions.

        Args:
            tokens: codewords; what stands at positions that were not sent does not matter.
            sent: which positions were.
        """
        x = torch.where(sent, tokens, self.mask_token[..., None])
        weight = torch.where(sent, 1.0, UNSENT_WEIGHT).to(x)
        return self.transformer(self.conv_in(self.post_projection(x)), weight)  # type: ignore[no-any-return]
