"""A picture as the networks see it."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor
from torch.nn import functional

from semlink.core.pictures import LabelMap, Rgb, Size
from semlink.lab.metrics.networks import Networks


class View:
    """A picture; each network looks at it once, when its answer is first asked for.

    Args:
        picture: at the working size.
        networks: that look at it.
    """

    def __init__(self, picture: Rgb, networks: Networks) -> None:
        self.picture = picture
        self.networks = networks
        self._labels: dict[Size, LabelMap] = {}

    @cached_property
    def pixels(self) -> UInt8[Tensor, "1 3 height width"]:
        """On the networks' device."""
        copied = torch.from_numpy(np.array(self.picture)).permute(2, 0, 1)[None]
        return copied.contiguous().to(self.networks.device)

    @cached_property
    @torch.inference_mode()
    def _logits(self) -> Float[Tensor, "1 class rows columns"]:
        segmenter = self.networks.segmenter
        pixels = segmenter.preprocessing(self.picture).to(self.networks.device)
        logits: Tensor = segmenter.model(pixel_values=pixels).logits.float()
        return logits

    @torch.inference_mode()
    def logits(self, size: Size) -> Float[Tensor, "class height width"]:
        """The segmenter's, brought to `size` as `Segmenter.label_map` does."""
        mode = "bilinear"
        return functional.interpolate(self._logits, tuple(size), mode=mode, antialias=True)[0]

    def labels(self, size: Size) -> LabelMap:
        """Classes of the pixels, brought to `size`."""
        if size not in self._labels:
            self._labels[size] = self.logits(size).argmax(0).to(torch.uint8).cpu().numpy()
        return self._labels[size]

    @cached_property
    @torch.inference_mode()
    def segmenter_features(self) -> list[float]:
        """Mean over the picture of the last stage of the shipped segmenter's backbone."""
        network = self.networks.features
        seen = (self.pixels / 255 - network.mean) / network.std
        values: list[float] = network.backbone(seen).feature_maps[-1].mean((2, 3))[0].tolist()
        return values

    @cached_property
    @torch.inference_mode()
    def inception_features(self) -> list[float]:
        """The 2048 of the network of published FID."""
        values: list[float] = self.networks.inception(self.pixels).flatten().tolist()
        return values

    @cached_property
    def depth(self) -> Float[Tensor, "rows columns"]:
        """Depth or inverse depth, at the network's size, in the network's unit."""
        found = self._hub(self.networks.depth.processor, self.networks.depth.model)
        depth: Tensor = found.predicted_depth[0].double()
        return depth

    @cached_property
    def clip_embedding(self) -> Float[Tensor, " width"]:
        """Of length 1."""
        clip = self.networks.clip
        found = self._hub(clip.processor, clip.model.get_image_features)
        return functional.normalize(found.pooler_output[0].double(), dim=0)

    @torch.inference_mode()
    def _hub(self, processor: Any, model: Any) -> Any:
        pixels = processor(images=self.picture, return_tensors="pt")["pixel_values"]
        return model(pixel_values=pixels.to(self.networks.device))
