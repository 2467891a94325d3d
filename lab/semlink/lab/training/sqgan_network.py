"""Both ends of SQ-GAN in one network, as it is trained."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int64
from torch import Generator, Tensor, nn

from semlink.core.pictures import Size
from semlink.core.sqgan.codebook import Codebook
from semlink.core.sqgan.config import SqganConfig
from semlink.lab.training.codebook_training import CodebookTrainer
from semlink.receiver.sqgan.network import SqganDecoder
from semlink.transmitter.sqgan.masker import Scored
from semlink.transmitter.sqgan.network import SqganEncoder


@dataclass(frozen=True)
class Fate:
    """What becomes of a batch's tokens.

    Attributes:
        fraction: of the positions that are sent, the most important ones.
        lost_share: of those, that do not arrive; whichever.
    """

    fraction: float
    lost_share: float = 0.0


@dataclass(frozen=True, eq=False)
class Quantised:
    """What was sent of a batch, and what arrived.

    Attributes:
        features: of all positions that were sent.
        indices: of their codewords.
        codewords: themselves, without gradient.
        arrived: codewords at their places, through which gradients reach the features.
        sent: where some are.
    """

    features: Float[Tensor, "place channel"]
    indices: Int64[Tensor, " place"]
    codewords: Float[Tensor, "place channel"]
    arrived: Float[Tensor, "batch channel rows columns"]
    sent: Bool[Tensor, "batch 1 rows columns"]


class Sqgan(nn.Module):
    """The networks of both ends, with one pair of codebooks, and what moves those."""

    def __init__(self, config: SqganConfig):
        super().__init__()
        self.config = config
        self.transmitter = SqganEncoder(config)
        self.receiver = SqganDecoder(config)
        del self.receiver.quantize, self.receiver.quantize_semantic  # they are the same
        self.map_codebook = CodebookTrainer(self.transmitter.quantize_semantic)
        self.picture_codebook = CodebookTrainer(self.transmitter.quantize)

    @property
    def weights(self) -> dict[str, Tensor]:
        """By the names that both ends read them under."""
        return self.transmitter.state_dict() | self.receiver.state_dict()

    def load(self, weights: Mapping[str, Tensor]) -> None:
        """Take over all `weights` of another; its codewords stay until they are used otherwise."""
        self.transmitter.load_state_dict({k: weights[k] for k in self.transmitter.state_dict()})
        self.receiver.load_state_dict({k: weights[k] for k in self.receiver.state_dict()})
        for trainer, codebook in (
            (self.map_codebook, self.transmitter.quantize_semantic),
            (self.picture_codebook, self.transmitter.quantize),
        ):
            trainer.begin_with(codebook.codebook.weight)

    def stream(self, *, of_map: bool) -> list[nn.Module]:
        """The networks that code one stream, codebook aside."""
        sender, receiver = self.transmitter, self.receiver
        if of_map:
            own = (sender.encoder_semantic, sender.masker_semantic)
            return [*own, receiver.demasker_semantic, receiver.decoder_semantic]
        return [sender.encoder, sender.masker, receiver.demasker, receiver.decoder]

    def send_map(
        self, maps: Float[Tensor, "batch class height width"], fate: Fate, generator: Generator
    ) -> tuple[Float[Tensor, "batch class height width"], Quantised]:
        """Logits of one-hot maps that were sent, and what was sent."""
        scored = self.transmitter.map_features(maps)
        codebook = self.transmitter.quantize_semantic
        tokens = quantised(scored, codebook, self._grid(maps), fate, generator)
        return self.receiver.map_logits(tokens.arrived, tokens.sent), tokens

    def send_picture(
        self,
        pictures: Float[Tensor, "batch 3 height width"],
        maps: Float[Tensor, "batch class height width"],
        decoded: Float[Tensor, "batch class height width"],
        fate: Fate,
        generator: Generator,
    ) -> tuple[Float[Tensor, "batch 3 height width"], Quantised]:
        """Pictures that were sent, and what was sent.

        Args:
            pictures: in -1..1.
            maps: one-hot, of the transmitter.
            decoded: one-hot, of the receiver.
            fate: of the tokens.
            generator: chooses the ones that are lost.
        """
        scored = self.transmitter.picture_features(pictures, maps)
        tokens = quantised(scored, self.transmitter.quantize, self._grid(maps), fate, generator)
        return self.receiver.pictures(tokens.arrived, tokens.sent, decoded), tokens

    def _grid(self, maps: Tensor) -> Size:
        return self.config.grid(Size(*maps.shape[-2:]))


def quantised(
    scored: Scored, codebook: Codebook, grid: Size, fate: Fate, generator: Generator
) -> Quantised:
    """The codewords of the most important positions, some of them lost."""
    batch, places, channels = scored.features.shape
    chosen = scored.order[:, : max(1, int(fate.fraction * places))]
    features = scored.features.gather(1, chosen[..., None].expand(-1, -1, channels))
    indices = codebook.nearest(features.detach())
    codewords = codebook(indices).detach()
    through = features + (codewords - features).detach()
    fates = torch.rand(chosen.shape, generator=generator, device=generator.device)
    arrives = (fates >= fate.lost_share).to(chosen.device)
    empty = through.new_zeros(batch, places, channels)
    arrived = empty.scatter(1, chosen[..., None].expand(-1, -1, channels), through)
    sent = arrives.new_zeros(batch, places).scatter(1, chosen, arrives)
    return Quantised(
        features.flatten(0, 1),
        indices.flatten(),
        codewords.flatten(0, 1),
        arrived.mT.reshape(batch, channels, *grid),
        sent.view(batch, 1, *grid),
    )
