"""`semlink models` as a user runs it."""

from __future__ import annotations

import json
from ast import literal_eval
from dataclasses import asdict, replace
from pathlib import Path
from shutil import copytree

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor
from typer.testing import CliRunner, Result

from semlink.core.errors import STATUS, SemlinkError
from semlink.core.events import Event, Reconstructed
from semlink.core.frame import Propagation
from semlink.core.settings import ReceiverSettings
from semlink.core.transmission import Transmission
from semlink.lab.models_cli import models
from semlink.lab.self_check import examine, record
from semlink.receiver.diffusion.prepared import prepare
from semlink.receiver.diffusion.unet import SpadeUNet, UNetConfig
from semlink.receiver.diffusion.weights import KIND, DiffusionConfig, load_diffusion
from semlink.receiver.receiver import Receiver
from semlink.zoo import find, names

CPU = torch.device("cpu")
TINY = DiffusionConfig(
    network=UNetConfig(
        map_channels=12,
        model_channels=32,
        channel_mult=(1, 1),
        res_blocks=(1, 1),
        attention_downsamplings=(2,),
        head_channels=16,
        spade_hidden=8,
    ),
    taxonomy="camvid",
    height=64,
    width=96,
)


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(models, list(map(str, arguments)), env={"COLUMNS": "200"})


def refused(*arguments: str | Path) -> str:
    """The message of the error of ours that a command ends with."""
    error = run(*arguments).exception
    assert isinstance(error, SemlinkError), error
    assert STATUS[type(error)].exit == 2
    return str(error)


def published_style(config: UNetConfig) -> dict[str, Tensor]:
    """Small random weights, and a layer that no network calls."""
    generator = torch.Generator().manual_seed(3)
    with torch.device("meta"):
        shapes = {name: value.shape for name, value in SpadeUNet(config).state_dict().items()}
    state = {name: 0.1 * torch.randn(shape, generator=generator) for name, shape in shapes.items()}
    return state | {"input_blocks.1.0.spade_norm.mlp_beta.bias": torch.zeros(32)}


def write_config(path: Path, config: DiffusionConfig) -> Path:
    path.write_text(json.dumps({"kind": KIND, **asdict(config)}))
    return path


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    path = tmp_path / "tiny.pt"
    torch.save(published_style(TINY.network), path)
    return path


@pytest.fixture
def config(tmp_path: Path) -> Path:
    return write_config(tmp_path / "config.json", TINY)


# list, show


def test_list_names_what_comes_with_the_program() -> None:
    listed = json.loads(run("list", "--json").stdout)["models"]
    assert [model["name"] for model in listed] == list(names())
    by_name = {model["name"]: model for model in listed}
    gesco, segmenter = by_name["gesco-camvid"], by_name["segmenter-camvid"]
    assert (gesco["taxonomy"], gesco["trained_size"]) == ("camvid", "192x256")
    assert (segmenter["taxonomy"], segmenter["trained_size"]) == ("camvid", "short side 288")
    net, _ = load_diffusion(find("gesco-camvid"), CPU, torch.float32)
    assert gesco["parameters"] == sum(value.numel() for value in net.parameters())


def test_the_table_has_every_name() -> None:
    told = run("list").stdout
    assert all(name in told for name in names())


@pytest.mark.parametrize("name", names())
def test_show_has_config_and_card(name: str) -> None:
    shown = json.loads(run("show", name, "--json").stdout)
    assert shown["config"]
    assert shown["card"].startswith(f"# {name}")
    told = run("show", name).stdout
    assert shown["card"] in told


def test_show_refuses_what_is_not_there() -> None:
    assert "gesco-camvid" in refused("show", "nothing")


def test_show_refuses_a_damaged_folder(tiny_gesco: Path, tmp_path: Path) -> None:
    folder = copytree(tiny_gesco, tmp_path / "network")
    (folder / "model.safetensors").write_bytes(b"short")
    assert "cannot be read" in refused("show", folder)


# verify


def test_what_comes_with_the_program_is_intact() -> None:
    done = run("verify", "--json")
    assert done.exit_code == 0
    for network in json.loads(done.stdout)["networks"]:
        assert network["intact"]
        assert network["checksums"] == network["answer"] == "as on record"


