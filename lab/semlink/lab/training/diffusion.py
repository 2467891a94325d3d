"""What the trainings of GESCO's and SPIC's diffusion networks have in common."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float, Int64
from torch import Generator, Tensor, nn

from semlink.core.pictures import Rgb
from semlink.lab.feature_distance import FeatureDistance
from semlink.lab.training.maps import one_hot
from semlink.lab.training.pictures import PackedPictures, random_views
from semlink.lab.training.precision import full_precision
from semlink.receiver.diffusion.samplers import Process
from semlink.receiver.diffusion.schedule import Prediction, clean_from
from semlink.receiver.diffusion.unet import SpadeUNet
from semlink.receiver.diffusion.weights import DiffusionConfig, save_diffusion

SCHEDULE = "shifted-cosine"
TIMESTEPS = 1000
PREDICTION: Prediction = "clean"  # a narrow network answers a picture sooner than noise
NETWORK = "unet"
CPU = torch.device("cpu")


@dataclass(frozen=True, eq=False, kw_only=True)
class Examples:
    """A batch for a denoising network.

    Attributes:
        clean: pictures in -1..1.
        t: timestep of each.
        class_map: what the network is told.
        low_res: coarse pictures in -1..1, where the network takes them.
    """

    clean: Float[Tensor, "batch 3 height width"]
    t: Int64[Tensor, " batch"]
    class_map: Float[Tensor, "batch class height width"]
    low_res: Float[Tensor, "batch coarse low_height low_width"] | None = None


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """What makes a scheme's training.

    Attributes:
        scheme: whose network it is.
        examples: makes a batch of clean pictures and their one-hot maps.
        sheet: a sample sheet of held-out pictures, whose labels are of the named taxonomy.
        guidance: scale that looks best, for the network's config.
        even_light: whether all photos are brought to one exposure.
        low_res_channels: of the coarse picture that the network takes.
    """

    scheme: str
    examples: Callable[[Tensor, Tensor, Generator], Examples]
    sheet: Callable[[SpadeUNet, Process, PackedPictures, str], Rgb]
    guidance: float
    even_light: bool
    low_res_channels: int


@dataclass(frozen=True, kw_only=True)
class Weighting:
    """What the loss heeds.

    Attributes:
        cap: largest weight of a sample's error in the clean picture; the weight is 1 / sigma^2
            (the v-loss) below it.
        perceptual: weight of the distance in features between the guess and the clean picture;
            times the share of signal power, for guesses from noise are no pictures.
    """

    cap: float = 5.0
    perceptual: float = 0.1


WEIGHTING = Weighting()


class DiffusionObjective:
    """A SPADE U-Net that learns to name the clean picture.

    Args:
        recipe: what to learn.
        config: of the network and of the pictures that it will paint.
        packed: what to train it on.
        held_out: what sample sheets show, at the config's size.
        lr: peak learning rate.
        weights: to start from; what is not among them begins anew.
        distance: of pictures in features, where the loss is to heed it.
        weighting: of the loss.
        device: where all of this lives.
        seed: of weights that begin anew.
        compiled: whether to compile the network; on CUDA only, elsewhere it takes too long.
    """

    def __init__(
        self,
        recipe: Recipe,
        config: DiffusionConfig,
        packed: PackedPictures,
        held_out: PackedPictures,
        *,
        lr: float = 8e-4,
        weights: Mapping[str, Tensor] | None = None,
        distance: FeatureDistance | None = None,
        weighting: Weighting = WEIGHTING,
        device: torch.device = CPU,
        seed: int = 0,
        compiled: bool = False,
    ):
        self.recipe, self.config, self.device = recipe, config, device
        self.weighting, self.distance = weighting, distance
        self.packed, self.held_out = packed.to(device), held_out
        net = new_network(config, seed)
        net.load_state_dict(weights or {}, strict=False)
        self.net: SpadeUNet = _flat(net, device)
        if distance is not None:
            _flat(distance, device)
        on_cuda = device.type == "cuda"
        self._answer = torch.compile(self._ask) if compiled and on_cuda else self._ask
        self.optimiser = torch.optim.AdamW(
            self.net.parameters(), lr=lr, betas=(0.9, 0.99), weight_decay=0.01, fused=on_cuda
        )
        self.process = config.process()
        self._schedule = self.process.schedule.to(device)

    @property
    def networks(self) -> dict[str, SpadeUNet]:
        """The U-Net."""
        return {NETWORK: self.net}

    @property
    def optimisers(self) -> dict[str, torch.optim.AdamW]:
        """One, for the U-Net."""
        return {NETWORK: self.optimiser}

    @property
    def identity(self) -> dict[str, Any]:
        """Scheme, classes and shape."""
        shape = asdict(self.config.network)
        return {"training": self.recipe.scheme, "taxonomy": self.config.taxonomy} | shape

    @property
    def examples(self) -> int:
        """Pictures to train on."""
        return len(self.packed.photos)

    def batch(self, indices: Int64[Tensor, " batch"], generator: Generator) -> Examples:
        """Random views of some pictures, with what the network is told of them."""
        size = (self.config.height, self.config.width)
        clean, labels = random_views(self.packed, indices.to(self.device), *size, generator)
        class_map = one_hot(labels, self.config.network.map_channels)
        return self.recipe.examples(clean, class_map, generator)

    def losses(
        self, optimiser: str, batch: Examples, step: int, generator: Generator
    ) -> dict[str, Tensor]:
        """Weighted error of the clean picture, and its distance in features."""
        noise = torch.randn(batch.clean.shape, generator=generator, device=self.device)
        x = self._schedule.add_noise(batch.clean, noise, batch.t)
        answer = self._answer(x, batch.t.float(), batch.class_map, batch.low_res)
        with full_precision(self.device):
            return self._errors(answer.float(), x, batch, generator)

    def _ask(self, x: Tensor, t: Tensor, class_map: Tensor, low_res: Tensor | None) -> Tensor:
        answer: Tensor = self.net(x, t, self.net.modulations(class_map), low_res)
        return answer

    def _errors(
        self, answer: Tensor, x: Tensor, batch: Examples, generator: Generator
    ) -> dict[str, Tensor]:
        signal, sigma = self._schedule.at(batch.t, x)
        guess = clean_from(answer, x, signal, sigma, self.process.prediction)
        weight = (1 / sigma.square()).clamp(max=self.weighting.cap)
        errors = {"pixels": (weight * (guess - batch.clean).square()).mean()}
        if self.distance is not None:
            seen = self.distance(*same_quarter(guess.clamp(-1, 1), batch.clean, generator))
            share = self.weighting.perceptual * signal.square().flatten()
            errors["perceptual"] = (share * seen).mean()
        return errors

    def sheet(self, averages: Mapping[str, nn.Module]) -> Rgb:
        """Held-out pictures as the averaged network paints them."""
        net = averages[NETWORK]
        assert isinstance(net, SpadeUNet)
        return self.recipe.sheet(net, self.process, self.held_out, self.config.taxonomy)

    def export(self, averages: Mapping[str, nn.Module], folder: Path) -> None:
        """A folder that the receiver loads, and that another training can start from."""
        save_diffusion(folder, self.config, averages[NETWORK].state_dict())


def new_network(config: DiffusionConfig, seed: int) -> SpadeUNet:
    """A network with random weights, the same for the same seed."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return SpadeUNet(config.network)


def uniform_timesteps(batch: int, generator: Generator) -> Int64[Tensor, " batch"]:
    """Timesteps of a batch, all equally likely."""
    return torch.randint(TIMESTEPS, (batch,), generator=generator, device=generator.device)


def _flat(net: nn.Module, device: torch.device) -> Any:
    network: Any = net  # the stubs of `to` do not know memory formats
    return network.to(device, memory_format=torch.channels_last)


def same_quarter(pictures: Tensor, truth: Tensor, generator: Generator) -> tuple[Tensor, Tensor]:
    """The same random window of both, half as high and wide: a quarter of the work."""
    rows, columns = (side // 2 for side in truth.shape[-2:])
    corner = torch.rand(2, generator=generator, device=generator.device).tolist()
    top, left = int(corner[0] * (rows + 1)), int(corner[1] * (columns + 1))
    window = (..., slice(top, top + rows), slice(left, left + columns))
    flat = {"memory_format": torch.channels_last}
    return pictures[window].contiguous(**flat), truth[window].contiguous(**flat)
