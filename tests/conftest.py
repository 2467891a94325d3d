from __future__ import annotations

import os
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parent.parent


@pytest.fixture(scope="session")
def data_root() -> Path:
    """The folder of data sets that no repository may hold."""
    return Path(os.environ.get("SEMLINK_DATA", REPOSITORY.parent / "shared" / "data"))


@pytest.fixture(scope="session")
def camvid(data_root: Path) -> Path:
    root = data_root / "camvid"
    if not root.is_dir():
        pytest.skip(f"no CamVid at {root}; point SEMLINK_DATA at the folder that holds camvid/")
    return root