def test_a_folder_without_records_is_not_condemned(tiny_gesco: Path) -> None:
    done = run("verify", tiny_gesco)
    assert done.exit_code == 0
    assert done.stdout.count("nothing on record") == 2


def test_weights_that_answer_differently_fail(tiny_gesco: Path, tmp_path: Path) -> None:
    folder = copytree(tiny_gesco, tmp_path / "network")
    assert record(folder) == folder / "check.json"
    assert examine(folder) == "as on record"
    weights = load_file(folder / "model.safetensors")
    weights["out.2.bias"] += 0.05
    save_file(weights, folder / "model.safetensors")
    done = run("verify", folder)
    assert done.exit_code == 1
    assert "does not answer as on record" in done.stdout


@pytest.mark.parametrize("text", ["", "[]", '{"answer": ["x"]}', '{"answer": [1.0]}'])
def test_a_damaged_record_fails(tiny_gesco: Path, tmp_path: Path, text: str) -> None:
    folder = copytree(tiny_gesco, tmp_path / "network")
    (folder / "check.json").write_text(text)
    assert run("verify", folder).exit_code == 1


def test_a_record_that_holds_is_kept_and_another_is_replaced(
    tiny_gesco: Path, tmp_path: Path
) -> None:
    folder = copytree(tiny_gesco, tmp_path / "network")
    path = record(folder)
    assert path is not None
    values = json.loads(path.read_text())["answer"]
    nearly = json.dumps({"answer": [value + 1e-6 for value in values]})
    path.write_text(nearly)
    record(folder)
    assert path.read_text() == nearly
    path.write_text(json.dumps({"answer": [value + 1 for value in values]}))
    record(folder)
    assert json.loads(path.read_text())["answer"] == values


def test_verify_refuses_what_is_not_there() -> None:
    assert "gesco-camvid" in refused("verify", "nothing")


# import


def test_an_imported_checkpoint_paints(
    checkpoint: Path, config: Path, tmp_path: Path, arrived: Propagation
) -> None:
    folder = tmp_path / "imported"
    done = run("import", "gesco", checkpoint, "--output", folder, "--config", config, "--json")
    assert done.exception is None
    assert json.loads(done.stdout)["models"][0]["taxonomy"] == "camvid"
    assert run("verify", folder).stdout.count("as on record") == 1
    assert "sha-256" in run("show", folder).stdout.lower()
    receiver = Receiver.load([str(folder)], "cpu")
    settings = ReceiverSettings(network="imported", steps=2)
    events: list[Event] = list(
        receiver.reconstruct(arrived, settings, Transmission("t", 0, "a" * 64))
    )
    assert isinstance(events[-1], Reconstructed)
    assert events[-1].working_picture.shape == (64, 96, 3)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "config.json",
        "imported",
        "tiny.pt",
    ]


@pytest.mark.parametrize("kind", ["gesco", "spic"])
def test_an_imported_checkpoint_answers_as_the_published_network(
    kind: str, data_root: Path, tmp_path: Path
) -> None:
    source = data_root / "checkpoints" / f"{kind}_tiny.safetensors"
    if not source.exists():
        pytest.skip(f"no published weights at {source}; set SEMLINK_DATA")
    with safe_open(source, "pt") as file:
        settings = file.metadata()
    network = UNetConfig(
        map_channels=7,  # five in the file: no taxonomy has so few
        model_channels=int(settings["model_channels"]),
        channel_mult=literal_eval(settings["channel_mult"]),
        res_blocks=(int(settings["num_res_blocks"]),) * 2,
        attention_downsamplings=literal_eval(settings["attention_ds"]),
        head_channels=int(settings["num_head_channels"]),
        low_res_channels=3 if kind == "spic" else 0,
    )
    state = {name: _two_more_classes(name, value) for name, value in load_file(source).items()}
    torch.save(state, tmp_path / "tiny.pt")
    written = write_config(
        tmp_path / "config.json", replace(TINY, network=network, taxonomy="idd-lite")
    )
    folder = tmp_path / "imported"
    arguments = ("import", kind, tmp_path / "tiny.pt", "-o", folder, "--config", written)
    assert run(*arguments).exception is None
    net, _ = load_diffusion(folder, CPU, torch.float32)
    io = {
        key: torch.from_numpy(value)
        for key, value in np.load(source.with_name(f"{kind}_tiny_io.npz")).items()
    }
    maps = torch.nn.functional.pad(io["y"], (0, 0, 0, 0, 0, 2), value=1.0)
    with torch.no_grad():
        out = prepare(net, maps, low_res=io["low_res"] if kind == "spic" else None)(
            io["x"], io["t"].float()
        )
    assert (out - io["out"]).abs().max() < 0.02 * io["out"].abs().max(), "beyond bf16"


