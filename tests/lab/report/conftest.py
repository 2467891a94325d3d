from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from semlink.core.pictures import encode_png
from semlink.lab.report import Written, write_report
from semlink.lab.sweep import Plan, Where, make_plan, sweep


@pytest.fixture(scope="session")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two pictures with some texture."""
    folder = tmp_path_factory.mktemp("pictures")
    y, x = np.mgrid[:80, :112]
    for index in range(2):
        waves = 120 + 60 * np.sin(x / (3 + index)) + 50 * np.cos(y / 4)
        noise = np.random.default_rng(index).normal(0, 8, (80, 112, 3))
        picture = np.clip(waves[..., None] + noise, 0, 255).astype(np.uint8)
        (folder / f"{index}.png").write_bytes(encode_png(picture))
    return folder


@pytest.fixture(scope="session")
def plan(pictures: Path) -> Plan:
    """Three schemes at two levels, the lower of which pictures in bits do not survive."""
    return make_plan(
        {
            "photos": str(pictures),
            "schemes": [
                "webp,cpp=0.5",
                "webp,cpp=1.5",
                {"scheme": "analog", "name": "un<coded>_&"},
            ],
            "levels": {"psnr_db": [0, 15]},
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
                        "where": {"level": [0, 1]},
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
