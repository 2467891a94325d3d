from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager
from time import monotonic
from typing import Any

import grpc
import msgpack
import pytest

from semlink.core.errors import (
    STATUS,
    Busy,
    Cancelled,
    DeadlineExceeded,
    InternalError,
    InvalidInput,
    SemlinkError,
    TooLarge,
    Unavailable,
)
from semlink.core.hop import (
    CHANNEL_OPTIONS,
    DETAILS_KEY,
    MAX_DETAILS,
    error_details,
    error_from_rpc,
    events_from,
    remaining_s,
    reported,
)
from semlink.protos.v1 import receiver_pb2, receiver_pb2_grpc
from semlink.protos.v1 import types_pb2 as pb

Context = grpc.aio.ServicerContext[Any, Any]
Body = Callable[[AsyncIterator[Any], Context], AsyncGenerator[pb.Event]]
PEER = "the receiver at HOST:PORT"


class Servicer(receiver_pb2_grpc.ReceiverServicer):
    """Runs a body of the test's as the service's method."""

    def __init__(self, body: Body):
        self._body = body

    async def Reconstruct(  # noqa: N802
        self, request_iterator: AsyncIterator[Any], context: Context
    ) -> AsyncGenerator[pb.Event]:
        async with reported(context):
            async for event in self._body(request_iterator, context):
                yield event


@asynccontextmanager
async def method_of(body: Body) -> AsyncIterator[Any]:
    """The method of a running service."""
    server = grpc.aio.server()
    receiver_pb2_grpc.add_ReceiverServicer_to_server(Servicer(body), server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    address = f"127.0.0.1:{port}"
    async with grpc.aio.insecure_channel(address, options=CHANNEL_OPTIONS) as channel:
        yield receiver_pb2_grpc.ReceiverStub(channel).Reconstruct
    await server.stop(None)


async def called(method: Any, timeout_s: float | None = 10.0) -> list[pb.Event]:
    requests = iter([receiver_pb2.ReconstructRequest()])
    return [e async for e in events_from(method, requests, timeout_s=timeout_s, peer=PEER)]


def run(test: Callable[[], Awaitable[None]]) -> None:
    asyncio.run(asyncio.wait_for(test(), 20))


def raised_by_a_service(error: Exception) -> SemlinkError:
    """What the caller gets when a service raises `error`."""
    found: list[SemlinkError] = []

    async def fails(requests: AsyncIterator[Any], context: Context) -> AsyncGenerator[pb.Event]:
        yield pb.Event(progress=pb.Progress(step=1, steps=2))
        raise error

    async def test() -> None:
        async with method_of(fails) as method:
            try:
                await called(method)
            except SemlinkError as caught:
                found.append(caught)

    run(test)
    return found[0]


@pytest.mark.parametrize("kind", STATUS)
def test_every_error_arrives_as_it_was_raised(kind: type[SemlinkError]) -> None:
    error = kind("it is wrong.", field="größe", value="x" * 700, cure="Make it right.")
    arrived = raised_by_a_service(error)
    assert type(arrived) is kind
    assert vars(arrived) == vars(error)


def test_a_long_text_is_cut_and_the_kind_stays() -> None:
    text = "\N{SNOWMAN}\udcff" * 10_000
    arrived = raised_by_a_service(TooLarge(text, field=text, value=text, cure=text))
    assert type(arrived) is TooLarge
    assert arrived.message.startswith("\N{SNOWMAN}?")


def test_a_defect_is_reported_without_its_text(caplog: pytest.LogCaptureFixture) -> None:
    arrived = raised_by_a_service(ZeroDivisionError("secret"))
    assert type(arrived) is InternalError
    assert "secret" not in str(arrived)
    assert "secret" in caplog.text


class BareError(grpc.RpcError):
    """A failed call as gRPC raises it."""

    def __init__(self, code: grpc.StatusCode, metadata: Any = None):
        self._code, self._metadata = code, metadata

    def code(self) -> grpc.StatusCode:
        return self._code

    def details(self) -> str:
        return "some text"

    def trailing_metadata(self) -> Any:
        return self._metadata


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (grpc.StatusCode.UNAVAILABLE, Unavailable),
        (grpc.StatusCode.RESOURCE_EXHAUSTED, Busy),
        (grpc.StatusCode.DEADLINE_EXCEEDED, DeadlineExceeded),
        (grpc.StatusCode.CANCELLED, Cancelled),
        (grpc.StatusCode.INVALID_ARGUMENT, InvalidInput),
        (grpc.StatusCode.UNKNOWN, InternalError),
        (grpc.StatusCode.UNIMPLEMENTED, InternalError),
    ],
)
def test_a_bare_status_becomes_an_error(code: grpc.StatusCode, kind: type[SemlinkError]) -> None:
    error = error_from_rpc(BareError(code), PEER)
    assert type(error) is kind
    assert error.message


