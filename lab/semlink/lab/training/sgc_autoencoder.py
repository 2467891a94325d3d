"""SGC, first stage: a vector-quantised autoencoder of factor 4.

Esser et al., arXiv:2012.09841, without the discriminator: absolute error, distance in features,
and the codebook's loss. Codewords that nothing is near to begin anew (Dhariwal et al.,
arXiv:2005.00341).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float, Int64
from torch import Generator, Tensor, distributed, nn

from semlink.core.pictures import Rgb, Size
from semlink.lab.feature_distance import FeatureDistance
from semlink.lab.training.pictures import PackedPictures, random_views
from semlink.lab.training.precision import full_precision
from semlink.lab.training.sheets import join_rows, to_uint8
from semlink.receiver.latent.weights import AUTOENCODER, public_config, save_part, write_json

KIND = "vq-autoencoder"
PERCEPTUAL = 0.6  # weight of the distance in features
REVIVAL_STEPS, REVIVED_UNTIL = 20, 2000

SHAPE: dict[str, Any] = {
    "down_block_types": ("DownEncoderBlock2D",) * 3,
    "up_block_types": ("UpDecoderBlock2D",) * 3,
    "block_out_channels": (24, 48, 96),
    "layers_per_block": 1,
    "latent_channels": 4,  # three hold hardly any colour
    "num_vq_embeddings": 4096,
    "norm_num_groups": 8,
    "mid_block_add_attention": False,
    "scaling_factor": 1.0,
}
"""Of diffusers' `VQModel`; without attention, it can be trained on parts of pictures."""


class AutoencoderObjective:
    """A `VQModel` that learns to give pictures back.

    Args:
        packed: what to train it on.
        held_out: what sample sheets show.
        size: of the views; a quarter of each is learnt from.
        lr: peak learning rate.
        weights: to start from; what is not among them, or has another shape, begins anew.
        distance: of pictures in features, where the loss is to heed it.
        device: where all of this lives.
        seed: of weights that begin anew.
        shape: of the network.
    """

    def __init__(
        self,
        packed: PackedPictures,
        held_out: PackedPictures,
        size: Size,
        *,
        lr: float = 4e-4,
        weights: Mapping[str, Tensor] | None = None,
        distance: FeatureDistance | None = None,
        device: torch.device | None = None,
        seed: int = 0,
        shape: Mapping[str, Any] = SHAPE,
    ):
        from diffusers import VQModel

        self.device = device or torch.device("cpu")
        self.size, self.shape, self.distance = size, dict(shape), distance
        self.packed, self.held_out = packed.to(self.device), held_out
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            net: Any = VQModel(**self.shape)  # type: ignore[no-untyped-call]
        shapes = {name: value.shape for name, value in net.state_dict().items()}
        fitting = {k: v for k, v in (weights or {}).items() if v.shape == shapes.get(k)}
        net.load_state_dict(fitting, strict=False)
        self.net = net.to(self.device)
        if distance is not None:
            distance.to(self.device)
        self.optimiser = torch.optim.AdamW(
            self.net.parameters(), lr=lr, betas=(0.9, 0.99), weight_decay=0.0
        )

    @property
    def networks(self) -> dict[str, nn.Module]:
        """The autoencoder."""
        return {AUTOENCODER: self.net}

    @property
    def optimisers(self) -> dict[str, torch.optim.AdamW]:
        """One, for all of it."""
        return {AUTOENCODER: self.optimiser}

    @property
    def identity(self) -> dict[str, Any]:
        """Stage and shape."""
        return {"training": "sgc autoencoder"} | {k: str(v) for k, v in self.shape.items()}

    @property
    def examples(self) -> int:
        """Pictures to train on."""
        return len(self.packed.photos)

    def batch(
        self, indices: Int64[Tensor, " batch"], generator: Generator
    ) -> Float[Tensor, "batch 3 height width"]:
        """The same random quarter of random views of some pictures."""
        views, _ = random_views(self.packed, indices.to(self.device), *self.size, generator)
        rows, columns = self.size.height // 2, self.size.width // 2
        corner = torch.rand(2, generator=generator, device=self.device).tolist()
        top, left = int(corner[0] * (rows + 1)), int(corner[1] * (columns + 1))
        return views[..., top : top + rows, left : left + columns].contiguous()

    def losses(
        self,
        optimiser: str,
        batch: Float[Tensor, "batch 3 height width"],
        step: int,
        generator: Generator,
    ) -> dict[str, Tensor]:
        """Absolute error, distance in features, and how far codewords and latents are apart."""
        latent = self.net.encode(batch).latents
        if step % REVIVAL_STEPS == 0 and step < REVIVED_UNTIL:
            revive(self.net.quantize.embedding.weight, latent.detach(), generator)
        guess, codebook = self.net.decode(latent, return_dict=False)
        with full_precision(self.device):
            guess = guess.float()
            losses = {"pixels": (guess - batch).abs().mean(), "codebook": codebook.float()}
            if self.distance is not None:
                losses["perceptual"] = PERCEPTUAL * self.distance(guess.clamp(-1, 1), batch).mean()
        return losses

    @torch.no_grad()
    def sheet(self, averages: Mapping[str, nn.Module]) -> Rgb:
        """Held-out photos, and what comes back of them."""
        photos = (self.held_out.photos.float() / 127.5 - 1).to(self.device)
        back = averages[AUTOENCODER](photos).sample
        return join_rows([self.held_out.photos, to_uint8(back).cpu()])

    def export(self, averages: Mapping[str, nn.Module], folder: Path) -> None:
        """A folder that the second stage starts from."""
        net = averages[AUTOENCODER]
        write_json(folder / "config.json", {"kind": KIND})
        save_part(folder / AUTOENCODER, public_config(net), net)


@torch.no_grad()
def revive(
    words: Float[Tensor, "code channel"],
    latent: Float[Tensor, "batch channel height width"],
    generator: Generator,
) -> int:
    """Puts codewords that no latent is nearest to on random ones; returns how many.

    Args:
        words: are changed, in all processes alike.
        latent: before quantisation.
        generator: chooses where.
    """
    places = latent.movedim(1, -1).flatten(0, -2).to(words)
    used = torch.cdist(places, words).argmin(1)
    dead = torch.ones(len(words), dtype=torch.bool, device=words.device)
    dead[used] = False
    count = int(dead.sum())
    chosen = torch.randint(len(places), (count,), generator=generator, device=generator.device)
    words[dead] = places[chosen.to(places.device)]
    if distributed.is_initialized():
        distributed.broadcast(words, 0)
    return count
