"""How a label map is told to a latent diffusion network: as further channels of its input."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional


class OneHot(nn.Module):
    """The one-hot map itself: the share of every class in each place of the latent.

    Args:
        map_channels: of the maps.
    """

    def __init__(self, map_channels: int):
        super().__init__()
        self.map_channels = self.channels = map_channels

    def forward(
        self, class_map: Float[Tensor, "batch class height width"], size: tuple[int, int]
    ) -> Float[Tensor, "batch channel low_height low_width"]:
        """The channels that go with a latent of that height and width."""
        return functional.interpolate(class_map, size, mode="area")


class Rescaler(nn.Module):
    """Halved by bilinear interpolation until it has the latent's size, then mixed to few channels.

    As `SpatialRescaler` in the code of latent diffusion; there is no bias, so the all-zero
    map gives zeros.

    Args:
        map_channels: of the maps.
        channels: that remain.
        halvings: of the sides; 2 for an autoencoder of factor 4.
    """

    def __init__(self, map_channels: int, channels: int, halvings: int):
        super().__init__()
        self.map_channels, self.channels, self.halvings = map_channels, channels, halvings
        self.channel_mapper = nn.Conv2d(map_channels, channels, 1, bias=False)

    def forward(
        self, class_map: Float[Tensor, "batch class height width"], size: tuple[int, int]
    ) -> Float[Tensor, "batch channel low_height low_width"]:
        """The channels that go with a latent of that height and width."""
        for _ in range(self.halvings):
            class_map = functional.interpolate(class_map, scale_factor=0.5, mode="bilinear")
        channels: Tensor = self.channel_mapper(class_map)
        assert channels.shape[-2:] == size, "the autoencoder halves as often as the rescaler"
        return channels


Conditioning = OneHot | Rescaler
