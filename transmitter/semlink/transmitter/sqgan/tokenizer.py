"""A photo and its map, as tokens."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from semlink.core.codecs.tokens import IndexTables
from semlink.core.errors import InvalidInput
from semlink.core.pictures import LabelMap, Rgb, Size
from semlink.core.sqgan.codebook import Codebook
from semlink.core.sqgan.config import SqganConfig
from semlink.core.sqgan.weights import load_sqgan
from semlink.core.tokens import SentTokens
from semlink.transmitter.sqgan.masker import Scored
from semlink.transmitter.sqgan.network import SqganEncoder


@dataclass(frozen=True, eq=False)
class Tokenizer:
    """SQ-GAN's encoders, ready for work; they compute in float32.

    Attributes:
        net: the networks.
        taxonomy: whose classes its maps have.
        tables: how often each codeword occurs.
    """

    net: SqganEncoder
    taxonomy: str
    tables: IndexTables

    @classmethod
    def load(cls, folder: Path, device: torch.device | None = None) -> Tokenizer:
        """Of a folder with config.json and model.safetensors.

        Raises:
            CorruptData: its files are damaged or do not fit each other.
        """
        where = device or torch.device("cpu")
        net, config = load_sqgan(folder, SqganEncoder, where, torch.float32)
        codes = config.network.map.codes, config.network.picture.codes
        return cls(net, config.taxonomy, IndexTables.of(folder, *codes))

    @property
    def config(self) -> SqganConfig:
        """Shape of the networks."""
        return self.net.config

    def warm(self) -> None:
        """Read something small, so that no photo pays for the first run."""
        side = 2 * self.config.multiple
        self.tokens(np.zeros((side, side, 3), np.uint8), np.zeros((side, side), np.uint8))

    @torch.inference_mode()
    def tokens(self, picture: Rgb, labels: LabelMap) -> tuple[SentTokens, SentTokens]:
        """All tokens of the map, then all of the picture, each most important first.

        A prefix is what the paper sends for the fraction that it is.

        Args:
            picture: the working picture; its sides are multiples of `config.multiple`.
            labels: classes of its pixels in `taxonomy`.

        Raises:
            InvalidInput: sides of another multiple, or a class that there is not.
        """
        self._check(picture, labels)
        device = self.net.quantize.codebook.weight.device
        grid = self.config.grid(Size(*labels.shape))
        classes = torch.from_numpy(labels.copy()).long().to(device)
        maps = functional.one_hot(classes, self.config.map_channels).permute(2, 0, 1)[None].float()
        pixels = torch.from_numpy(picture.copy()).to(device).permute(2, 0, 1)[None] / 127.5 - 1
        return (
            _tokens(self.net.map_features(maps), self.net.quantize_semantic, grid),
            _tokens(self.net.picture_features(pixels, maps), self.net.quantize, grid),
        )

    def _check(self, picture: Rgb, labels: LabelMap) -> None:
        assert picture.shape[:2] == labels.shape, "one label a pixel"
        if any(side % self.config.multiple for side in labels.shape):
            raise InvalidInput(
                f"the tokenizer reads pictures whose sides are multiples of "
                f"{self.config.multiple}.",
                field="size",
                value=Size(*labels.shape),
                cure="Choose another size or network.",
            )
        if labels.max() >= self.config.map_channels:
            raise InvalidInput(
                f"the tokenizer knows the classes of {self.taxonomy}.",
                field="network",
                value=int(labels.max()),
                cure="Choose a segmenter and a network of the same classes.",
            )


def _tokens(scored: Scored, codebook: Codebook, grid: Size) -> SentTokens:
    order: Tensor = scored.order[0]
    indices = codebook.nearest(scored.features[0])[order]
    codes = codebook.codebook.num_embeddings
    return SentTokens(grid, codes, order.cpu().numpy(), indices.cpu().numpy())
