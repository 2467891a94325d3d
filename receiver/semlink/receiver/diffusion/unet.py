"""The SPADE U-Net of GESCO and SPIC: encoder conditioned on time, decoder on time and map.

Backbone: Dhariwal and Nichol, "Diffusion Models Beat GANs" (2021), with the decoder of Wang et
al., "Semantic Image Synthesis via Diffusion Models" (2022). With the published settings the
names and shapes of the weights are those of the published checkpoints.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from semlink.core.errors import InvalidInput
from semlink.receiver.diffusion.blocks import (
    AttentionBlock,
    BlockSequence,
    Downsample,
    ResBlock,
    SpadeResBlock,
    Upsample,
    group_norm,
    zeroed,
)
from semlink.receiver.diffusion.spade import (
    MapResize,
    MapStem,
    Modulation,
    SpadeGroupNorm,
    modulate,
    resize_map,
)

DEAD_WEIGHTS = ".spade_norm."
"""Published GESCO encoders hold a SPADE layer that is never called (20.7 M parameters)."""


@dataclass(frozen=True, kw_only=True)
class UNetConfig:
    """Shape of a SPADE U-Net; the defaults are the published 256x512 networks.

    Attributes:
        map_channels: channels of the map (classes, and the instance edge where there is one).
        model_channels: base width; multiples of 32.
        channel_mult: width of each level over `model_channels`; each level halves the sides.
        res_blocks: residual blocks of each encoder level; the decoder has one more.
        attention_downsamplings: levels with attention, by how much smaller they are.
        head_channels: channels per attention head.
        image_channels: channels of the picture.
        low_res_channels: channels of a coarse picture to concatenate to the input (SPIC: 3).
        learn_sigma: whether as many output channels again carry the variance.
        resample: how sides are halved and doubled: inside a residual block (published), by a
            convolution, or plainly (mean and nearest neighbour).
        spade_hidden: hidden channels of each SPADE layer.
        spade_kernel: side of the convolutions that give scale and shift.
        map_resize: how maps are brought to the size of the features.
        map_stem: whether the full-resolution map also modulates the first layer.
        patch: side of the pixel patches that become channels; 1 is published.
    """

    map_channels: int
    model_channels: int = 256
    channel_mult: tuple[int, ...] = (1, 1, 2, 2, 4, 4)
    res_blocks: tuple[int, ...] = (2, 2, 2, 2, 2, 2)
    attention_downsamplings: tuple[int, ...] = (8, 16, 32)
    head_channels: int = 64
    image_channels: int = 3
    low_res_channels: int = 0
    learn_sigma: bool = True
    resample: Literal["resblock", "conv", "plain"] = "resblock"
    spade_hidden: int = 128
    spade_kernel: int = 3
    map_resize: MapResize = "nearest"
    map_stem: bool = False
    patch: int = 1

    def __post_init__(self) -> None:
        if len(self.res_blocks) != len(self.channel_mult):
            raise InvalidInput(
                "one entry per level is needed.",
                field="res_blocks",
                value=self.res_blocks,
                cure=f"Give {len(self.channel_mult)} numbers, as many as channel_mult has.",
            )

    @property
    def multiple(self) -> int:
        """What height and width must be multiples of, in pixels."""
        return int(self.patch * 2 ** (len(self.channel_mult) - 1))

    @property
    def out_channels(self) -> int:
        """Channels of the answer: the prediction, then the variance where it is learned."""
        return self.image_channels * (2 if self.learn_sigma else 1)


def timestep_embedding(
    t: Float[Tensor, " batch"], channels: int, max_period: float = 10_000.0
) -> Float[Tensor, "batch channel"]:
    """Cosines, then sines, of `t` at geometrically spaced frequencies (Vaswani et al., 2017)."""
    half = channels // 2
    exponents = torch.arange(half, dtype=torch.float32, device=t.device) / half
    angles = t.float()[:, None] * torch.exp(-math.log(max_period) * exponents)[None]
    return torch.cat([angles.cos(), angles.sin()], dim=-1)


class SpadeUNet(nn.Module):
    """Predicts noise, v or the clean picture from a noisy picture, a timestep and a map.

    The plain way, for training: `net(x, t, net.modulations(map))`. Samplers ask a network that
    has read its maps beforehand: `prepared.prepare`.
    """

    def __init__(self, config: UNetConfig):
        super().__init__()
        self.config = config
        widths = [config.model_channels * mult for mult in config.channel_mult]
        self.time_channels = 4 * config.model_channels
        self.time_embed = nn.Sequential(
            nn.Linear(config.model_channels, self.time_channels),
            nn.SiLU(),
            nn.Linear(self.time_channels, self.time_channels),
        )
        self.map_stem = (
            MapStem(widths[0], config.map_channels, config.patch) if config.map_stem else None
        )
        self._divisors: list[int] = []
        skips = self._build_encoder(widths)
        self._build_middle(widths[-1])
        self._build_decoder(widths, skips)
        out_channels = config.out_channels * config.patch**2
        self.out = nn.Sequential(
            group_norm(widths[0]),
            nn.SiLU(),
            zeroed(nn.Conv2d(widths[0], out_channels, 3, padding=1)),
        )

    def _build_encoder(self, widths: list[int]) -> list[int]:
        config = self.config
        in_channels = (config.image_channels + config.low_res_channels) * config.patch**2
        blocks = [BlockSequence(nn.Conv2d(in_channels, widths[0], 3, padding=1))]
        skips = [widths[0]]
        width = widths[0]
        for level, level_width in enumerate(widths):
            for _ in range(config.res_blocks[level]):
                block = ResBlock(width, level_width, self.time_channels)
                blocks.append(BlockSequence(block, *self._attention(level_width, level)))
                width = level_width
                skips.append(width)
            if level < len(widths) - 1:
                blocks.append(BlockSequence(self._downsample(width)))
                skips.append(width)
        self.input_blocks = nn.ModuleList(blocks)
        return skips

    def _build_middle(self, width: int) -> None:
        last = len(self.config.channel_mult) - 1
        self.middle_block = BlockSequence(
            self._spade_block(width, width, last),
            AttentionBlock(width, self.config.head_channels),
            self._spade_block(width, width, last),
        )

    def _build_decoder(self, widths: list[int], skips: list[int]) -> None:
        blocks = []
        width = widths[-1]
        for level in reversed(range(len(widths))):
            for i in range(self.config.res_blocks[level] + 1):
                layers: list[nn.Module] = [
                    self._spade_block(width + skips.pop(), widths[level], level)
                ]
                width = widths[level]
                layers += self._attention(width, level)
                if level and i == self.config.res_blocks[level]:
                    layers.append(self._upsample(width, level))
                blocks.append(BlockSequence(*layers))
        self.output_blocks = nn.ModuleList(blocks)

    def _attention(self, width: int, level: int) -> list[nn.Module]:
        wanted = 2**level in self.config.attention_downsamplings
        return [AttentionBlock(width, self.config.head_channels)] if wanted else []

    def _downsample(self, width: int) -> nn.Module:
        if self.config.resample == "resblock":
            return ResBlock(width, width, self.time_channels, down=True)
        return Downsample(width, conv=self.config.resample == "conv")

    def _upsample(self, width: int, level: int) -> nn.Module:
        if self.config.resample == "resblock":
            return self._spade_block(width, width, level, up=True)
        return Upsample(width, conv=self.config.resample == "conv")

    def _spade_block(
        self, width: int, out_width: int, level: int, *, up: bool = False
    ) -> SpadeResBlock:
        divisor = self.config.patch * 2**level
        self._divisors += [divisor, divisor // 2 if up else divisor]
        spades = [
            SpadeGroupNorm(
                channels,
                self.config.map_channels,
                hidden=self.config.spade_hidden,
                kernel=self.config.spade_kernel,
            )
            for channels in (width, out_width)
        ]
        return SpadeResBlock(width, out_width, self.time_channels, *spades, up=up)

    def map_readers(self) -> list[tuple[MapStem | SpadeGroupNorm, int]]:
        """The layers that read the map, in the order of their use, and the map's divisor."""
        spades = [module for module in self.modules() if isinstance(module, SpadeGroupNorm)]
        stem = [] if self.map_stem is None else [(self.map_stem, 1)]
        return [*stem, *zip(spades, self._divisors, strict=True)]

    def resized_maps(
        self, class_map: Float[Tensor, "batch map height width"]
    ) -> dict[int, Float[Tensor, "batch map _ _"]]:
        """The map as the layers want it, by divisor of its sides."""
        divisors = {divisor for _, divisor in self.map_readers()}
        mode = self.config.map_resize
        return {divisor: resize_map(class_map, divisor, mode) for divisor in divisors}

    def modulations(self, class_map: Float[Tensor, "batch map height width"]) -> list[Modulation]:
        """Scale and shift of every layer that reads the map, in the order of their use.

        Args:
            class_map: one-hot map or soft evidence per class, at the picture's full size.
        """
        maps = self.resized_maps(class_map)
        return [reader.modulation(maps[divisor]) for reader, divisor in self.map_readers()]

    def forward(
        self,
        x: Float[Tensor, "batch channel height width"],
        t: Float[Tensor, " batch"],
        modulations: Iterable[Modulation],
        low_res: Float[Tensor, "batch coarse low_height low_width"] | None = None,
        branches: int = 1,
    ) -> Float[Tensor, "branched out height width"]:
        """One denoising call.

        Args:
            x: noisy picture, clean range -1..1; sides multiples of `config.multiple`.
            t: timestep of each picture, 0 (clean) to T - 1; fractions are allowed.
            modulations: what `modulations` gave for the maps of these pictures.
            low_res: coarse picture in -1..1, any size, where the network takes one.
            branches: maps of each picture: the modulations are those of `branches` times as
                many maps, all pictures' first maps first, and so are the answers. What no map
                has touched is computed once: all of the encoder, unless there is a map stem.
        """
        if low_res is not None:
            x = torch.cat([x, enlarged(low_res, x.shape[-2:])], dim=1)
        embedding = self.time_embed(timestep_embedding(t, self.config.model_channels).to(x.dtype))
        h = functional.pixel_unshuffle(x, self.config.patch)
        h = self._trunk(h, embedding, iter(modulations), branches)
        return functional.pixel_shuffle(self.out(h), self.config.patch)

    def _trunk(
        self, h: Tensor, embedding: Tensor, modulations: Iterator[Modulation], branches: int
    ) -> Tensor:
        stem, *encoder = self.input_blocks
        h = stem(h, embedding, modulations)
        if self.map_stem is not None:
            h = modulate(_fork(h, branches), next(modulations))
            embedding, branches = _fork(embedding, branches), 1
        skips = [h]
        for block in encoder:
            skips.append(block(skips[-1], embedding, modulations))
        skips = [_fork(skip, branches) for skip in skips]
        embedding = _fork(embedding, branches)
        h = self.middle_block(skips[-1], embedding, modulations)
        for block in self.output_blocks:
            h = block(torch.cat([h, skips.pop()], dim=1), embedding, modulations)
        return h


def enlarged(
    low_res: Float[Tensor, "batch coarse low_height low_width"], size: Sequence[int]
) -> Float[Tensor, "batch coarse height width"]:
    """The coarse picture at the size of the picture, bilinearly; itself if it has that size."""
    if low_res.shape[-2:] == tuple(size):
        return low_res
    return functional.interpolate(low_res, size=tuple(size), mode="bilinear")


def _fork(x: Tensor, branches: int) -> Tensor:
    return x if branches == 1 else torch.cat([x] * branches)


def without_dead_weights(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Drop what published checkpoints hold and no network calls."""
    return {name: value for name, value in state.items() if DEAD_WEIGHTS not in name}
