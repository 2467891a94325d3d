"""Networks of every kind that the receiver serves, by what their config.json says they are."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Protocol, runtime_checkable

import torch

from semlink.core.errors import CorruptData
from semlink.core.sqgan import weights as sqgan
from semlink.receiver.diffusion import weights as diffusion
from semlink.receiver.latent import weights as latent
from semlink.receiver.latent.network import load_latent_network
from semlink.receiver.networks import load_diffusion_network
from semlink.receiver.sqgan.painter import load_sqgan_network
from semlink.zoo import find, names, verify


@runtime_checkable
class Network(Protocol):
    """What the receiver wants of a network of any kind; its scheme knows the rest."""

    @property
    def device(self) -> torch.device:
        """Where its weights are."""

    def warm(self) -> None:
        """Work once on something small, so that no picture pays for the first run."""


Loader = Callable[[str, Path, torch.device], Network]

LOADERS: dict[str, Loader] = {
    diffusion.KIND: load_diffusion_network,
    latent.KIND: load_latent_network,
    sqgan.KIND: load_sqgan_network,
}
"""By the `kind` in config.json; each takes a name for errors, the folder and the device."""


def load_network(name: str, device: torch.device) -> Network:
    """A network of the zoo, whose checksums must be right, or of a folder.

    Raises:
        NotFound: no such network.
        CorruptData: its files are damaged or do not fit each other.
    """
    folder = find(name)
    if name in names():
        verify(name)
    return LOADERS[_kind(name, folder)](name, folder, device)


def _kind(name: str, folder: Path) -> str:
    try:
        kind = json.loads((folder / "config.json").read_text())["kind"]
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise CorruptData(
            "its config.json cannot be read or does not say its kind.",
            field="network",
            value=name,
            cure=f'Write "kind": one of {", ".join(LOADERS)}.',
        ) from error
    if kind not in LOADERS:
        raise CorruptData(
            f"the receiver has no network of kind {str(kind)[:40]!r}.",
            field="network",
            value=name,
            cure=f"Use one of {', '.join(LOADERS)}.",
        )
    return str(kind)
