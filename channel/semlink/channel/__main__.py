"""Runs the channel service until SIGTERM or SIGINT."""

from __future__ import annotations

import asyncio

from semlink.channel.service import channel_service
from semlink.channel.settings import ChannelServerSettings
from semlink.core.serving import errors_end_the_program, from_environment, serve_until_stopped


def main() -> None:
    """What `semlink-channel` runs."""
    with errors_end_the_program():
        settings = from_environment(ChannelServerSettings)
        service = channel_service(settings)
        asyncio.run(serve_until_stopped(service, host=settings.host, port=settings.port))


if __name__ == "__main__":
    main()
