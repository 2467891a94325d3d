from __future__ import annotations

import asyncio
import threading

import pytest

from semlink.core.errors import Busy
from semlink.transmitter.worker import Worker


def test_calls_run_one_at_a_time_in_order() -> None:
    seen: list[int] = []

    def work(number: int) -> int:
        seen.append(number)
        return threading.get_ident()

    async def scenario() -> None:
        worker = Worker(queue=9)
        threads = await asyncio.gather(*(worker.run(work, number) for number in range(9)))
        assert len(set(threads)) == 1
        assert threads[0] != threading.get_ident()

    asyncio.run(scenario())
    assert seen == list(range(9))


def test_beyond_the_queue_it_is_busy() -> None:
    async def scenario() -> None:
        worker, done = Worker(queue=1), threading.Event()
        calls = [asyncio.create_task(worker.run(done.wait)) for _ in range(2)]
        await asyncio.sleep(0)
        with pytest.raises(Busy):
            await worker.run(done.wait)
        done.set()
        await asyncio.gather(*calls)
        assert await worker.run(int, "7") == 7

    asyncio.run(scenario())


def test_who_is_cancelled_while_waiting_leaves_the_queue_and_never_runs() -> None:
    async def scenario() -> None:
        worker, done = Worker(queue=1), threading.Event()
        seen: list[int] = []
        running = asyncio.create_task(worker.run(done.wait))
        waiting = asyncio.create_task(worker.run(seen.append, 1))
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        next_one = asyncio.create_task(worker.run(seen.append, 2))
        done.set()
        await asyncio.gather(running, next_one)
        assert seen == [2]

    asyncio.run(scenario())


def test_errors_come_back() -> None:
    with pytest.raises(ValueError, match="invalid literal"):
        asyncio.run(Worker(queue=0).run(int, "seven"))
