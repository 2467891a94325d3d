"""Runs the transmitter service until SIGTERM or SIGINT."""

from __future__ import annotations

import asyncio

from semlink.core.serving import errors_end_the_program, from_environment, serve_until_stopped
from semlink.transmitter.service import transmitter_service
from semlink.transmitter.settings import TransmitterServerSettings


def main() -> None:
    """What `semlink-transmitter` runs."""
    with errors_end_the_program():
        settings = from_environment(TransmitterServerSettings)
        service = transmitter_service(settings)
        asyncio.run(serve_until_stopped(service, host=settings.host, port=settings.port))


if __name__ == "__main__":
    main()
