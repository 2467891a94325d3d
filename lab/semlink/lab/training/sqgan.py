"""SQ-GAN: both ends learn to send maps and pictures as tokens (arXiv 2502.09520).

In three stages, each a training of its own that starts from the last: the map; the picture under
the true map; the picture under the map that the receiver decodes. Tokens get lost in training as
on a channel, on top of the published random fraction.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float, Int64
from torch import Generator, Tensor, nn

from semlink.core.pictures import Rgb
from semlink.core.sqgan.weights import SqganFolder, save_sqgan
from semlink.core.taxonomy import TAXONOMIES
from semlink.lab.feature_distance import FeatureDistance
from semlink.lab.training.codebook_training import CodebookTrainer
from semlink.lab.training.diffusion import same_quarter
from semlink.lab.training.maps import one_hot
from semlink.lab.training.patch_gan import PatchDiscriminator
from semlink.lab.training.pictures import PackedPictures, random_views
from semlink.lab.training.precision import full_precision
from semlink.lab.training.semantic_paste import paste_things
from semlink.lab.training.sheets import colourise, join_rows, to_uint8
from semlink.lab.training.sqgan_losses import (
    LENIENT_WEIGHTS,
    MAP_WEIGHTS,
    PICTURE_WEIGHTS,
    SIGNS,
    adaptive_weight,
    commitment,
    discriminator_hinge,
    generator_hinge,
    map_error,
    pixel_error,
    random_fraction,
    relaxed,
)
from semlink.lab.training.sqgan_network import Fate, Quantised, Sqgan

NETWORK, DISCRIMINATOR = "sqgan", "discriminator"
BETAS = (0.5, 0.9)
COMMITMENT = 0.25
MOST_LOST = 0.4
SHEET_FRACTIONS = (1.0, 0.4)
CPU = torch.device("cpu")


class Stage(StrEnum):
    """What learns."""

    MAP = "map"
    PICTURE = "picture"
    ALL = "all"


@dataclass(frozen=True, kw_only=True)
class Weighting:
    """Weights of a stage's losses, as published.

    Attributes:
        codes: of the commitment to the codebook.
        adversary: proportion of the adversarial gradient to that of the error.
        most_adversary: largest weight of the adversarial loss.
        perceptual: of the distance in features.
    """

    codes: float
    adversary: float
    most_adversary: float
    perceptual: float = 0.15


OF_MAPS = Weighting(codes=1.0, adversary=0.75, most_adversary=1.0)
OF_PICTURES = Weighting(codes=0.15, adversary=0.15, most_adversary=0.2)


@dataclass(eq=False)
class Street:
    """A batch.

    Attributes:
        pictures: in -1..1.
        labels: of their pixels.
        maps: the same, one-hot.
        shown: what the generator's turn leaves for the discriminator's.
    """

    pictures: Float[Tensor, "batch 3 height width"]
    labels: Int64[Tensor, "batch height width"]
    maps: Float[Tensor, "batch class height width"]
    shown: Tensor | None = None


class SqganObjective:
    """One stage of the training.

    Args:
        stage: what learns.
        config: of the networks and of the pictures that they will send.
        packed: what to train on.
        held_out: what sample sheets show, at the config's size.
        lr: peak learning rate of both optimisers.
        weights: of the stage before.
        distance: of pictures in features, where the loss is to heed it.
        adversarial_after: steps without the discriminator.
        discriminator_width: channels of its first layer.
        device: where all of this lives.
        seed: of weights that begin anew.
    """

    def __init__(
        self,
        stage: Stage,
        config: SqganFolder,
        packed: PackedPictures,
        held_out: PackedPictures,
        *,
        lr: float = 3e-4,
        weights: Mapping[str, Tensor] | None = None,
        distance: FeatureDistance | None = None,
        adversarial_after: int = 0,
        discriminator_width: int = 64,
        device: torch.device = CPU,
        seed: int = 0,
    ):
        self.stage, self.config, self.device = stage, config, device
        self.packed, self.held_out = packed.to(device), held_out
        self.distance = None if distance is None else _flat(distance, device)
        self.adversarial_after = adversarial_after
        channels = config.network.map_channels if stage is Stage.MAP else 3
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            net, discriminator = (
                Sqgan(config.network),
                PatchDiscriminator(channels, discriminator_width),
            )
        if weights is not None:
            net.load(weights)
        self.net: Sqgan = _flat(net, device).requires_grad_(False)
        self.discriminator: PatchDiscriminator = _flat(discriminator, device)
        learning = nn.ModuleList(self.net.stream(of_map=stage is Stage.MAP)).requires_grad_(True)
        self.optimisers = {
            NETWORK: torch.optim.Adam(learning.parameters(), lr, betas=BETAS),
            DISCRIMINATOR: torch.optim.Adam(self.discriminator.parameters(), lr, betas=BETAS),
        }
        names = TAXONOMIES[config.taxonomy].classes
        self._pasted = tuple(index for index, name in enumerate(names) if name in SIGNS)
        self._map_weights, self._pixel_weights, self._leniency = (
            table.of(config.taxonomy).to(device)
            for table in (MAP_WEIGHTS, PICTURE_WEIGHTS, LENIENT_WEIGHTS)
        )

    @property
    def networks(self) -> dict[str, nn.Module]:
        """Both ends, and the discriminator."""
        return {NETWORK: self.net, DISCRIMINATOR: self.discriminator}

    @property
    def identity(self) -> dict[str, Any]:
        """Stage, classes and shape."""
        shape = asdict(self.config.network)
        return {"training": "sqgan", "stage": str(self.stage)} | shape

    @property
    def examples(self) -> int:
        """Pictures to train on."""
        return len(self.packed.photos)

    def batch(self, indices: Int64[Tensor, " batch"], generator: Generator) -> Street:
        """Random views of some pictures, with things of others pasted into most."""
        size = (self.config.height, self.config.width)
        views = random_views(self.packed, indices.to(self.device), *size, generator)
        pictures, labels = paste_things(*views, self._pasted, generator)
        return Street(pictures, labels, one_hot(labels, self.config.network.map_channels))

    def losses(
        self, optimiser: str, batch: Street, step: int, generator: Generator
    ) -> dict[str, Tensor]:
        """Of the networks, or of the discriminator with what they made in the turn before."""
        if optimiser == DISCRIMINATOR:
            return self._discriminator_losses(batch)
        if self.stage is Stage.MAP:
            return self._map_losses(batch, step, generator)
        return self._picture_losses(batch, step, generator)

    def _map_losses(self, batch: Street, step: int, generator: Generator) -> dict[str, Tensor]:
        logits, tokens = self.net.send_map(batch.maps, _fate(generator), generator)
        with full_precision(self.device):
            logits = logits.float()
            errors = {"entropy": map_error(logits, batch.labels, self._map_weights)}
            errors["codes"] = self._codes(tokens, self.net.map_codebook, OF_MAPS, generator)
            shown = logits.softmax(1)
            last = self.net.receiver.decoder_semantic.conv_out.weight
            return self._with_adversary(errors, errors["entropy"], shown, last, batch, step)

    def _picture_losses(self, batch: Street, step: int, generator: Generator) -> dict[str, Tensor]:
        decoded = self._decoded(batch.maps, generator)
        fate = _fate(generator)
        answer, tokens = self.net.send_picture(
            batch.pictures, batch.maps, decoded, fate, generator
        )
        with full_precision(self.device):
            answer, truth = answer.float(), batch.pictures
            errors = {"pixels": pixel_error(answer, truth, batch.labels, self._pixel_weights)}
            if self.distance is not None:
                seen = self.distance(*same_quarter(answer, truth, generator)).mean()
                errors["perceptual"] = OF_PICTURES.perceptual * seen
            error = torch.stack(list(errors.values())).sum()
            errors["codes"] = self._codes(
                tokens, self.net.picture_codebook, OF_PICTURES, generator
            )
            shown = relaxed(answer, truth, batch.labels, self._leniency)
            last = self.net.receiver.decoder.conv_out.weight
            return self._with_adversary(errors, error, shown, last, batch, step)

    @torch.no_grad()
    def _decoded(self, maps: Tensor, generator: Generator) -> Tensor:
        """The map that the receiver will have."""
        if self.stage is Stage.PICTURE:
            return maps
        logits, _ = self.net.send_map(maps, _fate(generator), generator)
        return one_hot(logits.argmax(1), maps.shape[1])

    def _codes(
        self,
        tokens: Quantised,
        trainer: CodebookTrainer,
        weighting: Weighting,
        generator: Generator,
    ) -> Tensor:
        """Commitment; the codebook takes its step."""
        trainer.update(tokens.features.detach().float(), tokens.indices, generator)
        loss = commitment(tokens.features.float(), tokens.codewords.float())
        return weighting.codes * COMMITMENT * loss

    def _with_adversary(
        self,
        errors: dict[str, Tensor],
        error: Tensor,
        shown: Tensor,
        last_layer: Tensor,
        batch: Street,
        step: int,
    ) -> dict[str, Tensor]:
        if step < self.adversarial_after:
            return errors
        weighting = OF_MAPS if self.stage is Stage.MAP else OF_PICTURES
        adversarial = generator_hinge(self.discriminator(shown))
        weight = adaptive_weight(
            error,
            adversarial,
            last_layer,
            factor=weighting.adversary,
            most=weighting.most_adversary,
        )
        batch.shown = shown.detach()
        return errors | {"adversary": weight * adversarial}

    def _discriminator_losses(self, batch: Street) -> dict[str, Tensor]:
        if batch.shown is None:
            return {}
        real = batch.maps if self.stage is Stage.MAP else batch.pictures
        with full_precision(self.device):
            told = self.discriminator(real), self.discriminator(batch.shown)
            return {"discriminator": discriminator_hinge(*told)}

    @torch.no_grad()
    def sheet(self, averages: Mapping[str, nn.Module]) -> Rgb:
        """Held-out pictures and maps, and what arrives of all tokens and of two fifths."""
        net = averages[NETWORK]
        assert isinstance(net, Sqgan)
        labels, taxonomy = self.held_out.labels.long(), self.config.taxonomy
        pictures = (self.held_out.photos.float() / 127.5 - 1).to(self.device)
        maps = one_hot(labels.to(self.device), self.config.network.map_channels)
        rows = [self.held_out.photos, colourise(labels, taxonomy)]
        unused = Generator(self.device)
        for fate in map(Fate, SHEET_FRACTIONS):
            logits, _ = net.send_map(maps, fate, unused)
            found = logits.argmax(1)
            decoded = maps if self.stage is Stage.PICTURE else one_hot(found, maps.shape[1])
            painted, _ = net.send_picture(pictures, maps, decoded, fate, unused)
            rows += [colourise(found.cpu(), taxonomy), to_uint8(painted.float()).cpu()]
        return join_rows(rows)

    def export(self, averages: Mapping[str, nn.Module], folder: Path) -> None:
        """A folder that both ends load, and from which the next stage starts."""
        net = averages[NETWORK]
        assert isinstance(net, Sqgan)
        save_sqgan(folder, self.config, net.weights)


def _fate(generator: Generator) -> Fate:
    """A random fraction; in every other batch some tokens are lost."""
    lost = 2 * MOST_LOST * torch.rand((), generator=generator, device=generator.device).item()
    return Fate(random_fraction(generator), max(0.0, lost - MOST_LOST))


def _flat(net: nn.Module, device: torch.device) -> Any:
    network: Any = net  # the stubs of `to` do not know memory formats
    return network.to(device, memory_format=torch.channels_last)
