from __future__ import annotations

import numpy as np
import pytest

from semlink.core.pictures import Rgb
from semlink.lab import Link


@pytest.fixture(scope="module")
def photo() -> Rgb:
    """Noise on a slope, 72x100."""
    noise = np.random.default_rng(3).integers(0, 90, (72, 100, 3))
    return (noise + np.arange(100)[None, :, None]).astype(np.uint8)


@pytest.fixture(scope="module")
def remote(link_address: str) -> Link:
    return Link.connect(link_address)
