"""What the radio hands to a scheme's decoder."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

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
        block_bytes: bytes of one block; the last may have fewer.
    """

    name: str
    data: bytes
    blocks_ok: tuple[bool, ...]
    block_bytes: int

    @property
    def intact(self) -> bool:
        """Whether every block arrived."""
        return all(self.blocks_ok)

    @property
    def prefix(self) -> bytes:
        """The bytes ahead of the first lost block; all of them if none was lost."""
        blocks = self.blocks_ok.index(False) if not self.intact else len(self.blocks_ok)
        return self.data[: blocks * self.block_bytes]


@dataclass(frozen=True)
class ReceivedSamples:
    """Equalised samples: what was sent plus noise, without a bias.

    Attributes:
        name: of the payload.
        samples: in the payload's shape and units; 0 where the variance is infinite.
        noise_variance: of each sample, after equalisation, in squared units of the samples;
            infinite where nothing arrived.
    """

    name: str
    samples: Float32[np.ndarray, "..."]
    noise_variance: Float32[np.ndarray, "..."]

    @property
    def lost(self) -> bool:
        """Whether nothing at all arrived."""
        return bool(np.isinf(self.noise_variance).all())


ReceivedPayload = ReceivedBits | ReceivedSamples
_KINDS: dict[type[ReceivedPayload], str] = {ReceivedBits: "bits", ReceivedSamples: "samples"}
P = TypeVar("P", ReceivedBits, ReceivedSamples)


@dataclass(frozen=True)
class Received:
    """Counterpart of a `Message` behind the channel.

    Attributes:
        scheme: which decoder understands it.
        header: of the message; None if it was lost, an outage: nothing can be decoded.
        header_blocks_ok: verdicts of the header's blocks; empty if it did not travel by radio.
        payloads: in the message's order; none behind a lost header.
    """

    scheme: Scheme
    header: bytes | None
    header_blocks_ok: tuple[bool, ...]
    payloads: tuple[ReceivedPayload, ...]

    def samples(self, name: str) -> ReceivedSamples:
        """The samples payload of that name.

        Raises:
            CorruptData: the frame carried no such payload.
        """
        return self._payload(name, ReceivedSamples)

    def bits(self, name: str) -> ReceivedBits:
        """The bits payload of that name.

        Raises:
            CorruptData: the frame carried no such payload.
        """
        return self._payload(name, ReceivedBits)

    def has_samples(self, name: str) -> bool:
        """Whether the payload of that name travelled as samples."""
        return any(isinstance(p, ReceivedSamples) and p.name == name for p in self.payloads)

    def _payload(self, name: str, kind: type[P]) -> P:
        for payload in self.payloads:
            if isinstance(payload, kind) and payload.name == name:
                return payload
        raise CorruptData(
            f"the frame has no {_KINDS[kind]} of that name.",
            field="payload",
            value=name,
            cure="Use the same version on both ends of the link.",
        )
