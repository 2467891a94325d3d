"""SGC, second stage: a U-Net learns to paint small label maps in the autoencoder's latents.

Bordin and Maugey, MMSP 2023, after Rombach et al., arXiv:2112.10752. The network is told the map
as the receiver has it: the most frequent labels of cells, at random sizes of the map. Colours
are no input: sampling starts from them, at three quarters of the noise at most. Where a distance
in features is heeded, a quarter of what the network takes for the clean latent is decoded.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import EllipsisType
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int64
from torch import Generator, Tensor, nn
from torch.nn import functional

from semlink.core.headers import reduced_size
from semlink.core.pictures import Rgb, Size
from semlink.lab.feature_distance import FeatureDistance
from semlink.lab.training.maps import one_hot
from semlink.lab.training.pictures import PackedPictures, random_views
from semlink.lab.training.precision import full_precision
from semlink.lab.training.sheets import colourise, join_rows, to_uint8
from semlink.receiver.diffusion.samplers import dpm_solver, run, spaced_timesteps
from semlink.receiver.latent.conditioning import OneHot
from semlink.receiver.latent.network import LatentNetwork
from semlink.receiver.latent.weights import UNET, LatentConfig, LatentModels, save_latent
from semlink.receiver.schemes.sgc import enlarged_map
from semlink.transmitter.schemes.sgc import most_frequent

MAP_SIDES = (16, 24, 32, 32, 48, 64)  # short sides of the map, one of them in each step
BLIND_SHARE = 0.12  # of maps that are all zero, for classifier-free guidance
LATE, LATE_SHARE = 750, 0.8  # of timesteps that are below LATE: sampling starts there
SHEET_START, SHEET_STEPS, SHEET_COLOURS = 700, 20, 16
SCALE_VIEWS = 32  # from which the scale of latents is estimated
PERCEPTUAL = 0.3  # weight of the distance in features; times the amplitude of the signal

SHAPE: dict[str, Any] = {
    "down_block_types": ("DownBlock2D", "DownBlock2D", "AttnDownBlock2D"),
    "up_block_types": ("AttnUpBlock2D", "UpBlock2D", "UpBlock2D"),
    "block_out_channels": (48, 96, 160),
    "layers_per_block": 1,
    "attention_head_dim": 32,
    "norm_num_groups": 16,
}
"""Of diffusers' `UNet2DModel`."""

SCHEDULER: dict[str, Any] = {
    "_class_name": "DDIMScheduler",
    "num_train_timesteps": 1000,
    "beta_schedule": "scaled_linear",
    "beta_start": 0.0015,
    "beta_end": 0.0205,
    "prediction_type": "v_prediction",
    "clip_sample": False,
    "set_alpha_to_one": True,
    "timestep_spacing": "trailing",
}


@dataclass(frozen=True, eq=False)
class Examples:
    """A batch for the U-Net.

    Attributes:
        pictures: in -1..1.
        latent: of them, scaled, as the sampler has it.
        told: what the map becomes beside it.
        t: timestep of each.
    """

    pictures: Float[Tensor, "batch 3 height width"]
    latent: Float[Tensor, "batch channel low_height low_width"]
    told: Float[Tensor, "batch class low_height low_width"]
    t: Int64[Tensor, " batch"]


