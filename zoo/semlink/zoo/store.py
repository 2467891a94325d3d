"""Folders of weights: config.json, safetensors and a model card in README.md.

The weights lie beside config.json or, where a network has parts, in a folder for each part.

`checksums.json` beside them holds the SHA-256 of every JSON and safetensors file;
`scripts/checksums.py` writes it anew.
"""

from __future__ import annotations

import json
from hashlib import sha256
from pathlib import Path

from semlink.core.errors import CorruptData, NotFound

WEIGHTS = Path(__file__).with_name("weights")
CHECKSUMS = "checksums.json"
CONFIG = "config.json"
WEIGHTS_SUFFIX = ".safetensors"
CHECKED = (".json", ".safetensors")

Checksums = dict[str, dict[str, str]]
"""SHA-256 in hex, by folder and file."""


def names(weights: Path = WEIGHTS) -> tuple[str, ...]:
    """Names of the networks that come with the program, sorted."""
    if not weights.is_dir():
        return ()
    return tuple(sorted(folder.name for folder in weights.iterdir() if _is_network(folder)))


def find(name: str) -> Path:
    """Folder of a network: by its name here, or else by its path.

    Raises:
        NotFound: neither; the message lists the names.
    """
    if name in names():
        return WEIGHTS / name
    if _is_network(folder := Path(name)):
        return folder
    raise NotFound(
        "there is no network of that name, and no folder with its weights.",
        field="network",
        value=name,
        cure=f"Use {_listed()} or a folder that holds {CONFIG} and weights.",
    )


def verify(name: str, weights: Path = WEIGHTS) -> None:
    """Compares the files of a network with their checksums.

    Args:
        name: of a network that comes with the program.
        weights: the folder of folders.

    Raises:
        NotFound: no network of that name comes with the program.
        CorruptData: a file is missing, changed, or not listed.
    """
    if name not in names(weights):
        raise NotFound(
            "no network of that name comes with the program.",
            field="network",
            value=name,
            cure=f"Use {_listed(weights)}.",
        )
    expected, found = read_checksums(weights).get(name, {}), _folder_checksums(weights / name)
    for file in sorted(expected.keys() | found.keys()):
        if expected.get(file) != found.get(file):
            raise CorruptData(
                "the file is not the one whose checksum is on record.",
                field="weights",
                value=f"{name}/{file}",
                cure="Install the program again; after training, run scripts/checksums.py.",
            )


def checksums(weights: Path = WEIGHTS) -> Checksums:
    """SHA-256 of the files of all networks, as they are."""
    return {name: _folder_checksums(weights / name) for name in names(weights)}


def read_checksums(weights: Path = WEIGHTS) -> Checksums:
    """The checksums on record; none where there is no record."""
    path = weights / CHECKSUMS
    return json.loads(path.read_text()) if path.exists() else {}


def write_checksums(weights: Path = WEIGHTS) -> Path:
    """Puts the present checksums on record."""
    path = weights / CHECKSUMS
    path.write_text(json.dumps(checksums(weights), indent=2) + "\n")
    return path


def _is_network(folder: Path) -> bool:
    return (folder / CONFIG).is_file() and bool(weight_files(folder))


def weight_files(folder: Path) -> tuple[Path, ...]:
    """Files of weights in a network's folder and in those of its parts, sorted."""
    found = (*folder.glob(f"*{WEIGHTS_SUFFIX}"), *folder.glob(f"*/*{WEIGHTS_SUFFIX}"))
    return tuple(sorted(found))


def _folder_checksums(folder: Path) -> dict[str, str]:
    paths = (*folder.glob("*"), *folder.glob("*/*"))
    files = sorted(path for path in paths if path.suffix in CHECKED)
    return {
        path.relative_to(folder).as_posix(): sha256(path.read_bytes()).hexdigest()
        for path in files
    }


def _listed(weights: Path = WEIGHTS) -> str:
    return ", ".join(names(weights)) or "(none comes with this installation)"
