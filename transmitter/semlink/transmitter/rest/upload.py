"""Guards the REST interface's uploads: bounded in bytes, time and number, while they come in."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from semlink.core.errors import SemlinkError
from semlink.core.pictures import too_many_bytes
from semlink.transmitter.front import Front, upload_too_slow
from semlink.transmitter.rest.errors import error_response

FORM_BYTES = 64 << 10  # what a form may hold beside the photo
DRAIN_S = 1.5


class UploadGuard:
    """ASGI middleware; turns away what exceeds the bounds before the application sees it.

    Args:
        app: the application.
        front: whose settings hold the bounds and who counts the transmissions in flight.
    """

    def __init__(self, app: ASGIApp, front: Front):
        self._app = app
        self._front = front
        self._limits = front.settings.limits

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes a POST on under guard, and everything else as it is."""
        if scope["type"] != "http" or scope["method"] != "POST":
            await self._app(scope, receive, send)
            return
        try:
            self._check_bytes(int(Headers(scope=scope).get("content-length", 0)))
            with self._front.slot():
                await self._guarded(scope, receive, send)
        except SemlinkError as error:
            await refuse(error, receive, send)

    async def _guarded(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Once an upload is refused the application is told that the client has gone."""
        upload = _Upload(receive, self._front.settings.upload_timeout_s)
        refused = False

        async def guarded_receive() -> Message:
            nonlocal refused
            try:
                message = await upload.receive()
                self._check_bytes(upload.count)
            except SemlinkError as error:
                refused = True
                await refuse(error, receive, send)
            return {"type": "http.disconnect"} if refused else message

        async def guarded_send(message: Message) -> None:
            if not refused:
                await send(message)

        await self._app(scope, guarded_receive, guarded_send)

    def _check_bytes(self, count: int) -> None:
        if count > self._limits.upload_bytes + FORM_BYTES:
            raise too_many_bytes(count, self._limits)


class _Upload:
    """Counts the bytes of a body and the seconds it takes."""

    def __init__(self, receive: Receive, timeout_s: float):
        self._receive = receive
        self._timeout_s = timeout_s
        self._ends_at: float | None = asyncio.get_running_loop().time() + timeout_s
        self.count = 0

    async def receive(self) -> Message:
        """The next message; after the body there is no deadline any more."""
        try:
            async with asyncio.timeout_at(self._ends_at):
                message = await self._receive()
        except TimeoutError as error:
            raise upload_too_slow(self._timeout_s) from error
        self.count += len(message.get("body", b""))
        if not message.get("more_body", False):
            self._ends_at = None
        return message


async def refuse(error: SemlinkError, receive: Receive, send: Send) -> None:
    """Answers an upload that is still coming in, and ends the connection."""
    response = error_response(error)
    response.headers["Connection"] = "close"
    start = {"status": response.status_code, "headers": response.raw_headers}
    await send({"type": "http.response.start", **start})
    await send({"type": "http.response.body", "body": response.body, "more_body": True})
    await _drain(receive)
    await send({"type": "http.response.body", "body": b""})


async def _drain(receive: Receive) -> None:
    """Reads on for a moment: a socket closed over unread bytes would lose the answer."""
    with suppress(TimeoutError):
        async with asyncio.timeout(DRAIN_S):
            while (await receive()).get("more_body", False):
                pass
