"""Decoders: what each scheme makes of what arrived. One entry per scheme."""

from __future__ import annotations

from semlink.core.schemes import SEPARATE, Scheme
from semlink.receiver.schemes import analog, gesco, separate, sgc, spic, sqgan
from semlink.receiver.schemes.job import Decoder

DECODERS: dict[Scheme, Decoder] = {
    Scheme.GESCO: gesco.decode,
    Scheme.SPIC: spic.decode,
    Scheme.SGC: sgc.decode,
    Scheme.SQGAN: sqgan.decode,
    **dict.fromkeys(SEPARATE, separate.decode),
    Scheme.ANALOG: analog.decode,
}
