"""All networks of SQ-GAN's receiver."""

from __future__ import annotations

from jaxtyping import Bool, Float
from torch import Tensor, nn

from semlink.core.sqgan.codebook import Codebook
from semlink.core.sqgan.config import SqganConfig
from semlink.core.sqgan.spade import condition_of
from semlink.receiver.sqgan.decoder import MapDecoder, PictureDecoder
from semlink.receiver.sqgan.demasker import Demasker


class SqganDecoder(nn.Module):
    """Codebooks, de-masking and decoders of picture and map ("semantic").

    Attributes are named as in the published checkpoints.
    """

    def __init__(self, config: SqganConfig):
        super().__init__()
        self.config = config
        channels = config.latent_channels
        self.quantize = Codebook(config.picture.codes, channels)
        self.demasker = Demasker(channels, config.picture.demask_blocks)
        self.decoder = PictureDecoder(config)
        self.quantize_semantic = Codebook(config.map.codes, channels)
        self.demasker_semantic = Demasker(channels, config.map.demask_blocks)
        self.decoder_semantic = MapDecoder(config)

    def map_logits(
        self,
        tokens: Float[Tensor, "batch channel rows columns"],
        sent: Bool[Tensor, "batch 1 rows columns"],
    ) -> Float[Tensor, "batch class height width"]:
        """Logits of the classes, from the codewords that were sent."""
        return self.decoder_semantic(self.demasker_semantic(tokens, sent))  # type: ignore[no-any-return]

    def pictures(
        self,
        tokens: Float[Tensor, "batch channel rows columns"],
        sent: Bool[Tensor, "batch 1 rows columns"],
        maps: Float[Tensor, "batch class height width"],
    ) -> Float[Tensor, "batch 3 height width"]:
        """Pictures, about -1..1, from the codewords that were sent and one-hot maps."""
        return self.decoder(self.demasker(tokens, sent), condition_of(maps))  # type: ignore[no-any-return]
