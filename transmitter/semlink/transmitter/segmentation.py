"""Label maps from photos, by any semantic segmenter of the transformers library."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, UInt8
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional

from semlink.core.errors import InvalidInput, NotFound
from semlink.core.pictures import Rgb, Size, working_size

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


@dataclass(frozen=True)
class Preprocessing:
    """What a network wants done to a photo, as `preprocessor_config.json` says it.

    Centre crops that some of these files ask for are left out: the map must cover the photo.

    Attributes:
        size: fixed height and width; or the short side, aspect kept; or None: the photo's own.
        mean: of the channels of a picture in 0..1.
        std: of the same.
        resample: Pillow's number of the interpolation.
        bgr: whether the network wants the channels reversed.
    """

    size: Size | int | None = None
    mean: tuple[float, ...] = IMAGENET_MEAN
    std: tuple[float, ...] = IMAGENET_STD
    resample: int = Image.Resampling.BILINEAR
    bgr: bool = False

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Preprocessing:
        """Read the keys that transformers' image processors share."""
        normalise = config.get("do_normalize", True)
        return cls(
            size=_size(config.get("size")) if config.get("do_resize", True) else None,
            mean=tuple(config.get("image_mean", IMAGENET_MEAN)) if normalise else (0.0,) * 3,
            std=tuple(config.get("image_std", IMAGENET_STD)) if normalise else (1.0,) * 3,
            resample=config.get("resample", Image.Resampling.BILINEAR),
            bgr=config.get("do_flip_channel_order", False),
        )

    def __call__(self, photo: Rgb) -> Float[Tensor, "1 3 rows columns"]:
        """The network's input."""
        size = self._size(Size(*photo.shape[:2]))
        method = Image.Resampling(self.resample)
        resized = Image.fromarray(photo).resize((size.width, size.height), method)
        picture = torch.from_numpy(np.array(resized)).permute(2, 0, 1).float() / 255
        picture = picture.flip(0) if self.bgr else picture
        mean, std = torch.tensor(self.mean), torch.tensor(self.std)
        return ((picture - mean[:, None, None]) / std[:, None, None])[None]

    def _size(self, photo: Size) -> Size:
        if isinstance(self.size, int):
            return working_size(photo, self.size, 1)
        return self.size or photo


def _size(entry: dict[str, int] | int | None) -> Size | int | None:
    if not isinstance(entry, dict):
        return entry
    if "shortest_edge" in entry:
        return entry["shortest_edge"]
    return Size(entry["height"], entry["width"]) if "height" in entry else None


class Segmenter:
    """A network that names the class of every pixel.

    Args:
        model: maps (1, 3, h, w) to an output whose `logits` are (1, classes, h', w').
        preprocessing: from a photo to that input.
        classes: names, by index.
    """

    def __init__(
        self, model: nn.Module, preprocessing: Preprocessing, classes: tuple[str, ...]
    ) -> None:
        if len(classes) > 256:
            raise InvalidInput(
                "label maps hold one byte a pixel.",
                field="segmenter",
                value=f"{len(classes)} classes",
                cure="Choose a segmenter of at most 256 classes.",
            )
        self.model = model.eval()
        self.preprocessing = preprocessing
        self.classes = classes

    @classmethod
    def load(cls, name: str | Path, *, device: str | torch.device = "cpu") -> Segmenter:
        """Load a folder, or a model of the Hugging Face hub by its id.

        Raises:
            NotFound: no such folder or model, or it is no semantic segmenter.
            InvalidInput: it has more classes than a label map can hold.
        """
        from transformers import AutoModelForSemanticSegmentation

        from semlink.transmitter.squeezenet import register

        register()
        try:
            with no_progress_bar():
                model = AutoModelForSemanticSegmentation.from_pretrained(
                    str(name), dtype=torch.float32
                )
        except (OSError, ValueError) as error:
            raise NotFound(
                "not a semantic segmenter that transformers can load.",
                field="segmenter",
                value=name,
                cure="Name a folder with config.json and model.safetensors, or a hub id.",
            ) from error
        labels = model.config.id2label
        classes = tuple(labels[index] for index in range(len(labels)))
        return cls(model.to(device), _preprocessing(name), classes)

    @torch.inference_mode()
    def label_map(self, photo: Rgb, size: Size) -> UInt8[np.ndarray, "rows columns"]:
        """Classes of the photo's pixels, brought to `size`.

        The network sees the photo at the size of its own training. Its logits are resized (area
        weighted where they shrink) before the largest is taken, a vote of the pixels that fall
        together.
        """
        device = next(self.model.parameters()).device
        logits = self.model(pixel_values=self.preprocessing(photo).to(device)).logits
        resized = functional.interpolate(
            logits.float(), tuple(size), mode="bilinear", antialias=True
        )
        return resized[0].argmax(0).to(torch.uint8).cpu().numpy()


@contextmanager
def no_progress_bar() -> Iterator[None]:
    """Keeps transformers quiet while it loads weights."""
    from transformers import utils

    logging: Any = utils.logging  # untyped
    enabled = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        if enabled:
            logging.enable_progress_bar()


def _preprocessing(name: str | Path) -> Preprocessing:
    from transformers.image_processing_base import ImageProcessingMixin

    try:
        config, _ = ImageProcessingMixin.get_image_processor_dict(str(name))
    except OSError:
        return Preprocessing()
    return Preprocessing.from_config(config)