class LatentObjective:
    """A `UNet2DModel` that learns to denoise latents.

    Args:
        autoencoder: of the first stage; frozen here.
        taxonomy: of the label maps.
        packed: what to train it on.
        held_out: what sample sheets show.
        size: of the views.
        classes: of the label maps.
        lr: peak learning rate.
        weights: to start from; what is not among them begins anew.
        distance: of pictures in features, where the loss is to heed it.
        device: where all of this lives.
        seed: of the weights, and of the views from which the scale is estimated.
        shape: of the network.
    """

    def __init__(
        self,
        autoencoder: Any,
        taxonomy: str,
        packed: PackedPictures,
        held_out: PackedPictures,
        size: Size,
        *,
        classes: int,
        lr: float = 4e-4,
        weights: Mapping[str, Tensor] | None = None,
        distance: FeatureDistance | None = None,
        device: torch.device | None = None,
        seed: int = 0,
        shape: Mapping[str, Any] = SHAPE,
    ):
        from diffusers import UNet2DModel

        self.device = device or torch.device("cpu")
        self.size, self.packed, self.held_out = size, packed.to(self.device), held_out
        latent = autoencoder.config.vq_embed_dim or autoencoder.config.latent_channels
        self.shape = {"in_channels": latent + classes, "out_channels": latent, **shape}
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            net: Any = UNet2DModel(**self.shape)  # type: ignore[no-untyped-call]
        net.load_state_dict(weights or {}, strict=False)
        net = net.to(self.device)
        self.distance = None if distance is None else distance.to(self.device)
        models = LatentModels(
            autoencoder=autoencoder.to(self.device).requires_grad_(False),
            unet=net,
            conditioning=OneHot(classes),
            scheduler=SCHEDULER,
        )
        models.check()
        plain = LatentConfig(taxonomy=taxonomy, height=size.height, width=size.width)
        self.network = LatentNetwork(models, models.process, plain)
        scale = 1 / self._spread(seed)
        self.network = replace(self.network, config=replace(plain, scaling_factor=scale))
        self._schedule = models.process.schedule.to(self.device)
        self.optimiser = torch.optim.AdamW(
            net.parameters(), lr=lr, betas=(0.9, 0.99), weight_decay=0.01
        )

    def _spread(self, seed: int) -> float:
        """Standard deviation of latents of random views."""
        count = min(SCALE_VIEWS, self.examples)
        indices = torch.linspace(0, self.examples - 1, count, device=self.device).long()
        generator = Generator(self.device).manual_seed(seed)
        views, _ = random_views(self.packed, indices, *self.size, generator)
        spreads = [self.network.encode(view[None]).square().mean() for view in views]
        return float(torch.stack(spreads).mean().sqrt())

    @property
    def networks(self) -> dict[str, nn.Module]:
        """The U-Net."""
        return {UNET: self.network.models.unet}

    @property
    def optimisers(self) -> dict[str, torch.optim.AdamW]:
        """One, for the U-Net."""
        return {UNET: self.optimiser}

    @property
    def identity(self) -> dict[str, Any]:
        """Stage, classes and shape."""
        shape = {name: str(value) for name, value in self.shape.items()}
        return {"training": "sgc latent", "taxonomy": self.network.taxonomy} | shape

    @property
    def examples(self) -> int:
        """Pictures to train on."""
        return len(self.packed.photos)

    def batch(self, indices: Int64[Tensor, " batch"], generator: Generator) -> Examples:
        """Latents of random views of some pictures, with their maps as they arrive."""
        views, labels = random_views(self.packed, indices.to(self.device), *self.size, generator)
        side = MAP_SIDES[int(_drawn(len(MAP_SIDES), 1, generator))]
        blind = torch.rand(len(views), generator=generator, device=self.device) < BLIND_SHARE
        told = self._told(as_received(labels, side)) * ~blind[:, None, None, None]
        total = len(self._schedule)
        t = _drawn(total, len(views), generator)
        late = torch.rand(len(views), generator=generator, device=self.device) < LATE_SHARE
        t = torch.where(late, t * LATE // total, t)
        return Examples(views, self.network.encode(views).to(self.device).clone(), told, t)

    def _told(self, labels: Int64[Tensor, "batch height width"]) -> Tensor:
        conditioning = self.network.models.conditioning
        class_map = one_hot(labels, conditioning.map_channels)
        told: Tensor = conditioning(class_map, self.network.latent_size(self.size))
        return told

    def losses(
        self, optimiser: str, batch: Examples, step: int, generator: Generator
    ) -> dict[str, Tensor]:
        """Squared error of v (Salimans and Ho, 2022), and what it does to the picture."""
        noise = torch.randn(batch.latent.shape, generator=generator, device=self.device)
        signal, sigma = self._schedule.at(batch.t, noise)
        x = signal * batch.latent + sigma * noise
        unet = self.network.models.unet
        answer = unet(torch.cat([x, batch.told], 1), batch.t.float()).sample
        with full_precision(self.device):
            answer, target = answer.float(), signal * noise - sigma * batch.latent
            errors = {"v": (answer - target).square().mean()}
            if self.distance is not None:
                seen = self._seen(signal * x - sigma * answer, batch.pictures, generator)
                errors["perceptual"] = PERCEPTUAL * (signal.flatten() * seen).mean()
            return errors

    def _seen(self, guess: Tensor, pictures: Tensor, generator: Generator) -> Tensor:
        """Distance in features between a quarter of the pictures and what latents decode to."""
        assert self.distance is not None
        network, factor = self.network, self.network.models.factor
        window, there = random_quarter(Size(*guess.shape[-2:]), factor, generator)
        latent = guess[window] / network.config.scaling_factor
        decoded = network.models.autoencoder.decode(latent.contiguous()).sample
        answer: Tensor = self.distance(decoded.clamp(-1, 1), pictures[there].contiguous())
        return answer

    @torch.no_grad()
    def sheet(self, averages: Mapping[str, nn.Module]) -> Rgb:
        """Photos, maps as they arrive, colours, and pictures with the colours and without."""
        models = replace(self.network.models, unet=averages[UNET])
        network = replace(self.network, models=models)
        photos = (self.held_out.photos.float() / 127.5 - 1).to(self.device)
        labels = as_received(self.held_out.labels.long(), 32)
        small = reduced_size(Size(*photos.shape[-2:]), SHEET_COLOURS)
        colours = functional.interpolate(photos, tuple(small), mode="area")
        colours = functional.interpolate(colours, photos.shape[-2:], mode="bilinear")
        pictures = [painted(network, labels, start) for start in (colours, None)]
        rows = [to_uint8(row).cpu() for row in (colours, *pictures)]
        shown = colourise(labels.cpu(), network.taxonomy)
        return join_rows([self.held_out.photos, shown, *rows])

    def export(self, averages: Mapping[str, nn.Module], folder: Path) -> None:
        """A folder that the receiver loads."""
        models = replace(self.network.models, unet=averages[UNET])
        save_latent(folder, self.network.config, models)


Window = tuple[EllipsisType, slice, slice]


def random_quarter(size: Size, factor: int, generator: Generator) -> tuple[Window, Window]:
    """A random window half as high and wide: of latents, and of their pictures.

    Args:
        size: of the latents.
        factor: sides of pictures over those of latents.
        generator: of the place.
    """
    height, width = size.height // 2, size.width // 2
    corner = torch.rand(2, generator=generator, device=generator.device).tolist()
    top, left = int(corner[0] * (height + 1)), int(corner[1] * (width + 1))

    def window(scale: int) -> Window:
        rows = slice(scale * top, scale * (top + height))
        return ..., rows, slice(scale * left, scale * (left + width))

    return window(1), window(factor)


def as_received(
    labels: Int64[Tensor, "batch height width"], side: int
) -> Int64[Tensor, "batch height width"]:
    """Maps after they travelled with that short side."""
    size = Size(*labels.shape[1:])
    small = reduced_size(size, side)
    maps = [
        enlarged_map(most_frequent(one, small), size)
        for one in labels.to(torch.uint8).cpu().numpy()
    ]
    return torch.from_numpy(np.stack(maps)).long().to(labels.device)


@torch.no_grad()
def painted(
    network: LatentNetwork,
    labels: Int64[Tensor, "batch height width"],
    start: Float[Tensor, "batch 3 height width"] | None,
    *,
    seed: int = 1,
) -> Float[Tensor, "batch 3 height width"]:
    """Pictures of some maps, from noised colours or from noise; the same on every device."""
    class_map = one_hot(labels, network.models.conditioning.map_channels)
    size = network.latent_size(Size(*labels.shape[1:]))
    shape = (len(labels), network.models.latent_channels, *size)
    x = torch.randn(shape, generator=Generator().manual_seed(seed))
    total = len(network.process.schedule)
    timesteps = spaced_timesteps(total if start is None else SHEET_START, SHEET_STEPS)
    if start is not None:
        first = torch.full((len(x),), timesteps[0])
        x = network.process.schedule.add_noise(network.encode(start), x, first)
    denoise = network.denoiser(class_map, network.config.guidance)
    return network.decode(
        run(dpm_solver(denoise, x.to(network.device), timesteps, network.process))
    )


def _drawn(below: int, count: int, generator: Generator) -> Int64[Tensor, " {count}"]:
    return torch.randint(below, (count,), generator=generator, device=generator.device)
