"""One thread that works for all callers, a step of each in turn."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable, Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, TypeVar

from semlink.core.errors import Busy

T = TypeVar("T")
_END: Any = object()
_log = logging.getLogger(__name__)


class Engine:
    """Runs generators on one thread and hands what they yield to asyncio.

    Every piece of work has at most one step in the thread's queue, and the queue is first in,
    first out: all work in flight advances by turns, and a caller who leaves, is cancelled or
    runs out of time stops its own work within one step. Pictures are not batched with each
    other: each one comes out bit-equal to the same picture sent alone, whatever else is in
    flight. A caller that does not take its results pauses its own work only.

    Args:
        queue: how many callers are admitted at once.
    """

    def __init__(self, queue: int):
        self._queue = queue
        self._admitted = 0
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="engine")

    @contextmanager
    def admission(self) -> Iterator[None]:
        """A place in the queue; to be taken before anything large is kept for the caller.

        Raises:
            Busy: all places are taken.
        """
        if self._admitted >= self._queue:
            raise Busy(
                f"{self._queue} transmissions are in flight, as many as the receiver takes.",
                field="queue",
                value=self._queue,
                cure="Send it again a little later.",
            )
        self._admitted += 1
        try:
            yield
        finally:
            self._admitted -= 1

    async def call(self, function: Callable[[], T]) -> T:
        """The function's answer, computed on the engine's thread."""
        return await asyncio.wrap_future(self._thread.submit(function))

    async def run(self, work: Generator[T, Any, Any]) -> AsyncGenerator[T, None]:
        """What `work` yields. Leave early through `contextlib.aclosing`.

        One step is always under way or queued while the caller handles the one before. Whatever
        `work` raises is raised here and disturbs nobody else.
        """
        step = self._thread.submit(next, work, _END)
        try:
            while (item := await asyncio.wrap_future(step)) is not _END:
                step = self._thread.submit(next, work, _END)
                yield item
        finally:
            step.cancel()
            self._thread.submit(_close, work)

    def close(self) -> None:
        """Ends the thread once the steps in its queue are done."""
        self._thread.shutdown(wait=True)


def _close(work: Generator[Any, Any, Any]) -> None:
    try:
        work.close()
    except Exception:
        _log.exception("work failed while it was being closed")
