from __future__ import annotations

import asyncio

import pytest

from semlink.core.healthcheck import health_of, main
from semlink.core.serving import Service, running_server


def service(warm: asyncio.Event) -> Service:
    async def wait() -> None:
        await warm.wait()

    return Service("test", "semlink.test.Test", lambda server: None, wait)


async def health_before_and_when_warm() -> tuple[str, str]:
    warm = asyncio.Event()
    async with running_server(service(warm), drain_s=0) as server:
        before = await asyncio.to_thread(health_of, server.address)
        warm.set()
        await server.ready
        return before, await asyncio.to_thread(health_of, server.address)


def test_health_follows_the_service() -> None:
    assert asyncio.run(health_before_and_when_warm()) == ("NOT_SERVING", "SERVING")


async def status_when_warm() -> int:
    warm = asyncio.Event()
    warm.set()
    async with running_server(service(warm), drain_s=0) as server:
        await server.ready
        return await asyncio.to_thread(main, [server.address])


def test_a_ready_service_is_exit_status_zero() -> None:
    assert asyncio.run(status_when_warm()) == 0


def test_nobody_there_is_exit_status_one(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["127.0.0.1:1"]) == 1
    assert capsys.readouterr().out == "127.0.0.1:1 is UNAVAILABLE\n"


@pytest.mark.parametrize("arguments", [[], ["a:1", "b:2"]])
def test_usage(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == 1
    assert capsys.readouterr().err.startswith("usage:")
