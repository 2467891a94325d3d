"""The shape of an SQ-GAN (Pezone et al., arXiv 2502.09520). No torch here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from semlink.core.errors import InvalidInput
from semlink.core.pictures import Size

NORM_GROUPS = 32

MapResize = Literal["nearest", "area"]


@dataclass(frozen=True, kw_only=True)
class StreamConfig:
    """Networks of one of the two streams: encoder, codebook, de-masking, decoder.

    The defaults are the published ones (VQGAN f16).

    Attributes:
        channels: at the finest level; a multiple of 32, as every level's.
        channel_mult: of `channels`, level by level; every level but the first halves the sides.
        encoder_blocks: residual blocks of a level of the encoder.
        decoder_blocks: residual blocks of a level of the decoder.
        patch: side of the blocks of pixels that become channels before the finest level; 1 is
            the published form.
        codes: size of the codebook.
        demask_blocks: residual blocks with masked attention that fill the gaps.
    """

    channels: int = 128
    channel_mult: tuple[int, ...] = (1, 1, 2, 2, 4)
    encoder_blocks: int = 2
    decoder_blocks: int = 3
    patch: int = 1
    codes: int = 1024
    demask_blocks: int = 8

    def __post_init__(self) -> None:
        if self.channels % NORM_GROUPS:
            raise InvalidInput(
                f"group normalisation wants a multiple of {NORM_GROUPS}.",
                field="channels",
                value=self.channels,
            )

    @property
    def widths(self) -> tuple[int, ...]:
        """Channels of every level, the finest first."""
        return tuple(self.channels * factor for factor in self.channel_mult)

    @property
    def factor(self) -> int:
        """Pixels to a side of one token."""
        return self.patch << len(self.channel_mult) - 1


@dataclass(frozen=True, kw_only=True)
class SqganConfig:
    """All networks; the defaults are the published ones for Cityscapes.

    Attributes:
        map_channels: classes; the last one, void, conditions nothing.
        latent_channels: of a token.
        spade_hidden: channels between a map and what it conditions.
        spade_kernel: side of the convolutions that give SPADE's scale and shift.
        map_resize: how a map comes to the size of features.
        picture: networks of the picture's stream.
        map: networks of the map's stream.
    """

    map_channels: int = 20
    latent_channels: int = 256
    spade_hidden: int = 128
    spade_kernel: int = 3
    map_resize: MapResize = "nearest"
    picture: StreamConfig = StreamConfig()
    map: StreamConfig = StreamConfig()

    def __post_init__(self) -> None:
        if self.picture.factor != self.map.factor:
            raise InvalidInput(
                "tokens of map and picture have one grid: their levels and patches must give "
                "the same number of pixels to a side.",
                field="picture, map",
                value=(self.picture.factor, self.map.factor),
            )

    @property
    def condition_channels(self) -> int:
        """Classes that condition the networks: all but the last."""
        return self.map_channels - 1

    @property
    def multiple(self) -> int:
        """What the sides of a picture must be multiples of: pixels to a side of one token."""
        return self.picture.factor

    def grid(self, picture: Size) -> Size:
        """Rows and columns of the tokens of a picture."""
        return Size(picture.height // self.multiple, picture.width // self.multiple)


SMALL = SqganConfig(
    map_channels=12,
    latent_channels=64,
    spade_hidden=32,
    spade_kernel=1,
    map_resize="area",
    picture=StreamConfig(
        channels=32,
        channel_mult=(2, 3, 4),
        encoder_blocks=1,
        decoder_blocks=2,
        patch=4,
        demask_blocks=4,
    ),
    map=StreamConfig(
        channels=32,
        channel_mult=(2, 2, 2),
        encoder_blocks=1,
        decoder_blocks=1,
        patch=4,
        demask_blocks=3,
    ),
)
"""For CamVid's classes at 192x256 on a processor: 5.5 M parameters, 9 GFLOP in all."""


def read_network(values: dict[str, Any]) -> SqganConfig:
    """The config of what `dataclasses.asdict` made of it.

    Raises:
        TypeError, InvalidInput: it is something else.
    """
    streams = {name: StreamConfig(**_tuples(values[name])) for name in ("picture", "map")}
    return SqganConfig(**(values | streams))


def _tuples(values: dict[str, Any]) -> dict[str, Any]:
    return {k: tuple(v) if isinstance(v, list) else v for k, v in values.items()}
