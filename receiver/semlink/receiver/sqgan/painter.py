"""SQ-GAN's decoders, ready for work."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn import functional

from semlink.core.codecs.tokens import IndexTables
from semlink.core.errors import InvalidInput
from semlink.core.pictures import LabelMap, Size
from semlink.core.sqgan.codebook import Codebook
from semlink.core.sqgan.config import SqganConfig
from semlink.core.sqgan.weights import load_sqgan
from semlink.core.taxonomy import TAXONOMIES
from semlink.core.tokens import SentTokens
from semlink.receiver.device import pick_dtype
from semlink.receiver.sqgan.network import SqganDecoder

REHEARSAL = Size(2, 2)  # tokens


@dataclass(frozen=True, eq=False)
class SqganNetwork:
    """The networks on their device, and whose classes they know.

    Attributes:
        net: computes in the number format of its weights.
        taxonomy: whose classes its maps have.
        tables: how often each codeword occurs.
    """

    net: SqganDecoder
    taxonomy: str
    tables: IndexTables

    @property
    def config(self) -> SqganConfig:
        """Shape of the networks."""
        return self.net.config

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return self.net.quantize.codebook.weight.device

    @property
    def classes(self) -> int:
        """Classes of the maps, void included."""
        return len(TAXONOMIES[self.taxonomy].classes)

    @property
    def multiple(self) -> int:
        """What the sides of a picture must be multiples of."""
        return self.config.multiple

    def warm(self) -> None:
        """Paint something small, so that no picture pays for the first run."""
        nothing = np.zeros(0, np.int64)
        labels = self.labels(SentTokens(REHEARSAL, self.config.map.codes, nothing, nothing))
        tokens = SentTokens(REHEARSAL, self.config.picture.codes, nothing, nothing)
        self.picture(tokens, labels)

    @torch.inference_mode()
    def labels(self, tokens: SentTokens) -> LabelMap:
        """The likeliest class of every pixel.

        Args:
            tokens: those of the map that arrived, in any order; none at all will do.

        Raises:
            InvalidInput: they are of another codebook.
        """
        words, sent = self._on_grid(tokens, self.net.quantize_semantic)
        logits = self.net.map_logits(words, sent)
        labels: LabelMap = logits[0].argmax(0).to(torch.uint8).cpu().numpy()
        return labels

    @torch.inference_mode()
    def picture(self, tokens: SentTokens, labels: LabelMap) -> Float[Tensor, "1 3 height width"]:
        """The picture in -1..1, float32.

        Args:
            tokens: those of the picture that arrived, in any order; none at all will do.
            labels: classes of its pixels in `taxonomy`.

        Raises:
            InvalidInput: they are of another codebook.
        """
        words, sent = self._on_grid(tokens, self.net.quantize)
        classes = torch.from_numpy(labels.copy()).long().to(self.device)
        maps = functional.one_hot(classes, self.config.map_channels).permute(2, 0, 1)[None]
        return self.net.pictures(words, sent, maps.to(words)).float().clamp(-1, 1)

    def _on_grid(
        self, tokens: SentTokens, codebook: Codebook
    ) -> tuple[Float[Tensor, "1 channel rows columns"], Bool[Tensor, "1 1 rows columns"]]:
        """Codewords at their places, and which places have one."""
        if tokens.codes != (codes := codebook.codebook.num_embeddings):
            raise InvalidInput(
                f"the network knows {codes} codewords; the tokens are of {tokens.codes}.",
                field="network",
                cure="Use the same network on both ends of the link.",
            )
        indices = torch.zeros(tokens.grid.pixels, dtype=torch.int64)
        sent = torch.zeros(tokens.grid.pixels, dtype=torch.bool)
        places = torch.from_numpy(tokens.positions.copy())
        indices[places] = torch.from_numpy(tokens.indices.copy())
        sent[places] = True
        words = codebook(indices.view(1, *tokens.grid).to(self.device)).permute(0, 3, 1, 2)
        return words, sent.view(1, 1, *tokens.grid).to(self.device)


def load_sqgan_network(name: str, folder: Path, device: torch.device) -> SqganNetwork:
    """SQ-GAN's decoders from their folder.

    Args:
        name: for errors; the folder's own says enough here.
        folder: with config.json and model.safetensors.
        device: where they will work.

    Raises:
        CorruptData: its files are damaged or do not fit each other.
    """
    net, config = load_sqgan(folder, SqganDecoder, device, pick_dtype(device))
    codes = config.network.map.codes, config.network.picture.codes
    return SqganNetwork(net, config.taxonomy, IndexTables.of(folder, *codes))
