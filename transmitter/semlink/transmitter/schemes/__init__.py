"""Encoders: what each scheme makes of a photo. One entry per scheme."""

from __future__ import annotations

from semlink.core.schemes import SEPARATE, Scheme
from semlink.transmitter.schemes import analog, gesco, separate, sgc, spic, sqgan
from semlink.transmitter.schemes.source import Encoder

ENCODERS: dict[Scheme, Encoder] = {
    Scheme.GESCO: gesco.encode,
    Scheme.SPIC: spic.encode,
    Scheme.SGC: sgc.encode,
    Scheme.SQGAN: sqgan.encode,
    **{scheme: separate.encoder(scheme) for scheme in SEPARATE},
    Scheme.ANALOG: analog.encode,
}
