"""What a scheme's encoder hands to the radio: named payloads, most important first."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32

from semlink.core.phy.mcs import DEFAULT_MCS
from semlink.core.schemes import Scheme


@dataclass(frozen=True)
class BitsPayload:
    """Bytes that arrive exactly or are known to be damaged.

    Attributes:
        name: unique within the message; part of the seed of the channel draw. Not "header".
        data: at least one byte.
        mcs: the scheme's choice of protection, a name in `phy.mcs.MCS`; the user's goes first.
        container_bytes: how many of the bytes are the file format's framing and no picture.
        least_blocks: transport blocks to travel in at least, see `phy.layouts.CodedLayout`.
    """

    name: str
    data: bytes
    mcs: str = DEFAULT_MCS
    container_bytes: int = 0
    least_blocks: int = 1


@dataclass(frozen=True)
class SamplesPayload:
    """Real numbers that travel uncoded, two per channel use, and arrive noisy.

    Attributes:
        name: unique within the message; part of the seed of the channel draw. Not "header".
        samples: any shape, absolute values at most `peak`.
        peak: A of the PSNR definition, > 0.
    """

    name: str
    samples: Float32[np.ndarray, "..."]
    peak: float


Payload = BitsPayload | SamplesPayload


@dataclass(frozen=True)
class Message:
    """One photo's meaning.

    Attributes:
        scheme: which decoder understands it.
        header: side information in the scheme's own format (`core.headers`); always counted.
        payloads: in order of importance.
    """

    scheme: Scheme
    header: bytes
    payloads: tuple[Payload, ...]
