"""The networks that metrics look through. Each is loaded when it is first asked for."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.error import URLError

import torch
from torch import nn

from semlink import zoo
from semlink.core.errors import InvalidInput, NotFound
from semlink.core.taxonomy import TAXONOMIES
from semlink.lab.feature_distance import FeatureDistance
from semlink.lab.training.backbone import MEAN, STD
from semlink.receiver.device import pick_device
from semlink.transmitter.segmentation import Segmenter, no_progress_bar
from semlink.transmitter.transmitter import taxonomy_of

SHIPPED = "segmenter-camvid"


class Networks:
    """Segmenter, feature extractors and hub models of one evaluator, on one device.

    Args:
        device: as torch names it; None for the best there is.
        segmenter: zoo name, folder or hub id.
        depth_model: folder or hub id.
        clip_model: the same.
    """

    def __init__(
        self, *, device: str | None, segmenter: str, depth_model: str, clip_model: str
    ) -> None:
        self.device = pick_device(device)
        self._segmenter, self._depth, self._clip = segmenter, depth_model, clip_model

    @cached_property
    def segmenter(self) -> Segmenter:
        """Finds the maps of pictures.

        Raises:
            NotFound: it cannot be loaded.
            InvalidInput: its classes are of no known data set.
        """
        loaded = _load_segmenter(self._segmenter, self.device)
        if taxonomy_of("", loaded.classes)[0] not in TAXONOMIES:
            raise InvalidInput(
                "this network's classes are of no known data set.",
                field="segmenter",
                value=self._segmenter,
                cure=f"Choose one that speaks of the classes of {', '.join(TAXONOMIES)}.",
            )
        return loaded

    @cached_property
    def taxonomy(self) -> str:
        """The segmenter's classes."""
        return taxonomy_of("", self.segmenter.classes)[0]

    @cached_property
    def features(self) -> FeatureDistance:
        """Over the backbone of the segmenter that is shipped, whichever is chosen for maps."""
        same = self._segmenter == SHIPPED
        shipped = self.segmenter if same else _load_segmenter(SHIPPED, self.device)
        backbone: Any = shipped.model.backbone
        return FeatureDistance(backbone, MEAN, STD).to(self.device)

    @cached_property
    def lpips(self) -> nn.Module:
        """Learned perceptual distance of pictures in 0..1 (Zhang et al., arXiv:1801.03924)."""
        from torchmetrics.image.lpip import LearnedPerceptualImagePatchSimilarity

        return self._download(
            "lpips", lambda: LearnedPerceptualImagePatchSimilarity("alex", normalize=True)
        )

    @cached_property
    def dists(self) -> nn.Module:
        """Structure and texture distance of pictures in 0..1 (Ding et al., arXiv:2004.07728)."""
        from torchmetrics.functional.image.dists import DISTSNetwork

        return self._download("dists", DISTSNetwork)  # torchmetrics' class loads it at every call

    @cached_property
    def inception(self) -> nn.Module:
        """2048 features of pictures in bytes: the network of published FID."""
        from torchmetrics.image.fid import NoTrainInceptionV3

        return self._download("fid", lambda: NoTrainInceptionV3("inception-v3-compat", ["2048"]))

    @cached_property
    def depth(self) -> HubModel:
        """Any of transformers' depth estimators."""
        from transformers import AutoModelForDepthEstimation

        return HubModel(AutoModelForDepthEstimation, self._depth, self.device, "depth_model")

    @cached_property
    def clip(self) -> HubModel:
        """Any CLIP of transformers (Radford et al., arXiv:2103.00020)."""
        from transformers import CLIPModel

        return HubModel(CLIPModel, self._clip, self.device, "clip_model")

    def _download(self, metric: str, build: Callable[[], nn.Module]) -> nn.Module:
        try:
            return build().to(self.device).eval()
        except (URLError, OSError) as error:
            raise NotFound(
                "the weights of its network can be neither found here nor downloaded.",
                field="metrics",
                value=metric,
                cure=f"Connect once, or put the files into {torch.hub.get_dir()}/checkpoints.",
            ) from error


class HubModel:
    """A model of transformers with the preprocessing that was published with it.

    Args:
        kind: the class that loads it.
        name: folder or hub id.
        device: where it is to run.
        field: the argument that named it.

    Raises:
        NotFound: nothing of that name can be loaded.
    """

    def __init__(self, kind: Any, name: str, device: torch.device, field: str) -> None:
        from transformers import AutoImageProcessor

        processors: Any = AutoImageProcessor  # untyped
        try:
            with no_progress_bar():
                self.processor: Any = processors.from_pretrained(name)
                self.model: Any = kind.from_pretrained(name, dtype=torch.float32)
        except (OSError, ValueError) as error:
            raise NotFound(
                f"transformers can load no {kind.__name__} of that name.",
                field=field,
                value=name,
                cure="Name a folder with config.json, preprocessor_config.json and "
                "model.safetensors, or a hub id where the hub can be reached.",
            ) from error
        self.model.to(device).eval()


def _load_segmenter(name: str, device: torch.device) -> Segmenter:
    is_hub_id = name not in zoo.names() and "/" in name and not Path(name).exists()
    return Segmenter.load(name if is_hub_id else zoo.find(name), device=device)
