from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from transformers import (
    SegformerConfig,
    SegformerForSemanticSegmentation,
    UperNetConfig,
    UperNetForSemanticSegmentation,
)
from transformers.modeling_outputs import SemanticSegmenterOutput

from semlink.core.errors import InvalidInput, NotFound
from semlink.core.pictures import Size
from semlink.transmitter.segmentation import Preprocessing, Segmenter
from semlink.transmitter.squeezenet import SqueezeNetConfig, register

PLAIN = Preprocessing(mean=(0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0))


class Brightest(nn.Module):
    """Names the channel that is the brightest; sees what the preprocessing made of the photo."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(()))
        self.seen = Size(0, 0)

    def forward(self, pixel_values: Tensor) -> SemanticSegmenterOutput:
        self.seen = Size(*pixel_values.shape[2:])
        return SemanticSegmenterOutput(logits=self.scale * pixel_values)


def brightest(preprocessing: Preprocessing = PLAIN) -> Segmenter:
    return Segmenter(Brightest(), preprocessing, ("red", "green", "blue"))


def stripes(height: int, width: int) -> np.ndarray:
    """A red, a green and a blue third, from left to right."""
    photo = np.zeros((height, width, 3), np.uint8)
    photo[:, np.arange(width), np.arange(width) * 3 // width] = 200
    return photo


def tiny_segformer() -> nn.Module:
    torch.manual_seed(0)
    config = SegformerConfig(
        depths=[1] * 4,
        hidden_sizes=[8] * 4,
        num_attention_heads=[1] * 4,
        decoder_hidden_size=8,
        id2label={index: f"class {index}" for index in range(5)},
    )
    return SegformerForSemanticSegmentation(config)


def save(model: Any, folder: Path) -> None:
    model.save_pretrained(folder)


@pytest.mark.parametrize("size", [Size(12, 18), Size(24, 36), Size(6, 9), Size(48, 72)], ids=str)
def test_the_map_covers_the_photo_at_the_size_asked_for(size: Size) -> None:
    labels = brightest().label_map(stripes(24, 36), size)

    assert labels.dtype == np.uint8
    assert labels.shape == size
    np.testing.assert_array_equal(labels, stripes(*size).argmax(-1))


def test_pixels_that_fall_together_vote() -> None:
    photo = np.zeros((9, 9, 3), np.uint8)
    photo[..., 0] = 200
    photo[4, 4] = (0, 200, 0)  # what nearest neighbour would have taken

    assert brightest().label_map(photo, Size(1, 1)) == 0


@pytest.mark.parametrize(
    ("entry", "seen"),
    [
        ({"shortest_edge": 16}, Size(16, 24)),
        (16, Size(16, 24)),
        ({"height": 20, "width": 28}, Size(20, 28)),
        (None, Size(24, 36)),
    ],
)
def test_the_network_sees_the_photo_at_the_size_of_its_config(entry: Any, seen: Size) -> None:
    segmenter = brightest(Preprocessing.from_config({"size": entry}))

    labels = segmenter.label_map(stripes(24, 36), Size(8, 12))

    assert segmenter.model.seen == seen
    np.testing.assert_array_equal(labels, stripes(8, 12).argmax(-1))


def test_switches_of_the_config_are_followed() -> None:
    photo = stripes(4, 6)
    off = {"do_resize": False, "size": 2, "do_normalize": False, "do_flip_channel_order": True}

    picture = Preprocessing.from_config(off)(photo)

    np.testing.assert_array_equal(
        picture[0].permute(1, 2, 0).numpy(), photo[..., ::-1].astype(np.float32) / 255
    )


def test_normalisation_is_that_of_the_config() -> None:
    grey = np.full((4, 4, 3), 51, np.uint8)
    config = {"image_mean": [0.1, 0.2, 0.3], "image_std": [0.5, 1.0, 0.1]}

    picture = Preprocessing.from_config(config)(grey)

    torch.testing.assert_close(picture[0, :, 0, 0], torch.tensor([0.2, 0.0, -1.0]))


def test_a_folder_of_transformers_loads_and_agrees_with_transformers(tmp_path: Path) -> None:
    model = tiny_segformer().train(False)
    save(model, tmp_path)
    config = {"size": {"height": 32, "width": 32}, "image_mean": [0.5] * 3, "image_std": [0.5] * 3}
    (tmp_path / "preprocessor_config.json").write_text(json.dumps(config))
    photo = np.random.default_rng(0).integers(256, size=(32, 32, 3)).astype(np.uint8)

    segmenter = Segmenter.load(tmp_path)

    assert segmenter.classes == tuple(f"class {index}" for index in range(5))
    pixels = torch.from_numpy(photo).permute(2, 0, 1)[None] / 127.5 - 1
    with torch.inference_mode():
        expected = model(pixels).logits[0].argmax(0)  # at a quarter of the size, as it answers
    labels = segmenter.label_map(photo, Size(8, 8))
    np.testing.assert_array_equal(labels, expected.numpy())


def test_weights_in_half_precision_are_computed_in_single(tmp_path: Path) -> None:
    save(tiny_segformer().half(), tmp_path)

    model = Segmenter.load(tmp_path).model

    assert {parameter.dtype for parameter in model.parameters()} == {torch.float32}


def test_our_backbone_stands_under_transformers_heads(tmp_path: Path) -> None:
    register()
    backbone = SqueezeNetConfig(out_features=["fire4", "fire8", "fire9"])
    config = UperNetConfig(backbone_config=backbone, hidden_size=8, use_auxiliary_head=False)
    model = UperNetForSemanticSegmentation(config).train(False)
    save(model, tmp_path)

    loaded = Segmenter.load(tmp_path)

    photo = torch.rand(1, 3, 33, 47)
    torch.testing.assert_close(loaded.model(photo).logits, model(photo).logits)
    shapes = [tuple(feature.shape[1:]) for feature in model.backbone(photo).feature_maps]
    assert shapes == [(256, 9, 12), (512, 5, 6), (512, 3, 3)]


@pytest.mark.parametrize("files", [{}, {"config.json": "{}"}], ids=["empty", "not a model"])
def test_a_folder_that_is_no_segmenter_is_refused(tmp_path: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (tmp_path / name).write_text(text)

    with pytest.raises(NotFound, match=r"segmenter=.*hub id"):
        Segmenter.load(tmp_path)


def test_more_classes_than_a_byte_holds_are_refused() -> None:
    with pytest.raises(InvalidInput, match="257 classes"):
        Segmenter(Brightest(), PLAIN, ("class",) * 257)
