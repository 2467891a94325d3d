"""Errors across gRPC, and calls to the next service of the link."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import grpc
import msgpack

from semlink.core.errors import (
    BY_GRPC,
    BY_NAME,
    STATUS,
    DeadlineExceeded,
    InternalError,
    SemlinkError,
    Unavailable,
)
from semlink.protos.v1 import types_pb2 as pb

LOG = logging.getLogger(__name__)

DETAILS_KEY = "semlink-error-bin"
MAX_DETAILS = 4096
MAX_PART = 768  # bytes of each of the four texts inside the details
MAX_STATUS = 768  # bytes of the status; with the details below the 8 KiB gRPC guarantees
DRAIN_S = 5.0  # how long a refused caller may go on sending
DRAIN_PAUSE_S = 0.2  # a pause after which it is taken to have stopped

# A channel per call on a pool of its own: no back-off is inherited from earlier failures, so a
# service that has come back is found at once.
CHANNEL_OPTIONS = (
    ("grpc.use_local_subchannel_pool", 1),
    ("grpc.enable_http_proxy", 0),
    ("grpc.min_reconnect_backoff_ms", 1500),  # in truth how long one attempt to connect may take
)

# A stub's method: a stream of requests to a stream of events.
StreamMethod = Callable[..., Any]


def error_status(error: SemlinkError) -> grpc.StatusCode:
    """Status code of an error, by the table in `core.errors`."""
    return grpc.StatusCode[STATUS[type(error)].grpc]


def error_details(error: SemlinkError) -> bytes:
    """What `error_from_rpc` needs to raise the same error at the other end."""
    parts = (error.message, error.field, error.value, error.cure)
    fields = [type(error).__name__, *(_shortened(part, MAX_PART) for part in parts)]
    return bytes(msgpack.packb(fields))


def _shortened(text: str, size: int) -> str:
    return text.encode(errors="replace")[:size].decode(errors="ignore")


def error_from_rpc(error: grpc.RpcError | grpc.aio.AioRpcError, peer: str) -> SemlinkError:
    """The error of ours behind a failed call to `peer`, as in "the receiver at HOST:PORT"."""
    metadata: Any = error.trailing_metadata() or ()
    for key, value in metadata:
        if key == DETAILS_KEY and len(value) <= MAX_DETAILS:
            return _from_details(value)
    return _from_status(error.code(), str(error.details()), peer)


def _from_details(data: bytes) -> SemlinkError:
    try:
        name, message, field, value, cure = msgpack.unpackb(data)
        return BY_NAME[name](message, field=field, value=value, cure=cure)
    except (ValueError, TypeError, KeyError, msgpack.UnpackException) as error:
        return InternalError(f"the other end sent an error that cannot be read ({error}).")


def _from_status(code: grpc.StatusCode, details: str, peer: str) -> SemlinkError:
    kind = BY_GRPC.get(code.name, InternalError)
    if kind is Unavailable:
        return Unavailable(
            f"{peer} cannot be reached or went away.",
            cure="Start it, wait until it is ready, and send again.",
        )
    if kind is DeadlineExceeded:
        return DeadlineExceeded(
            "the picture was not ready in time.",
            cure="Grant more time, or ask for fewer steps or a smaller size.",
        )
    return kind(f"{peer} answered {code.name}: {details}")


@asynccontextmanager
async def reported(context: grpc.aio.ServicerContext[Any, Any]) -> AsyncIterator[None]:
    """Ends the call with the right status when an error is raised inside.

    Any error but ours is a defect: the log gets it, the caller only hears of it.
    """
    try:
        yield
    except SemlinkError as error:
        await _abort(context, error)
    except Exception:
        LOG.exception("a call failed")
        await _abort(context, InternalError("a defect; the log of the service has the details."))


async def _abort(context: grpc.aio.ServicerContext[Any, Any], error: SemlinkError) -> None:
    await _drain(context)
    metadata = ((DETAILS_KEY, error_details(error)),)
    await context.abort(error_status(error), _shortened(str(error), MAX_STATUS), metadata)


async def _drain(context: grpc.aio.ServicerContext[Any, Any]) -> None:
    """Takes what the caller is still sending, within limits.

    A caller whose message cannot be delivered any more sees INTERNAL instead of our status.
    """
    with suppress(TimeoutError):
        async with asyncio.timeout(DRAIN_S):
            while await asyncio.wait_for(context.read(), DRAIN_PAUSE_S) is not grpc.aio.EOF:
                pass


def remaining_s(context: Any) -> float | None:  # gRPC's own is no aio.ServicerContext
    """Seconds until the caller's deadline, to be passed on to the next hop."""
    remaining: float | None = context.time_remaining()
    return remaining


async def events_from(
    method: StreamMethod, requests: Iterator[Any], *, timeout_s: float | None, peer: str
) -> AsyncGenerator[pb.Event]:
    """Calls a method of the next hop and hands back its events.

    Leaving the loop early, for whatever reason, cancels the call.

    Raises:
        SemlinkError: what the other end reported, or Unavailable when it is not there.
    """
    call = method(requests, timeout=timeout_s)
    try:
        async for event in call:
            yield event
    except grpc.aio.AioRpcError as error:
        raise error_from_rpc(error, peer) from error
    finally:
        call.cancel()
