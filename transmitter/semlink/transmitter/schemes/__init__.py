"""Encoders: what each scheme makes of a photo. One file and one entry per scheme."""

from __future__ import annotations

from semlink.core.schemes import Scheme
from semlink.transmitter.schemes import gesco
from semlink.transmitter.schemes.scene import Encoder

ENCODERS: dict[Scheme, Encoder] = {Scheme.GESCO: gesco.encode}
