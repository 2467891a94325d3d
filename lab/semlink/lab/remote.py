"""A client of the transmitter's gRPC service. Loads no networks and no torch."""

from __future__ import annotations

from collections.abc import Iterator

import grpc

from semlink.core.errors import InvalidInput
from semlink.core.event_serde import EventReader
from semlink.core.events import Event
from semlink.core.hop import CHANNEL_OPTIONS, error_from_rpc
from semlink.core.serde import byte_chunks, settings_to_proto
from semlink.core.settings import TransmissionSettings
from semlink.lab.link import DEFAULTS, Link, as_photo
from semlink.lab.photo import Photo, PhotoSource
from semlink.protos.v1.transmitter_pb2 import SendRequest
from semlink.protos.v1.transmitter_pb2_grpc import TransmitterStub

CONNECT_MS = 1500  # else a host that does not answer is tried for 20 s
OPTIONS = (*CHANNEL_OPTIONS, ("grpc.min_reconnect_backoff_ms", CONNECT_MS))


class RemoteLink(Link):
    """The services of a running link.

    Args:
        address: HOST:PORT of the transmitter's gRPC service.

    Raises:
        InvalidInput: that is no address.
    """

    def __init__(self, address: str):
        host, _, port = address.rpartition(":")
        if not host or not port.isdecimal():
            raise InvalidInput(
                "that is no address.", field="link", value=address, cure="Give HOST:PORT."
            )
        self._address = address

    def load(self, settings: TransmissionSettings) -> None:
        """The services have loaded their own."""

    def events(
        self,
        photo: PhotoSource | Photo,
        settings: TransmissionSettings = DEFAULTS,
        *,
        timeout_s: float | None = None,
    ) -> Iterator[Event]:
        """As `Link.events`; the deadline travels with the call through all services."""
        requests = _requests(as_photo(photo).file, settings)
        with grpc.insecure_channel(self._address, options=OPTIONS) as channel:
            call = TransmitterStub(channel).Send(requests, timeout=timeout_s)
            reader = EventReader()
            try:
                for message in call:
                    event = reader.feed(message)
                    if event is not None:
                        yield event
            except grpc.RpcError as error:
                peer = f"the transmitter at {self._address}"
                raise error_from_rpc(error, peer) from error
            finally:
                call.cancel()


def _requests(file: bytes, settings: TransmissionSettings) -> Iterator[SendRequest]:
    yield SendRequest(settings=settings_to_proto(settings))
    for chunk in byte_chunks(file):
        yield SendRequest(photo=chunk)
