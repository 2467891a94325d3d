"""What every scheme's decoder starts from."""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass

from semlink.core.events import Event
from semlink.core.received import Received
from semlink.core.settings import ReceiverSettings
from semlink.core.transmission import Transmission
from semlink.receiver.networks import DiffusionNetwork


@dataclass(frozen=True)
class Job:
    """A message behind the radio, and what it is to be decoded with.

    Attributes:
        received: header, which arrived, and payloads.
        settings: of the receiver.
        transmission: whose seed every draw follows.
        network: the network of a name.
    """

    received: Received
    settings: ReceiverSettings
    transmission: Transmission
    network: Callable[[str], DiffusionNetwork]

    @property
    def header(self) -> bytes:
        """The scheme's header."""
        assert self.received.header is not None, "without a header there is no job"
        return self.received.header


Decoder = Callable[[Job], Generator[Event, None, None]]
"""Yields `Denoised` if there is a map, `Progress` per step, then `Reconstructed` or `Lost`."""
