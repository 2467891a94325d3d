"""What the radio hands to a scheme's decoder."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32

from semlink.core.errors import CorruptData
from semlink.core.schemes import Scheme


@dataclass(frozen=True)
class ReceivedBits:
    """Bytes, with the verdict of the CRC of each transport block.

    Attributes:
        name: of the payload.
        data: as decoded; bytes of failed blocks are zero.
        blocks_ok: one verdict per block, in order.
    """

    name: str
    data: bytes
    blocks_ok: tuple[bool, ...]


@dataclass(frozen=True)
class ReceivedSamples:
    """Equalised samples.

    Attributes:
        name: of the payload.
        samples: in the payload's shape and units.
        noise_variance: per sample, after equalisation, in squared units of the samples.
    """

    name: str
    samples: Float32[np.ndarray, "..."]
    noise_variance: float


ReceivedPayload = ReceivedBits | ReceivedSamples


@dataclass(frozen=True)
class Received:
    """Counterpart of a `Message` behind the channel."""

    scheme: Scheme
    header: bytes
    payloads: tuple[ReceivedPayload, ...]

    def samples(self, name: str) -> ReceivedSamples:
        """The samples payload of that name.

        Raises:
            CorruptData: the frame carried no such payload.
        """
        for payload in self.payloads:
            if isinstance(payload, ReceivedSamples) and payload.name == name:
                return payload
        raise CorruptData(
            "the frame has no samples payload of that name.",
            field="payload",
            value=name,
            cure="Send it with the same scheme and version on both ends.",
        )
