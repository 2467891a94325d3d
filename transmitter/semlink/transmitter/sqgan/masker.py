"""SAMM, the semantic-conditioned adaptive mask module of SQ-GAN (arXiv 2502.09520, Fig. 3)."""

from __future__ import annotations

from dataclasses import dataclass

from jaxtyping import Float, Int64
from torch import Tensor, nn
from torch.nn import functional

from semlink.core.pictures import Size
from semlink.core.sqgan.config import SqganConfig
from semlink.core.sqgan.layers import conv3
from semlink.core.sqgan.spade import Condition, SpadeNorm, resized


class ScoreNetwork(nn.Module):
    """How much each position matters."""

    def __init__(self, config: SqganConfig):
        super().__init__()
        channels = config.latent_channels
        self.layer1 = SpadeNorm(channels, config)
        self.conv1 = conv3(channels, channels)
        self.layer2 = SpadeNorm(channels, config)
        self.conv2 = nn.Conv2d(channels, 1, 1)

    def forward(
        self, latents: Float[Tensor, "batch channel rows columns"], condition: Condition
    ) -> Float[Tensor, "batch rows columns"]:
        """Scores in 0..1; the map has the size of the latents."""
        h = functional.relu(self.conv1(self.layer1(latents, condition)))
        return self.conv2(self.layer2(h, condition)).sigmoid()[:, 0]  # type: ignore[no-any-return]


@dataclass(frozen=True, eq=False)
class Scored:
    """Latents that are ready for the codebook, position by position in row-major order.

    What becomes of one position does not depend on how many others are sent: the first ones of
    `order` are the message of any fraction.

    Attributes:
        features: to be quantised.
        scores: 0..1.
        order: positions, the highest score first; of equal ones the first.
    """

    features: Float[Tensor, "batch position channel"]
    scores: Float[Tensor, "batch position"]
    order: Int64[Tensor, "batch position"]


class Masker(nn.Module):
    """Scores the positions, and scales their latents by their scores."""

    def __init__(self, config: SqganConfig):
        super().__init__()
        self.map_resize = config.map_resize
        self.score_pred_net = ScoreNetwork(config)
        channels = config.latent_channels
        self.pre_projection = nn.Linear(channels, channels, bias=False)

    def forward(
        self, latents: Float[Tensor, "batch channel rows columns"], condition: Condition
    ) -> Scored:
        """Latents of all positions, ready for the codebook."""
        size = Size(*latents.shape[-2:])
        maps = resized(condition, size, self.map_resize)
        scores = self.score_pred_net(latents, maps).flatten(1)
        places = latents.flatten(2).mT
        normed = functional.layer_norm(places, places.shape[-1:])
        order = scores.detach().argsort(dim=1, descending=True, stable=True)
        return Scored(self.pre_projection(normed * scores[..., None]), scores, order)
