"""One thread for the device's work, with a bounded queue in front of it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import BoundedSemaphore
from typing import ParamSpec, TypeVar

from semlink.core.errors import Busy

P = ParamSpec("P")
R = TypeVar("R")


class Worker:
    """Runs one call at a time, off the event loop.

    Args:
        queue: calls that may wait while one runs.
    """

    def __init__(self, queue: int):
        self._queue = queue
        self._places = BoundedSemaphore(queue + 1)
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="device")

    async def run(self, function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """The function's result.

        A caller that is cancelled while it waits leaves the queue; a call that already runs comes
        to its end and keeps its place until then.

        Raises:
            Busy: the queue is full.
        """
        if not self._places.acquire(blocking=False):
            raise Busy(
                "too many photos are waiting for the transmitter.",
                field="queue",
                value=self._queue,
                cure="Send it again in a moment.",
            )
        future = self._thread.submit(function, *args, **kwargs)
        future.add_done_callback(lambda _: self._places.release())
        return await asyncio.wrap_future(future)
