"""What a scheme's encoder hands to the radio: named payloads, most important first."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32

from semlink.core.schemes import Scheme


@dataclass(frozen=True)
class BitsPayload:
    """Bytes that arrive exactly or are known to be damaged."""

    name: str
    data: bytes


@dataclass(frozen=True)
class SamplesPayload:
    """Real numbers that travel uncoded, two per channel use, and arrive noisy.

    Attributes:
        name: unique within the message; part of the seed of the channel draw.
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
