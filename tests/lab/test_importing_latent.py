"""Importing a latent diffusion pipeline, and what the program says of one."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from semlink.core.errors import CorruptData, InvalidInput, NotFound
from semlink.lab.importing_latent import import_latent
from semlink.lab.models import describe
from semlink.lab.self_check import examine
from semlink.receiver.latent.conditioning import Rescaler
from semlink.receiver.latent.network import load_latent_network
from semlink.receiver.latent.weights import (
    RESCALER,
    LatentConfig,
    LatentModels,
    load_latent,
    save_latent,
)


@pytest.fixture
def pipeline(tiny_sgc: Path, tmp_path: Path) -> Path:
    """As diffusers saves it: without our config."""
    folder = tmp_path / "pipeline"
    shutil.copytree(tiny_sgc, folder)
    (folder / "config.json").unlink()
    return folder


def test_a_pipeline_becomes_a_network_that_answers_alike(
    pipeline: Path, tiny_sgc: Path, tmp_path: Path
) -> None:
    made = import_latent(pipeline, tmp_path / "mine")
    assert examine(made) == "as on record"
    ours, theirs = (load_latent_network("n", one, torch.device("cpu")) for one in (made, tiny_sgc))
    x = torch.randn(1, 15, 16, 16, generator=torch.Generator().manual_seed(0))
    t = torch.tensor([3.0])
    torch.testing.assert_close(ours.models.unet(x, t).sample, theirs.models.unet(x, t).sample)
    assert ours.config.taxonomy == "camvid"
    assert ours.config.scaling_factor == pytest.approx(0.18215)  # as its vqvae/config.json states
    assert "pipeline" in (made / "README.md").read_text()


def test_models_know_the_kind(tiny_sgc: Path) -> None:
    model = describe(str(tiny_sgc))
    assert "latent diffusion" in model.what
    assert (model.taxonomy, model.trained_size) == ("camvid", "64x96")
    models, _ = load_latent(tiny_sgc)
    parts = (models.autoencoder, models.unet)
    assert model.parameters == sum(w.numel() for part in parts for w in part.parameters())
    assert model.size_bytes > 2 * model.parameters


def test_the_rescaler_of_the_published_layout_is_kept(tiny_sgc: Path, tmp_path: Path) -> None:
    """LDM: the map is halved twice, and mixed to as few channels as the latent has."""
    from diffusers import UNet2DModel

    models, _ = load_latent(tiny_sgc)
    shape = dict(models.unet.config) | {"in_channels": 6}
    published = LatentModels(
        autoencoder=models.autoencoder,
        unet=UNet2DModel(  # type: ignore[no-untyped-call]
            **{k: v for k, v in shape.items() if not k.startswith("_")}
        ),
        conditioning=Rescaler(12, 3, 2),
        scheduler=models.scheduler,
    )
    config = LatentConfig(taxonomy="camvid", height=64, width=96)
    save_latent(tmp_path / "ldm", config, published)
    assert (tmp_path / "ldm" / RESCALER).is_dir()
    network = load_latent_network("ldm", tmp_path / "ldm", torch.device("cpu"))
    class_map = torch.rand(1, 12, 32, 48, generator=torch.Generator().manual_seed(1))
    answer = network.denoiser(class_map, 2.0)(torch.zeros(1, 3, 8, 12), torch.tensor([9.0]))
    assert answer.shape == (1, 3, 8, 12)
    assert not network.models.conditioning(0 * class_map, (8, 12)).any()


Spoil = Callable[[Path], object]


def _edit(path: Path, **values: object) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | values))


WRONG: dict[str, tuple[Spoil, type[Exception], str]] = {
    "no folder": (shutil.rmtree, NotFound, "vqvae"),
    "no unet": (lambda folder: shutil.rmtree(folder / "unet"), NotFound, "no such part.*unet/"),
    "another class": (
        lambda folder: _edit(folder / "vqvae" / "config.json", _class_name="AutoencoderKL"),
        CorruptData,
        "it is a AutoencoderKL, not a VQModel",
    ),
    "no weights": (
        lambda folder: (folder / "unet" / "diffusion_pytorch_model.safetensors").unlink(),
        CorruptData,
        "diffusers cannot read it",
    ),
    "damaged weights": (
        lambda folder: (folder / "unet" / "diffusion_pytorch_model.safetensors").write_bytes(
            b"short"
        ),
        CorruptData,
        "diffusers cannot read it",
    ),
    "a schedule of its own": (
        lambda folder: _edit(folder / "scheduler" / "scheduler_config.json", beta_schedule="x"),
        CorruptData,
        "unknown beta_schedule",
    ),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_a_wrong_folder_is_refused_and_nothing_is_written(
    pipeline: Path, tmp_path: Path, wrong: str
) -> None:
    spoil, error, message = WRONG[wrong]
    spoil(pipeline)
    with pytest.raises(error, match=message):
        import_latent(pipeline, tmp_path / "mine")
    assert not (tmp_path / "mine").exists()


def test_a_config_names_the_classes(pipeline: Path, tmp_path: Path) -> None:
    config = tmp_path / "config.json"
    config.write_text(json.dumps({"taxonomy": "camvid", "height": 64, "width": 64}))
    made = import_latent(pipeline, tmp_path / "mine", config)
    assert json.loads((made / "config.json").read_text())["scaling_factor"] == 1.0
    config.write_text('{"taxonomy": "camvid"}')
    with pytest.raises(InvalidInput, match=r"config=.*Write taxonomy, height, width"):
        import_latent(pipeline, tmp_path / "other", config)


def test_damaged_networks_are_corrupt(tiny_sgc: Path, tmp_path: Path) -> None:
    folder = tmp_path / "broken"
    shutil.copytree(tiny_sgc, folder)
    _edit(folder / "unet" / "config.json", in_channels=4)
    with pytest.raises(CorruptData, match="not a latent diffusion network"):
        load_latent(folder)
