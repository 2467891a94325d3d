from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from semlink.core.errors import NotFound
from semlink.lab.metrics import Evaluator
from semlink.lab.result import Result

Make = Callable[..., Result]


def save(model: Any, folder: Path, processor: dict[str, Any]) -> str:
    """With weights large enough for pictures to matter."""
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for weights in model.parameters():
            if weights.ndim > 1:
                weights.copy_(0.3 * torch.randn(weights.shape, generator=generator))
    model.save_pretrained(folder)
    (folder / "preprocessor_config.json").write_text(json.dumps(processor))
    return str(folder)


@pytest.fixture(scope="module")
def tiny_clip(tmp_path_factory: pytest.TempPathFactory) -> str:
    from transformers import CLIPConfig, CLIPModel

    small: dict[str, Any] = {
        "hidden_size": 16,
        "intermediate_size": 32,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
    }
    config = CLIPConfig(
        text_config=small | {"vocab_size": 30, "max_position_embeddings": 8},
        vision_config=small | {"image_size": 32, "patch_size": 8},
        projection_dim=8,
    )
    processor = {
        "image_processor_type": "CLIPImageProcessor",
        "size": {"shortest_edge": 32},
        "crop_size": {"height": 32, "width": 32},
    }
    return save(CLIPModel(config), tmp_path_factory.mktemp("clip"), processor)


@pytest.fixture(scope="module")
def tiny_depth(tmp_path_factory: pytest.TempPathFactory) -> str:
    from transformers import DepthAnythingConfig, DepthAnythingForDepthEstimation, Dinov2Config

    settings: Any = Dinov2Config  # its types lack out_indices
    config = DepthAnythingConfig(
        backbone_config=settings(
            hidden_size=16,
            num_hidden_layers=4,
            num_attention_heads=2,
            image_size=28,
            patch_size=14,
            out_indices=[1, 2, 3, 4],
            apply_layernorm=True,
            reshape_hidden_states=False,
        ),
        reassemble_hidden_size=16,
        neck_hidden_sizes=[8, 8, 8, 8],
        fusion_hidden_size=8,
        head_hidden_size=8,
    )
    processor = {
        "image_processor_type": "DPTImageProcessor",
        "size": {"height": 56, "width": 56},
        "keep_aspect_ratio": True,
        "ensure_multiple_of": 14,
    }
    return save(
        DepthAnythingForDepthEstimation(config), tmp_path_factory.mktemp("depth"), processor
    )


def test_clip_alignment_is_the_cosine_of_embeddings(tiny_clip: str, make_result: Make) -> None:
    from transformers import AutoImageProcessor, CLIPModel

    result = make_result()
    row = Evaluator(["clip_alignment"], device="cpu", clip_model=tiny_clip).row(result)
    model: Any = CLIPModel.from_pretrained(tiny_clip)
    processors: Any = AutoImageProcessor  # untyped
    processor = processors.from_pretrained(tiny_clip)
    ends = [result.reconstructed.working_picture, result.working_photo]
    with torch.no_grad():
        seen = model.eval().vision_model(**processor(images=ends, return_tensors="pt"))
        ours, photo = model.visual_projection(seen.pooler_output).double()
    expected = float(ours @ photo / (ours.norm() * photo.norm()))
    assert row["clip_alignment"] == pytest.approx(expected, abs=1e-5)
    assert expected < 0.99


def test_depth_error_is_that_of_the_networks_maps(tiny_depth: str, make_result: Make) -> None:
    from transformers import AutoImageProcessor, AutoModelForDepthEstimation

    result = make_result()
    row = Evaluator(["depth_error"], device="cpu", depth_model=tiny_depth).row(result)
    model: Any = AutoModelForDepthEstimation.from_pretrained(tiny_depth)
    processors: Any = AutoImageProcessor  # untyped
    processor = processors.from_pretrained(tiny_depth)
    ends = [result.reconstructed.working_picture, result.working_photo]
    with torch.no_grad():
        maps = model.eval()(**processor(images=ends, return_tensors="pt")).predicted_depth
    assert maps.shape[1:] == (56, 84)  # aspect kept, in patches of 14
    correlation = max(0.0, np.corrcoef(maps.double().flatten(1).numpy())[0, 1])
    assert row["depth_error"] == pytest.approx(np.sqrt(1 - correlation**2), abs=1e-4)


def test_equal_pictures_look_alike(tiny_clip: str, tiny_depth: str, make_result: Make) -> None:
    whole = np.full((64, 96, 3), 99, np.uint8)  # what the made-up link paints
    networks = {"depth_model": tiny_depth, "clip_model": tiny_clip}
    row = Evaluator(["clip_alignment", "depth_error"], device="cpu", **networks).row(
        make_result(sent=whole)
    )
    assert row == pytest.approx({"clip_alignment": 1.0, "depth_error": 0.0}, abs=1e-6)


@pytest.mark.parametrize(
    ("metric", "field"), [("depth_error", "depth_model"), ("clip_alignment", "clip_model")]
)
def test_models_that_are_not_there_are_said_at_the_start(
    metric: str, field: str, tmp_path: Path
) -> None:
    with pytest.raises(NotFound, match=rf"{field}=.*{tmp_path.name}"):
        Evaluator([metric], device="cpu", **{field: str(tmp_path)})
