"""The receiver without its service: a frame in, events out, the last with the picture."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from pathlib import Path
from time import perf_counter

from semlink.core.codecs import label_coder
from semlink.core.errors import NotFound
from semlink.core.events import Demodulated, Event, Lost, Outcome, PayloadVerdict
from semlink.core.frame import Propagation
from semlink.core.phy.demodulation import demodulate
from semlink.core.phy.radio import HEADER
from semlink.core.received import Received, ReceivedBits, ReceivedPayload
from semlink.core.settings import ReceiverSettings
from semlink.core.transmission import Transmission
from semlink.receiver.device import pick_device
from semlink.receiver.loading import Network, load_network
from semlink.receiver.schemes import DECODERS
from semlink.receiver.schemes.job import Job


class Receiver:
    """Holds the networks and runs the schemes' decoders.

    Args:
        networks: by the name under which settings ask for them.
    """

    def __init__(self, networks: Mapping[str, Network]):
        self.networks = dict(networks)

    @classmethod
    def load(
        cls,
        networks: Sequence[str] = ("gesco-camvid", "spic-camvid", "sgc-camvid", "sqgan-camvid"),
        device: str | None = None,
    ) -> Receiver:
        """Loads networks by zoo name or folder.

        Args:
            networks: what to load. Settings ask for them by the same words; a folder given by
                its absolute path goes by its last part.
            device: as torch names it; None for the best there is.

        Raises:
            NotFound: there is no such network.
            CorruptData: its files are damaged.
            InvalidInput: there is no such device.
        """
        where = pick_device(device)
        return cls({served_name(name): load_network(name, where) for name in networks})

    def warm(self) -> None:
        """Asks every network once, so that no picture pays for the first run.

        The coder of label maps is compiled as well.
        """
        label_coder.warm_up()
        for network in self.networks.values():
            network.warm()

    def network(self, name: str) -> Network:
        """The network of that name.

        Raises:
            NotFound: it was not loaded.
        """
        if name not in self.networks:
            raise NotFound(
                "this receiver does not serve that network.",
                field="network",
                value=name,
                cure=f"Use {', '.join(self.networks)}, or start it with the one you want.",
            )
        return self.networks[name]

    def reconstruct(
        self, propagation: Propagation, settings: ReceiverSettings, transmission: Transmission
    ) -> Generator[Event, None, None]:
        """Makes a picture of a frame: `Demodulated`, the scheme's events, `Reconstructed`.

        Where the radio lost too much, the last event is `Lost`. Closing the generator stops the
        work within one step. Nothing happens before the first event is asked for.

        Raises:
            NotFound: the settings name a network that was not loaded, and the scheme needs one.
            CorruptData: the frame is inconsistent.
            InvalidInput: the network cannot paint this frame, or the channel is to be estimated
                and the frame has no pilots.
        """
        started = perf_counter()
        received = demodulate(propagation, settings.csi)
        yield Demodulated(_verdicts(received), perf_counter() - started)
        if received.header is None:
            yield Lost(Outcome.OUTAGE, (HEADER,))
            return
        yield from self.decode(Job(received, settings, transmission, self.network))

    def decode(self, job: Job) -> Generator[Event, None, None]:
        """What the scheme makes of a message behind the radio: all events after `Demodulated`."""
        yield from DECODERS[job.received.scheme](job)


def _verdicts(received: Received) -> tuple[PayloadVerdict, ...]:
    """What became of every stream, the header's first unless it was free."""
    header = _blocks(HEADER, received.header_blocks_ok)
    return (header,) * bool(header.blocks) + tuple(map(_verdict, received.payloads))


def _verdict(payload: ReceivedPayload) -> PayloadVerdict:
    if isinstance(payload, ReceivedBits):
        return _blocks(payload.name, payload.blocks_ok)
    return PayloadVerdict(payload.name, 0, 0, payload.lost)


def _blocks(name: str, blocks_ok: tuple[bool, ...]) -> PayloadVerdict:
    return PayloadVerdict(name, len(blocks_ok), blocks_ok.count(False), not any(blocks_ok))


def served_name(name: str) -> str:
    """Under which name settings find a network: settings cannot hold absolute paths."""
    return Path(name).name if Path(name).is_absolute() else name
