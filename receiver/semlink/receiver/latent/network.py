"""Latent diffusion networks ready for work."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor, nn

from semlink.core.pictures import Size
from semlink.core.taxonomy import TAXONOMIES
from semlink.receiver.device import pick_dtype
from semlink.receiver.diffusion.guidance import push
from semlink.receiver.diffusion.samplers import Denoise, Process
from semlink.receiver.latent.weights import LatentConfig, LatentModels, load_latent
from semlink.receiver.networks import check_classes, fitted

Picture = Float[Tensor, "batch 3 height width"]
Latent = Float[Tensor, "batch channel low_height low_width"]


@dataclass(frozen=True, eq=False)
class LatentNetwork:
    """A latent diffusion network on its device.

    The autoencoder computes in float32; the U-Net in bf16 on a GPU.

    Attributes:
        models: its parts.
        process: schedule and parameterisation.
        config: what it was trained on.
    """

    models: LatentModels
    process: Process
    config: LatentConfig

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        device: torch.device = next(self.models.unet.parameters()).device
        return device

    @property
    def taxonomy(self) -> str:
        """Whose classes its maps have."""
        return self.config.taxonomy

    @property
    def classes(self) -> int:
        """Classes of the maps that it paints, void included."""
        return len(TAXONOMIES[self.taxonomy].classes)

    @property
    def multiple(self) -> int:
        """What the sides of a picture must be multiples of."""
        return self.models.multiple

    def latent_size(self, picture: Size) -> Size:
        """Height and width of a picture's latent."""
        return Size(picture.height // self.models.factor, picture.width // self.models.factor)

    @torch.inference_mode()
    def encode(self, picture: Picture) -> Latent:
        """The latent of a picture in -1..1, on the CPU; not quantised, as it is when noised."""
        latent = self.models.autoencoder.encode(picture.to(self.device)).latents
        return (latent * self.config.scaling_factor).cpu()  # type: ignore[no-any-return]

    @torch.inference_mode()
    def decode(self, latent: Latent) -> Picture:
        """The picture of a latent, which is quantised first."""
        scaled = latent.to(self.device) / self.config.scaling_factor
        return self.models.autoencoder.decode(scaled).sample  # type: ignore[no-any-return]

    @torch.inference_mode()
    def denoiser(
        self, class_map: Float[Tensor, "batch class height width"], guidance: float
    ) -> Denoise:
        """What a sampler calls: float32 in and out.

        The answer is pushed away from what the network says of the all-zero map; both are
        one batch. At guidance 1 the blind pass is left out.

        Args:
            class_map: one channel per class.
            guidance: scale of the guidance.
        """
        like = next(self.models.unet.parameters())
        class_map = fitted(class_map, self.models.conditioning.map_channels)
        size = self.latent_size(Size(*class_map.shape[-2:]))
        informed = self.models.conditioning(class_map.to(self.device), size).to(like)
        unet = self.models.unet

        @torch.inference_mode()
        def answer(x: Tensor, t: Tensor) -> Tensor:
            if guidance == 1.0:
                joined = torch.cat([x.to(like), informed], 1)
                return unet(joined, t).sample.float()  # type: ignore[no-any-return]
            maps = torch.cat([informed, torch.zeros_like(informed)])
            joined = torch.cat([x.to(like).repeat(2, 1, 1, 1), maps], 1)
            told, blind = unet(joined, t.repeat(2)).sample.float().chunk(2)
            return push(told, blind, guidance, x.shape[1])

        return answer

    def warm(self) -> None:
        """Paint something small, so that no picture pays for the first run."""
        side = self.multiple * -(-64 // self.multiple)
        class_map = torch.zeros(1, self.classes, side, side)
        latent = self.encode(torch.zeros(1, 3, side, side)).to(self.device)
        self.decode(self.denoiser(class_map, 2.0)(latent, torch.zeros(1, device=self.device)))


def load_latent_network(name: str, folder: Path, device: torch.device) -> LatentNetwork:
    """A latent diffusion network from its folder.

    Args:
        name: for errors.
        folder: with config.json, vqvae/, unet/, scheduler/ and perhaps rescaler/.
        device: where it will work.

    Raises:
        CorruptData: its files are damaged or do not fit each other.
    """
    models, config = load_latent(folder)
    check_classes(name, config.taxonomy, models.conditioning.map_channels)
    dtype = pick_dtype(device) if device.type == "cuda" else torch.float32
    _move(models.autoencoder, device, torch.float32)
    _move(models.conditioning, device, torch.float32)
    _move(models.unet, device, dtype)
    return LatentNetwork(models, models.process, config)


def _move(model: nn.Module, device: torch.device, dtype: torch.dtype) -> None:
    """By PyTorch's own `to`: that of diffusers warns of what does not concern these models."""
    nn.Module.to(model, device=device, dtype=dtype)
    nn.Module.to(model, memory_format=torch.channels_last)  # type: ignore[call-overload]
