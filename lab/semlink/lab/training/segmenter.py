"""Training a segmenter: any of transformers', or UperNet over SqueezeNet as it is shipped.

UperNet: Xiao et al., arXiv:1807.10221.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float, Int64, UInt8
from PIL import Image
from torch import Generator, Tensor, nn
from torch.nn import functional

from semlink.core.pictures import Rgb, Size
from semlink.core.taxonomy import TAXONOMIES, Taxonomy
from semlink.lab.training.augment import jitter_colours, random_crop
from semlink.lab.training.pictures import PackedPictures
from semlink.lab.training.precision import full_precision
from semlink.lab.training.segmenter_start import Start
from semlink.lab.training.sheets import colourise, join_rows

MODEL = "segmenter"
BACKBONE_SHARE = 0.2  # of the head's learning rate, which starts from nothing
WEIGHT_DECAY = 0.02
CPU = torch.device("cpu")

Photo = UInt8[Tensor, "3 _height _width"]
Labels = UInt8[Tensor, "_height _width"]


@dataclass(frozen=True, eq=False)
class Crops:
    """A batch for a segmenter.

    Attributes:
        photos: normalised as the network wants it.
        labels: classes, void included.
    """

    photos: Float[Tensor, "batch 3 height width"]
    labels: Int64[Tensor, "batch height width"]


class SegmenterObjective:
    """A segmenter that learns to name classes in crops of photos.

    Args:
        start: the network and how it wants its photos.
        taxonomy: whose classes it names.
        pictures: photos and label maps, of any sizes.
        held_out: what sample sheets show.
        crop: size of training crops.
        short_side: of the photos in use, written beside the weights.
        lr: peak learning rate of the head.
        device: where all of this lives.
    """

    def __init__(
        self,
        start: Start,
        taxonomy: Taxonomy,
        pictures: Sequence[tuple[Photo, Labels]],
        held_out: PackedPictures,
        *,
        crop: Size,
        short_side: int,
        lr: float = 1.5e-3,
        device: torch.device = CPU,
    ):
        network: Any = start.model  # the stubs of `to` do not know memory formats
        self.model: nn.Module = network.to(device, memory_format=torch.channels_last).train()
        self.taxonomy, self.crop, self.short_side, self.device = taxonomy, crop, short_side, device
        self._start, self._held_out = start, held_out
        self._pictures = [(photo.to(device), labels.to(device)) for photo, labels in pictures]
        void = _void(taxonomy)
        weights = class_weights([labels for _, labels in pictures], len(taxonomy.classes), void)
        self._weights, self._void = weights.to(device), void
        self._mean, self._std = (
            torch.tensor(values, device=device)[:, None, None]
            for values in (start.mean, start.std)
        )
        self.optimiser = torch.optim.AdamW(
            parameter_groups(self.model, lr), weight_decay=WEIGHT_DECAY
        )

    @property
    def networks(self) -> dict[str, nn.Module]:
        """The segmenter."""
        return {MODEL: self.model}

    @property
    def optimisers(self) -> dict[str, torch.optim.AdamW]:
        """One, for the segmenter."""
        return {MODEL: self.optimiser}

    @property
    def identity(self) -> dict[str, Any]:
        """Classes, and shapes of weights."""
        shapes = {name: list(value.shape) for name, value in self.model.state_dict().items()}
        return {"training": "segmenter", "taxonomy": self.taxonomy.name} | shapes

    @property
    def examples(self) -> int:
        """Pictures to train on."""
        return len(self._pictures)

    def batch(self, indices: Int64[Tensor, " batch"], generator: Generator) -> Crops:
        """Random crops of some photos, in random colours."""
        places = Generator().manual_seed(generator.initial_seed())  # of crops: the processor's
        chosen = [self._pictures[index] for index in indices.tolist()]
        crops = [random_crop(photo, labels, self.crop, places) for photo, labels in chosen]
        photos = jitter_colours(torch.stack([photo for photo, _ in crops]), generator)
        normal = ((photos - self._mean) / self._std).contiguous(memory_format=torch.channels_last)
        return Crops(normal, torch.stack([labels for _, labels in crops]))

    def losses(
        self, optimiser: str, batch: Crops, step: int, generator: Generator
    ) -> dict[str, Tensor]:
        """Weighted cross entropy, and a soft form of the score itself."""
        logits = self.model(batch.photos).logits
        with full_precision(self.device):
            whole = _resized(logits.float(), batch.labels.shape[-2:])
            entropy = functional.cross_entropy(
                whole, batch.labels, self._weights, ignore_index=self._void
            )
            jaccard = soft_jaccard(whole, batch.labels, self._void)
        return {"entropy": entropy, "jaccard": jaccard}

    @torch.no_grad()
    def sheet(self, averages: Mapping[str, nn.Module]) -> Rgb:
        """Held-out photos, their maps, and what the averaged network finds."""
        photos, labels = self._held_out.photos, self._held_out.labels.long()
        inputs = (photos.to(self.device).float() / 255 - self._mean) / self._std
        logits = _resized(averages[MODEL](inputs).logits.float(), labels.shape[-2:])
        found = logits.argmax(1).cpu()
        return join_rows(
            [photos, *(colourise(maps, self.taxonomy.name) for maps in (labels, found))]
        )

    def export(self, averages: Mapping[str, nn.Module], folder: Path) -> None:
        """The folder that `Segmenter.load` and transformers read, weights in half precision."""
        half: Any = deepcopy(averages[MODEL])
        half.half().save_pretrained(folder)
        preprocessor = {
            "image_processor_type": "SegformerImageProcessor",
            "size": {"shortest_edge": self.short_side},
            "resample": int(Image.Resampling.BILINEAR),
            "image_mean": list(self._start.mean),
            "image_std": list(self._start.std),
        }
        text = json.dumps(preprocessor, indent=2)
        (folder / "preprocessor_config.json").write_text(text + "\n")


def _resized(logits: Tensor, size: Sequence[int]) -> Tensor:
    if logits.shape[-2:] == tuple(size):
        return logits
    return functional.interpolate(logits, tuple(size), mode="bilinear")


def _void(taxonomy: Taxonomy) -> int:
    """The class that is not learnt; every data set that is read has one."""
    void = TAXONOMIES[taxonomy.name].void
    assert void is not None
    return void


def parameter_groups(model: nn.Module, lr: float) -> list[dict[str, Any]]:
    """The head's parameters with their learning rate, and all others with theirs."""
    groups: dict[float, list[nn.Parameter]] = {}
    for name, parameter in model.named_parameters():
        rate = lr if "head" in name.split(".")[0] else BACKBONE_SHARE * lr
        groups.setdefault(rate, []).append(parameter)
    return [{"params": parameters, "lr": rate} for rate, parameters in groups.items()]


