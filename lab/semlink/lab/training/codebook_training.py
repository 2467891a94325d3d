"""Codebooks that follow what they are to stand for."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int64
from torch import Generator, Tensor, distributed, nn

from semlink.core.sqgan.codebook import Codebook

DECAY = 0.99
DEAD_SHARE = 0.03
"""A codeword that is used less than this share of the mean use begins anew."""


class CodebookTrainer(nn.Module):
    """Codewords as moving averages of the features that are nearest to them.

    van den Oord et al., arXiv:1711.00937, Appendix A.1; unused codewords begin anew at random
    features, as all do at first (Dhariwal et al., arXiv:2005.00341). No optimiser moves them.

    Args:
        codebook: whose words are written.
    """

    counts: Float[Tensor, " code"]
    sums: Float[Tensor, "code channel"]

    def __init__(self, codebook: Codebook):
        super().__init__()
        words = codebook.codebook.weight.requires_grad_(False)
        self._words: list[Tensor] = [words]  # hidden from nn.Module: they are not ours to save
        self.register_buffer("counts", torch.zeros(len(words)))
        self.register_buffer("sums", torch.zeros_like(words))

    @torch.no_grad()
    def begin_with(self, words: Float[Tensor, "code channel"]) -> None:
        """Go on from trained codewords, as if each had been used once a batch."""
        self._words[0].copy_(words)
        self.counts.fill_(1)
        self.sums.copy_(words)

    @torch.no_grad()
    def update(
        self,
        features: Float[Tensor, "place channel"],
        indices: Int64[Tensor, " place"],
        generator: Generator,
    ) -> None:
        """Take the features of one batch, all processes' together.

        Args:
            features: what was quantised.
            indices: of the nearest codewords.
            generator: chooses where unused codewords begin anew.
        """
        counts = torch.zeros_like(self.counts).index_add_(
            0, indices, torch.ones_like(indices, dtype=self.counts.dtype)
        )
        sums = torch.zeros_like(self.sums).index_add_(0, indices, features.to(self.sums))
        for total in (counts, sums):
            if distributed.is_initialized():
                distributed.all_reduce(total)
        mean_use = counts.sum() / len(counts)
        dead = self.counts < DEAD_SHARE * mean_use
        self.counts.lerp_(counts, 1 - DECAY)
        self.sums.lerp_(sums, 1 - DECAY)
        self.counts[dead] = mean_use
        self.sums[dead] = mean_use * self._births(features, generator)[dead]
        self._words[0].copy_(self.sums / self.counts[:, None])

    def _births(self, features: Tensor, generator: Generator) -> Tensor:
        """A random feature for every codeword, the same in all processes."""
        places = torch.randint(
            len(features), (len(self.counts),), generator=generator, device=generator.device
        )
        births = features[places.to(features.device)].to(self.sums)
        if distributed.is_initialized():
            distributed.broadcast(births, 0)
        return births
