from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncGenerator, Generator
from contextlib import aclosing

import pytest

from semlink.core.errors import Busy
from semlink.receiver.engine import Engine


class Work:
    """Counts to `steps`, slowly, and notes what happened to it."""

    def __init__(self, steps: int = 5, *, step_s: float = 0.0, fail_at: int = 0):
        self.steps, self.step_s, self.fail_at = steps, step_s, fail_at
        self.done = 0
        self.closed = threading.Event()
        self.threads: set[int] = set()

    def __call__(self, log: list[Work] | None = None) -> Generator[int, None, None]:
        try:
            for step in range(1, self.steps + 1):
                if step == self.fail_at:
                    raise ValueError("broken")
                time.sleep(self.step_s)
                self.done = step
                self.threads.add(threading.get_ident())
                if log is not None:
                    log.append(self)
                yield step
        finally:
            self.closed.set()


async def collected(events: AsyncGenerator[int, None]) -> list[int]:
    async with aclosing(events):
        return [event async for event in events]


def test_everything_comes_in_order() -> None:
    work = Work(20)
    assert asyncio.run(collected(Engine(1).run(work()))) == list(range(1, 21))


def test_all_work_runs_on_one_thread_of_its_own() -> None:
    works = [Work() for _ in range(4)]

    async def main() -> None:
        engine = Engine(4)
        await asyncio.gather(*(collected(engine.run(work())) for work in works))

    asyncio.run(main())
    threads = set.union(*(work.threads for work in works))
    assert len(threads) == 1
    assert threading.get_ident() not in threads


def test_work_in_flight_advances_by_turns() -> None:
    works, log = [Work(30, step_s=0.002) for _ in range(3)], list[Work]()

    async def main() -> None:
        engine = Engine(3)
        await asyncio.gather(*(collected(engine.run(work(log))) for work in works))

    asyncio.run(main())
    for position in range(3, len(log) - 6):
        counts = [log[:position].count(work) for work in works]
        assert max(counts) - min(counts) <= 3


def test_a_failure_reaches_its_caller_only() -> None:
    good, bad = Work(20, step_s=0.002), Work(20, step_s=0.002, fail_at=3)

    async def main() -> list[list[int] | BaseException]:
        engine = Engine(2)
        runs = [collected(engine.run(work())) for work in (good, bad)]
        results = await asyncio.gather(*runs, return_exceptions=True)
        assert await collected(engine.run(Work(2)())) == [1, 2]
        return results

    counted, failure = asyncio.run(main())
    assert counted == list(range(1, 21))
    assert isinstance(failure, ValueError)
    assert str(failure) == "broken"


def test_leaving_stops_the_work_within_two_steps() -> None:
    work = Work(1000, step_s=0.002)

    async def main() -> None:
        async with aclosing(Engine(1).run(work())) as events:
            async for event in events:
                if event == 5:
                    break

    asyncio.run(main())
    assert work.closed.wait(1.0)
    assert work.done <= 7


def test_cancelling_stops_the_work_within_two_steps() -> None:
    work, other = Work(1000, step_s=0.01), Work(40, step_s=0.002)

    async def main() -> int:
        engine = Engine(2)
        cancelled = asyncio.create_task(collected(engine.run(work())))
        running = asyncio.create_task(collected(engine.run(other())))
        await asyncio.sleep(0.1)
        done = work.done
        cancelled.cancel()
        with pytest.raises(asyncio.CancelledError):
            await cancelled
        assert await running == list(range(1, 41))
        return done

    done = asyncio.run(main())
    assert work.closed.wait(1.0)
    assert work.done <= done + 2


def test_a_deadline_stops_the_work() -> None:
    work = Work(1000, step_s=0.01)

    async def main() -> None:
        async with asyncio.timeout(0.05):
            await collected(Engine(1).run(work()))

    with pytest.raises(TimeoutError):
        asyncio.run(main())
    assert work.closed.wait(1.0)
    assert work.done < 20


def test_a_caller_that_does_not_listen_pauses_its_own_work_only() -> None:
    idle, busy = Work(100), Work(100)

    async def main() -> None:
        engine = Engine(2)
        async with aclosing(engine.run(idle())) as events:
            assert await anext(events) == 1
            assert await collected(engine.run(busy())) == list(range(1, 101))
            assert idle.done == 2

    asyncio.run(main())


def test_a_full_queue_says_busy_until_somebody_leaves() -> None:
    engine = Engine(2)
    with engine.admission():
        with engine.admission(), pytest.raises(Busy, match="queue=2"), engine.admission():
            pass
        with engine.admission():
            pass
    with pytest.raises(ValueError, match="leaves"), engine.admission():
        raise ValueError("leaves")
    with engine.admission(), engine.admission():
        pass


def test_work_that_fails_while_closing_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    def stubborn() -> Generator[int, None, None]:
        try:
            yield 1
            yield 2
        finally:
            raise ValueError("stubborn")

    async def main() -> None:
        engine = Engine(1)
        events = engine.run(stubborn())
        await anext(events)
        await events.aclose()
        assert await collected(engine.run(Work(1)())) == [1]

    asyncio.run(main())
    assert "stubborn" in caplog.text
