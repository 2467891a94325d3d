from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import asdict, replace

import pytest

from semlink.core.errors import InvalidInput
from semlink.core.pictures import Size
from semlink.core.sqgan.config import SMALL, SqganConfig, StreamConfig, read_network


@pytest.mark.parametrize("config", [SqganConfig(), SMALL])
def test_json_gives_it_back(config: SqganConfig) -> None:
    assert read_network(json.loads(json.dumps(asdict(config)))) == config


def test_published_pictures_have_512_tokens() -> None:
    assert SqganConfig().grid(Size(256, 512)) == Size(16, 32)


def test_the_small_one_has_192_tokens() -> None:
    assert SMALL.grid(Size(192, 256)) == Size(12, 16)


def test_streams_of_different_grids_are_refused() -> None:
    with pytest.raises(InvalidInput, match="one grid"):
        replace(SMALL, map=StreamConfig(patch=2))


def test_widths_that_cannot_be_normalised_are_refused() -> None:
    with pytest.raises(InvalidInput, match="multiple of 32"):
        StreamConfig(channels=48)


def test_it_is_read_without_torch() -> None:
    script = "import sys, semlink.core.sqgan.config; assert 'torch' not in sys.modules"
    path = [entry for entry in sys.path if entry]
    subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path[:0] = {path!r}; {script}"], check=True
    )
