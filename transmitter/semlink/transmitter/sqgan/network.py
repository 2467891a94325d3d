"""All networks of SQ-GAN's transmitter."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor, nn

from semlink.core.sqgan.codebook import Codebook
from semlink.core.sqgan.config import SqganConfig
from semlink.core.sqgan.spade import condition_of
from semlink.transmitter.sqgan.encoder import Encoder, PictureEncoder
from semlink.transmitter.sqgan.masker import Masker, Scored


class SqganEncoder(nn.Module):
    """Encoders, mask modules and codebooks of picture and map ("semantic").

    Attributes are named as in the published checkpoints.
    """

    def __init__(self, config: SqganConfig):
        super().__init__()
        self.config = config
        channels = config.latent_channels
        self.encoder = PictureEncoder(config)
        self.masker = Masker(config)
        self.quantize = Codebook(config.picture.codes, channels)
        self.encoder_semantic = Encoder(config.map_channels, channels, config.map)
        self.masker_semantic = Masker(config)
        self.quantize_semantic = Codebook(config.map.codes, channels)

    def map_features(self, maps: Float[Tensor, "batch class height width"]) -> Scored:
        """What of one-hot maps goes to their codebook."""
        return self.masker_semantic(self.encoder_semantic(maps), condition_of(maps))  # type: ignore[no-any-return]

    def picture_features(
        self,
        pictures: Float[Tensor, "batch 3 height width"],
        maps: Float[Tensor, "batch class height width"],
    ) -> Scored:
        """What of pictures in -1..1 goes to their codebook, given their one-hot maps."""
        condition = condition_of(maps)
        return self.masker(self.encoder(pictures, condition), condition)  # type: ignore[no-any-return]
