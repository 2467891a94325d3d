"""`semlink models import sqgan` as a user runs it."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import pytest
import torch
from tests.sqgan_published import PublishedChain, published_chain
from torch import Tensor
from typer.testing import CliRunner, Result

from semlink.core.errors import SemlinkError
from semlink.core.sqgan.config import SqganConfig
from semlink.core.sqgan.weights import KIND, SqganFolder, load_sqgan
from semlink.lab.importing_sqgan import live_weights
from semlink.lab.models_cli import models
from semlink.receiver.sqgan.network import SqganDecoder
from semlink.transmitter.sqgan.network import SqganEncoder

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def chain(data_root: Path) -> PublishedChain:
    return published_chain(data_root)


@pytest.fixture
def config(chain: PublishedChain, tmp_path: Path) -> Path:
    folder = SqganFolder(network=chain.config, taxonomy="cityscapes", height=16, width=32)
    path = tmp_path / "config.json"
    path.write_text(json.dumps({"kind": KIND, **asdict(folder)}))
    return path


@pytest.fixture
def checkpoint(chain: PublishedChain, tmp_path: Path) -> Path:
    """As Lightning writes it, the discriminator among the weights."""
    state = chain.weights | {"loss.discriminator.main.0.weight": torch.zeros(1)}
    path = tmp_path / "last.ckpt"
    torch.save({"epoch": 150, "state_dict": state, "optimizer_states": [{"lr": 1e-5}]}, path)
    return path


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(models, list(map(str, arguments)), env={"COLUMNS": "200"})


def refused(*arguments: str | Path) -> str:
    error = run("import", "sqgan", *arguments).exception
    assert isinstance(error, SemlinkError), error
    return str(error)


def test_published_settings_have_the_published_weights(data_root: Path) -> None:
    path = data_root / "checkpoints" / "sqgan_official_state_dict.json"
    if not path.exists():
        pytest.skip(f"no published names at {path}; set SEMLINK_DATA")
    published = {
        name: torch.empty(shape, device="meta")
        for name, shape in json.loads(path.read_text()).items()
    }
    with torch.device("meta"):
        ours = SqganEncoder(SqganConfig()).state_dict() | SqganDecoder(SqganConfig()).state_dict()
    theirs = live_weights(published, ours)
    assert {n: v.shape for n, v in ours.items()} == {n: v.shape for n, v in theirs.items()}


def test_an_imported_checkpoint_answers_as_the_published_network(
    chain: PublishedChain, checkpoint: Path, config: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "imported"
    done = run("import", "sqgan", checkpoint, "-o", folder, "--config", config, "--json")
    assert done.exception is None
    assert json.loads(done.stdout)["models"][0]["taxonomy"] == "cityscapes"
    assert run("verify", folder).stdout.count("as on record") == 1
    assert "SQ-GAN" in run("show", folder).stdout
    encoder, _ = load_sqgan(folder, SqganEncoder, CPU, torch.float32)
    decoder, _ = load_sqgan(folder, SqganDecoder, CPU, torch.float32)
    latents = encoder.encoder_semantic(chain.io["semantic"])
    logits = decoder.decoder_semantic(chain.io["filled_map"])
    for answer, name in ((latents, "latent_map"), (logits, "map_logits")):
        error = (answer - chain.io[name]).abs().max()
        assert error < 0.03 * chain.io[name].abs().max(), "beyond bf16"


def test_another_network_is_refused(checkpoint: Path, tmp_path: Path) -> None:
    says = refused(checkpoint, "-o", tmp_path / "x")
    assert "not the weights of sqgan" in says
    assert "--config" in says
    assert not (tmp_path / "x").exists()


def test_missing_and_surplus_weights_are_named(
    chain: PublishedChain, config: Path, tmp_path: Path
) -> None:
    state: dict[str, Tensor] = dict(chain.weights)
    del state["decoder.conv_in.bias"]
    state["encoder.surprise"] = torch.zeros(1)
    torch.save({"state_dict": state}, tmp_path / "odd.ckpt")
    says = refused(tmp_path / "odd.ckpt", "-o", tmp_path / "x", "--config", config)
    assert "lacks decoder.conv_in.bias" in says
    assert "encoder.surprise" in says


@pytest.mark.parametrize("value", [{"state_dict": {}}, {"state_dict": {"x": 1}}, {"epoch": 3}])
def test_what_is_no_checkpoint_is_refused(value: object, tmp_path: Path) -> None:
    torch.save(value, tmp_path / "odd.ckpt")
    assert "tensor" in refused(tmp_path / "odd.ckpt", "-o", tmp_path / "x")


def test_a_config_of_another_kind_is_refused(
    checkpoint: Path, config: Path, tmp_path: Path
) -> None:
    config.write_text(config.read_text().replace(KIND, "spade-unet"))
    assert "SQ-GAN" in refused(checkpoint, "-o", tmp_path / "x", "--config", config)
