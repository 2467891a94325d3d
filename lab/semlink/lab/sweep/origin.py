"""What made a row: versions of packages, and the weights of the networks."""

from __future__ import annotations

import json
from collections.abc import Iterable
from functools import cache
from hashlib import sha256
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from platform import python_version

from semlink.core.errors import NotFound
from semlink.core.schemes import GENERATIVE, Scheme
from semlink.core.settings import TransmissionSettings
from semlink.zoo import find

PACKAGES = ("semlink", "torch", "sionna-no-rt", "numpy", "pillow")


@cache
def versions() -> str:
    """Of what computes here, as JSON."""
    found = {"python": python_version()}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:  # where services do the work, less is installed
            continue
    return json.dumps(found)


def networks_of(settings: TransmissionSettings) -> tuple[str, ...]:
    """Names of the networks that a transmission needs."""
    if settings.scheme not in GENERATIVE:
        return ()
    tokenizer = (settings.tokenizer,) if settings.scheme is Scheme.SQGAN else ()
    return settings.segmenter, *tokenizer, settings.receiver.network


def weights(settings: TransmissionSettings, folders: Iterable[Path]) -> str:
    """SHA-256 of the networks' weights by their names, as JSON.

    Args:
        settings: of the transmission.
        folders: networks that do not come with the program.
    """
    own = {folder.name: str(folder) for folder in folders}
    digests = {name: _digest(own.get(name, name)) for name in networks_of(settings)}
    return json.dumps({name: digest for name, digest in digests.items() if digest})


@cache
def _digest(name: str) -> str:
    """Of all weights files of a network; empty for one of the hub, whose files lie elsewhere."""
    try:
        folder = find(name)
    except NotFound:
        return ""
    found = sha256()
    for file in sorted(folder.rglob("*.safetensors")):
        found.update(file.read_bytes())
    return found.hexdigest()
