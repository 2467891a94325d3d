"""Runs the receiver service until SIGTERM or SIGINT."""

from __future__ import annotations

import asyncio

from semlink.core.serving import errors_end_the_program, from_environment, serve_until_stopped
from semlink.receiver.service import receiver_service
from semlink.receiver.settings import ReceiverServerSettings


def main() -> None:
    """What `semlink-receiver` runs."""
    with errors_end_the_program():
        settings = from_environment(ReceiverServerSettings)
        service = receiver_service(settings)
        asyncio.run(serve_until_stopped(service, host=settings.host, port=settings.port))


if __name__ == "__main__":
    main()
