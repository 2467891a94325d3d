from __future__ import annotations

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def checkpoints() -> Path:
    """Weights and vectors computed from the published networks."""
    default = Path(__file__).parents[3] / "shared" / "data"
    folder = Path(os.environ.get("SEMLINK_DATA", default)) / "checkpoints"
    if not folder.is_dir():
        pytest.skip(f"no published vectors in {folder}; set SEMLINK_DATA")
    return folder
