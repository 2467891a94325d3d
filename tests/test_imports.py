"""What a module may load, in a fresh interpreter: programs start fast, services stay small."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

HEAVY = {"torch", "sionna", "transformers", "diffusers", "scipy", "matplotlib"}
PARTS = {"semlink.transmitter", "semlink.channel", "semlink.receiver"}

NOT_LOADED: dict[str, set[str]] = {
    "semlink.core.healthcheck": HEAVY | PARTS | {"numpy", "PIL", "pydantic"},
    "semlink.core.settings": HEAVY | PARTS,
    "semlink.core.phy": HEAVY | PARTS,
    "semlink.core.serving": HEAVY | PARTS,
    "semlink.lab.cli": HEAVY | PARTS | {"numpy", "PIL", "pydantic", "grpc", "rich.console"},
    "semlink.lab.link": HEAVY | PARTS,
    "semlink.lab.metrics": HEAVY | PARTS,
    "semlink.lab.remote": HEAVY | PARTS,
    "semlink.lab.sheet": HEAVY | PARTS,
    "semlink.lab.sweep": HEAVY | PARTS,
    "semlink.lab.up": HEAVY | PARTS,
    "semlink.transmitter.settings": HEAVY,
    "semlink.channel.settings": HEAVY,
    "semlink.receiver.settings": HEAVY,
    "semlink.transmitter.service": {"sionna", "diffusers", "semlink.channel", "semlink.receiver"},
    "semlink.channel.service": HEAVY | {"semlink.transmitter", "semlink.receiver"},
    "semlink.receiver.service": {
        *("sionna", "diffusers", "transformers", "fastapi"),
        *("semlink.transmitter", "semlink.channel"),
    },
}


def loaded_by(module: str) -> set[str]:
    script = f"import sys, {module}; print(*sys.modules, sep='\\n')"
    run = subprocess.run(
        [sys.executable, "-c", script],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    return set(run.stdout.split())


@pytest.mark.parametrize("module", NOT_LOADED)
def test_what_is_not_loaded(module: str) -> None:
    assert loaded_by(module) & NOT_LOADED[module] == set()
