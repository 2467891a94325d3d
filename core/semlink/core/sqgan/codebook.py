"""The codewords that both ends hold."""

from __future__ import annotations

from jaxtyping import Float, Int64
from torch import Tensor, nn


class Codebook(nn.Module):
    """Codewords by index, and the index of the nearest one.

    Args:
        codes: how many.
        channels: of each.
    """

    def __init__(self, codes: int, channels: int):
        super().__init__()
        self.codebook = nn.Embedding(codes, channels)
        nn.init.uniform_(self.codebook.weight, -1 / codes, 1 / codes)

    def nearest(self, features: Float[Tensor, "*places channel"]) -> Int64[Tensor, " *places"]:
        """Indices of the codewords with the least Euclidean distance."""
        words = self.codebook.weight
        return (words.square().sum(1) - 2 * features @ words.mT).argmin(-1)

    def forward(self, indices: Int64[Tensor, " *places"]) -> Float[Tensor, "*places channel"]:
        """The codewords themselves."""
        answer: Tensor = self.codebook(indices)
        return answer