def _two_more_classes(name: str, value: Tensor) -> Tensor:
    """Weights that take two more map channels and make nothing of them."""
    if not name.endswith("mlp_shared.0.weight"):
        return value
    return torch.nn.functional.pad(value, (0, 0, 0, 0, 0, 2))


def test_missing_unexpected_and_misshapen_weights_are_named(config: Path, tmp_path: Path) -> None:
    state = published_style(TINY.network)
    state["surprise"] = torch.zeros(1)
    state["out.2.bias"] = torch.zeros(7)
    for name in [name for name in state if name.startswith("time_embed")]:
        del state[name]
    torch.save(state, tmp_path / "odd.pt")
    says = refused(
        "import", "gesco", tmp_path / "odd.pt", "-o", tmp_path / "x", "--config", config
    )
    assert "lacks time_embed.0.weight" in says
    assert "and 1 more" in says
    assert "beyond that, surprise" in says
    assert "out.2.bias (7 for 6)" in says
    assert not (tmp_path / "x").exists()


def test_a_checkpoint_of_the_other_kind_is_refused(tmp_path: Path) -> None:
    state = published_style(replace(TINY.network, map_channels=19))
    torch.save(state, tmp_path / "other.pt")
    says = refused("import", "spic", tmp_path / "other.pt", "-o", tmp_path / "x")
    assert "not the weights of spic" in says


def test_an_unpublished_number_of_classes_is_refused(checkpoint: Path, tmp_path: Path) -> None:
    says = refused("import", "gesco", checkpoint, "-o", tmp_path / "x")
    assert "12 channels" in says
    assert "--config" in says


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"\x80\x02}", b"no weights"])
def test_a_file_that_is_no_checkpoint_is_refused(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "odd.pt").write_bytes(content)
    assert "cannot read" in refused("import", "gesco", tmp_path / "odd.pt", "-o", tmp_path / "x")


class Harmful:
    """Unpickling it would call a function."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return print, ("ran",)


@pytest.mark.parametrize("value", [[], {}, {"epoch": 3}, {"net": {"w": torch.zeros(1)}}])
def test_other_things_of_torch_save_are_refused(value: object, tmp_path: Path) -> None:
    torch.save(value, tmp_path / "odd.pt")
    says = refused("import", "gesco", tmp_path / "odd.pt", "-o", tmp_path / "x")
    assert "tensor" in says


def test_code_in_a_checkpoint_is_not_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    torch.save({"weight": Harmful()}, tmp_path / "odd.pt")
    assert "cannot read" in refused("import", "gesco", tmp_path / "odd.pt", "-o", tmp_path / "x")
    assert "ran" not in capsys.readouterr().out


def test_missing_files_and_taken_names_are_refused(checkpoint: Path, tmp_path: Path) -> None:
    assert "no such file" in refused("import", "gesco", tmp_path / "no.pt", "-o", tmp_path / "x")
    (tmp_path / "x").mkdir()
    assert "of that name" in refused("import", "gesco", checkpoint, "-o", tmp_path / "x")


@pytest.mark.parametrize(
    "change", [{"kind": "other"}, {"taxonomy": "ade20k"}, {"network": {"map_channels": 12.5}}]
)
def test_a_config_that_describes_nothing_is_refused(
    checkpoint: Path, config: Path, tmp_path: Path, change: dict[str, object]
) -> None:
    config.write_text(json.dumps(json.loads(config.read_text()) | change))
    refused("import", "gesco", checkpoint, "-o", tmp_path / "x", "--config", config)
    assert not (tmp_path / "x").exists()