def class_weights(labels: Sequence[Labels], classes: int, void: int) -> Float[Tensor, "{classes}"]:
    """1 / log(1.05 + frequency), after Paszke et al. (ENet, arXiv:1606.02147); void weighs 0."""
    counts = torch.zeros(classes, dtype=torch.int64)
    for one in labels:
        counts += torch.bincount(one.flatten().long().cpu(), minlength=classes)
    counts[void] = 0
    weights = 1 / torch.log(1.05 + counts / counts.sum().clamp(min=1))
    weights[void] = 0
    return weights


def soft_jaccard(
    logits: Float[Tensor, "batch classes height width"],
    labels: Int64[Tensor, "batch height width"],
    void: int,
) -> Float[Tensor, ""]:
    """One minus the soft intersection over union, mean over the classes of the batch."""
    classes = logits.shape[1]
    seen = labels != void
    guess = logits.softmax(1) * seen[:, None]
    right = guess.gather(1, labels[:, None])[:, 0]
    both = logits.new_zeros(classes).index_add(0, labels.flatten(), right.flatten())
    truth = logits.new_zeros(classes).index_add(0, labels.flatten(), seen.flatten().to(logits))
    either = guess.sum((0, 2, 3)) + truth - both
    score = both / either.clamp(min=1e-6)  # 0 where the class is not there
    there = (truth > 0).sum().clamp(min=1)
    return 1 - score.sum() / there
