from __future__ import annotations

import pytest

from semlink.core.pictures import Rgb, Size, read_photo, resize
from semlink.lab.sending import demo_photo


@pytest.fixture(scope="session")
def natural() -> Rgb:
    """A photo of 64x96."""
    return resize(read_photo(demo_photo("flower.jpg").read_bytes()), Size(64, 96))