@pytest.mark.parametrize(
    "details",
    [
        b"",
        b"\xc1",
        msgpack.packb(["Busy"]),
        msgpack.packb(["None such", "", "", "", ""]),
        msgpack.packb([["Busy"], "", "", "", ""]),
        msgpack.packb(7),
    ],
)
def test_details_that_cannot_be_read(details: bytes) -> None:
    error = error_from_rpc(BareError(grpc.StatusCode.UNKNOWN, ((DETAILS_KEY, details),)), PEER)
    assert type(error) is InternalError


def test_details_are_bounded() -> None:
    text = "\N{SNOWMAN}" * 10_000
    assert len(error_details(Busy(text, field=text, value=text, cure=text))) <= MAX_DETAILS
    metadata = ((DETAILS_KEY, bytes(MAX_DETAILS + 1)),)
    error = error_from_rpc(BareError(grpc.StatusCode.UNAVAILABLE, metadata), PEER)
    assert type(error) is Unavailable
    assert PEER in str(error)


def failure(address: str, timeout_s: float | None) -> tuple[SemlinkError, float]:
    """What a call to an address raises, and after how many seconds."""
    found: list[SemlinkError] = []

    async def test() -> None:
        async with grpc.aio.insecure_channel(address, options=CHANNEL_OPTIONS) as channel:
            try:
                await called(receiver_pb2_grpc.ReceiverStub(channel).Reconstruct, timeout_s)
            except SemlinkError as error:
                found.append(error)

    started = monotonic()
    run(test)
    return found[0], monotonic() - started


def test_nobody_listens() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        error, seconds = failure(f"127.0.0.1:{free.getsockname()[1]}", None)
    assert type(error) is Unavailable
    assert error.cure
    assert seconds < 10


def test_somebody_listens_and_never_speaks() -> None:
    with socket.create_server(("127.0.0.1", 0)) as mute:
        error, seconds = failure(f"127.0.0.1:{mute.getsockname()[1]}", None)
    assert type(error) is Unavailable
    assert seconds < 10


def test_the_deadline_is_passed_on_and_kept() -> None:
    remaining: list[float | None] = []

    async def waits(requests: AsyncIterator[Any], context: Context) -> AsyncGenerator[pb.Event]:
        remaining.append(remaining_s(context))
        yield pb.Event()
        await asyncio.sleep(30)

    async def test() -> None:
        async with method_of(waits) as method:
            with pytest.raises(DeadlineExceeded):
                await called(method, timeout_s=0.5)

    run(test)
    assert remaining[0] is not None
    assert 0 < remaining[0] < 1.0  # gRPC rounds its clock


def test_no_deadline_is_none() -> None:
    remaining: list[float | None] = []

    async def looks(requests: AsyncIterator[Any], context: Context) -> AsyncGenerator[pb.Event]:
        remaining.append(remaining_s(context))
        yield pb.Event()

    async def test() -> None:
        async with method_of(looks) as method:
            await called(method, timeout_s=None)

    run(test)
    assert remaining == [None]


def test_leaving_early_cancels_the_call() -> None:
    async def test() -> None:
        cancelled = asyncio.Event()

        async def endless(
            requests: AsyncIterator[Any], context: Context
        ) -> AsyncGenerator[pb.Event]:
            try:
                while True:
                    yield pb.Event()
                    await asyncio.sleep(0.01)
            finally:
                cancelled.set()

        async with method_of(endless) as method:
            requests = iter([receiver_pb2.ReconstructRequest()])
            calls = events_from(method, requests, timeout_s=None, peer=PEER)
            async with aclosing(calls) as events:
                async for _ in events:
                    break
            await asyncio.wait_for(cancelled.wait(), 2)

    run(test)
