"""Decoders: what each scheme makes of what arrived. One file and one entry per scheme."""

from __future__ import annotations

from collections.abc import Callable, Generator

from semlink.core.events import Event
from semlink.core.received import Received
from semlink.core.schemes import Scheme
from semlink.core.settings import ReceiverSettings
from semlink.core.transmission import Transmission
from semlink.receiver.networks import DiffusionNetwork
from semlink.receiver.schemes import gesco

Decoder = Callable[
    [Received, ReceiverSettings, Transmission, DiffusionNetwork], Generator[Event, None, None]
]
"""Yields `Denoised`, then `Progress` for every step, then `Reconstructed`."""

DECODERS: dict[Scheme, Decoder] = {Scheme.GESCO: gesco.decode}
