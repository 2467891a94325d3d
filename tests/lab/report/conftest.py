from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from semlink.core.pictures import encode_png
from semlink.lab.report import Written, write_report
from semlink.lab.sweep import Plan, Where, make_plan, sweep


@pytest.fixture(scope="session")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two pictures that differ in colour."""
    folder = tmp_path_factory.mktemp("pictures")
    y, x = np.mgrid[:80, :112]
    for index in range(2):
        picture = np.stack([x, y, (x * (index + 1)) % 200], axis=-1).astype(np.uint8)
        (folder / f"{index}.png").write_bytes(encode_png(picture))
    return folder


@pytest.fixture(scope="session")
def plan(pictures: Path) -> Plan:
    """Three points of cost at two levels, the lower of which coded bits do not survive."""
    return make_plan(
        {
            "photos": str(pictures),
            "schemes": ["webp,cpp=0.5", "webp,cpp=1", {"scheme": "analog", "name": "un<coded>_&"}],
            "levels": {"psnr_db": [-5, 15]},
            "settings": {"size": 64},
            "metrics": ["ssim"],
            "report": {
                "title": "Codecs & samples",
                "text": "First.\n\nThen.",
                "claims": [
                    {
                        "says": "Samples arrive where bits do not.",
                        "ours": "un<coded>_&",
                        "than": "webp",
                        "metric": "arrived",
                        "where": {"level": [-5, 0]},
                    },
                    {
                        "says": "Samples are always better.",
                        "ours": "un<coded>_&",
                        "than": "webp",
                        "metric": "ssim",
                    },
                ],
            },
        }
    )


@pytest.fixture(scope="session")
def swept_folder(plan: Plan, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sweep that a process of its own made, with its pictures."""
    folder = tmp_path_factory.mktemp("swept")
    sweep(plan, folder, Where(workers=1, pictures=True))
    return folder


@pytest.fixture(scope="session")
def written(swept_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Written:
    """Its report."""
    return write_report(swept_folder, tmp_path_factory.mktemp("reports") / "report")
