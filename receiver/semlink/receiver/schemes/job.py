"""What every scheme's decoder starts from."""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import TypeVar

from semlink.core.errors import InvalidInput
from semlink.core.events import Event
from semlink.core.received import Received
from semlink.core.settings import ReceiverSettings
from semlink.core.transmission import Transmission
from semlink.receiver.loading import Network

N = TypeVar("N")


@dataclass(frozen=True)
class Job:
    """A message behind the radio, and what it is to be decoded with.

    Attributes:
        received: header, which arrived, and payloads.
        settings: of the receiver.
        transmission: whose seed every draw follows.
        serve: finds the network of a name.
    """

    received: Received
    settings: ReceiverSettings
    transmission: Transmission
    serve: Callable[[str], Network]

    @property
    def header(self) -> bytes:
        """The scheme's header."""
        assert self.received.header is not None, "without a header there is no job"
        return self.received.header

    def network(self, kind: type[N]) -> N:
        """The network that the settings name.

        Raises:
            NotFound: the receiver does not serve it.
            InvalidInput: it is of another kind.
        """
        name = self.settings.network
        network = self.serve(name)
        if not isinstance(network, kind):
            raise InvalidInput(
                f"it was not made for scheme {self.received.scheme}.",
                field="network",
                value=name,
                cure="Choose a network that was made for the scheme.",
            )
        return network


Decoder = Callable[[Job], Generator[Event, None, None]]
"""Yields `Denoised` if there is a map, `Progress` per step, then `Reconstructed` or `Lost`."""
