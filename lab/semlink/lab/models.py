"""The networks that come with the program, and folders like theirs: what each one is."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markdown import Markdown
from rich.table import Table

from semlink.core.errors import CorruptData
from semlink.core.taxonomy import TAXONOMIES
from semlink.lab.console import print_json, wide_console
from semlink.zoo import find, names
from semlink.zoo.store import weight_files

CONFIG, CARD, PREPROCESSING = "config.json", "README.md", "preprocessor_config.json"


@dataclass(frozen=True)
class Model:
    """One network, as its files describe it; nothing of it is loaded.

    Attributes:
        name: in the zoo, or the path of its folder.
        what: its kind and its use.
        parameters: how many numbers its weights are.
        size_bytes: of the weights on disk.
        taxonomy: whose classes its maps have; empty if they are nobody's we know.
        trained_size: of the pictures it was trained on: "192x256", or the short side alone.
        config: its config.json.
        card: its model card in Markdown; empty if it has none.
    """

    name: str
    what: str
    parameters: int
    size_bytes: int
    taxonomy: str
    trained_size: str
    config: dict[str, Any]
    card: str


def models() -> list[Model]:
    """All networks that come with the program."""
    return [describe(name) for name in names()]


def describe(name: str) -> Model:
    """A network of the zoo, or of a folder.

    Raises:
        NotFound: there is no such network.
        CorruptData: its files are not what their names say.
    """
    folder = find(name)
    try:
        config = json.loads((folder / CONFIG).read_text())
        card = folder / CARD
        return Model(
            name=name,
            what=_what(config),
            parameters=sum(map(_parameters, weight_files(folder))),
            size_bytes=sum(path.stat().st_size for path in weight_files(folder)),
            taxonomy=_taxonomy(config),
            trained_size=_trained_size(folder, config),
            config=config,
            card=card.read_text() if card.exists() else "",
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise CorruptData(
            f"its files cannot be read: {error}.",
            field="network",
            value=name,
            cure="Install the program again, or write the network again.",
        ) from error


def tell_list(found: list[Model], *, json: bool) -> None:
    """Prints a line for each network on stdout."""
    if json:
        print_json({"models": [_summary(model) for model in found]})
        return
    table = Table("name", "what", "classes of", "trained at")
    table.add_column("parameters", justify="right")
    table.add_column("MiB", justify="right")
    for model in found:
        table.add_row(
            model.name,
            model.what,
            model.taxonomy,
            model.trained_size,
            f"{model.parameters / 1e6:.1f} M",
            f"{model.size_bytes / 2**20:.1f}",
        )
    wide_console().print(table)


def tell(model: Model, *, json: bool) -> None:
    """Prints a network on stdout: what it is, its config, its card."""
    if json:
        print_json(_summary(model) | {"config": model.config, "card": model.card})
        return
    console = Console(highlight=False, soft_wrap=True)
    tell_list([model], json=False)
    console.print_json(data=model.config)
    if console.is_terminal:
        console.print(Markdown(model.card))
    else:
        console.print(model.card, markup=False)


def _summary(model: Model) -> dict[str, Any]:
    return {k: v for k, v in asdict(model).items() if k not in ("config", "card")}


def _what(config: dict[str, Any]) -> str:
    if config.get("kind") == "spade-unet":
        coarse = " and coarse pictures" if config["network"].get("low_res_channels") else ""
        return f"SPADE U-Net, paints maps{coarse}"
    if config.get("kind") == "sq-gan":
        return "SQ-GAN, codes photos as tokens and paints them"
    if config.get("kind") == "latent-diffusion":
        return "latent diffusion, paints maps from colours on"
    if "id2label" in config:
        return f"{config.get('model_type', 'unknown')}, segments photos"
    return str(config.get("kind") or config.get("model_type") or config.get("_class_name"))


def _parameters(weights: Path) -> int:
    """From the head of a safetensors file: 8 bytes of length, then JSON with all shapes."""
    most = weights.stat().st_size  # of a damaged length
    with weights.open("rb") as file:
        head = json.loads(file.read(min(most, int.from_bytes(file.read(8), "little"))))
    return sum(math.prod(entry["shape"]) for key, entry in head.items() if key != "__metadata__")


def _taxonomy(config: dict[str, Any]) -> str:
    if "id2label" not in config:
        return str(config.get("taxonomy", ""))
    labels = tuple(config["id2label"][str(index)] for index in range(len(config["id2label"])))
    return next((name for name, known in TAXONOMIES.items() if known.classes == labels), "")


def _trained_size(folder: Path, config: dict[str, Any]) -> str:
    if "height" in config:
        return f"{config['height']}x{config['width']}"
    path = folder / PREPROCESSING
    size = json.loads(path.read_text()).get("size") if path.exists() else None
    if not isinstance(size, dict):
        return ""
    if "shortest_edge" in size:
        return f"short side {size['shortest_edge']}"
    return f"{size['height']}x{size['width']}"
