"""Calls that the channel service refuses."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import numpy as np
import pytest
from tests.integration.channel.conftest import (
    Recorder,
    Request,
    call_of,
    events,
    head,
    recording,
    run,
    serving,
)

from semlink.core.errors import CorruptData, InvalidInput, SemlinkError, TooLarge
from semlink.core.frame_heads import MAX_SYMBOLS
from semlink.protos.v1 import channel_pb2
from semlink.protos.v1 import types_pb2 as pb

Calls = Callable[[], Iterator[Request]]
Change = Callable[[channel_pb2.PropagateHead], None]


def refused(requests: Calls, error: type[SemlinkError], text: str) -> None:
    """The call fails so, nothing reaches the receiver, and the next call is served."""

    async def test() -> None:
        recorder = Recorder()
        async with recording(recorder) as address, serving(address, calls=1) as method:
            with pytest.raises(error, match=text) as caught:
                await events(method, requests())
            assert type(caught.value) is error
            assert not recorder.heads
            assert len(await events(method, call_of())) == 3

    run(test)


def changed(
    change: Change,
) -> Calls:
    """A call whose head is not as it should be."""

    def requests() -> Iterator[Request]:
        first, *rest = call_of()
        change(first.head)
        return iter([first, *rest])

    return requests


def announces_too_much(head: channel_pb2.PropagateHead) -> None:
    head.frame.streams[0].symbols = MAX_SYMBOLS + 1


def has_another_shape(head: channel_pb2.PropagateHead) -> None:
    head.frame.streams[0].samples.shape[:] = [3]


def has_no_such_scheme(head: channel_pb2.PropagateHead) -> None:
    head.frame.scheme = "telepathy"


def has_a_bad_level(head: channel_pb2.PropagateHead) -> None:
    head.settings.level = math.nan


def has_no_such_medium(head: channel_pb2.PropagateHead) -> None:
    head.settings.model = "water"


def asks_for_a_grid(head: channel_pb2.PropagateHead) -> None:
    head.settings.model = "tdl-a"


def asks_for_ebno(head: channel_pb2.PropagateHead) -> None:
    head.settings.noise = "ebno_db"


@pytest.mark.parametrize(
    ("change", "error", "text"),
    [
        (announces_too_much, TooLarge, "symbols"),
        (has_another_shape, CorruptData, "does not fit its symbols"),
        (has_no_such_scheme, CorruptData, "telepathy"),
        (has_a_bad_level, InvalidInput, "level"),
        (has_no_such_medium, InvalidInput, "model='water'"),
        (asks_for_a_grid, InvalidInput, "channel=tdl-a: .*OFDM"),
        (asks_for_ebno, InvalidInput, "ebno_db"),
    ],
)
def test_heads_that_are_refused(change: Change, error: type[SemlinkError], text: str) -> None:
    refused(changed(change), error, text)


NAN = Request(symbols=pb.SymbolChunk(symbols=np.full(102, math.nan, "<f4").tobytes()))
TOO_MUCH = Request(symbols=pb.SymbolChunk(stream=1, symbols=bytes(1000)))


@pytest.mark.parametrize(
    ("requests", "error", "text"),
    [
        (lambda: iter([]), InvalidInput, "nothing where head belongs"),
        (lambda: iter([Request()]), InvalidInput, "nothing where head belongs"),
        (lambda: iter(list(call_of())[1:]), InvalidInput, "symbols where head belongs"),
        (lambda: iter([head(), head()]), InvalidInput, "head where symbols belongs"),
        (lambda: iter([head()]), CorruptData, "lacks symbols"),
        (lambda: iter(list(call_of())[:-1]), CorruptData, "stream 1 lacks symbols"),
        (lambda: iter([*call_of(), TOO_MUCH]), CorruptData, "more symbols than announced"),
        (lambda: iter([head(), NAN, *list(call_of())[2:]]), CorruptData, "out of bounds"),
    ],
)
def test_calls_that_are_refused(requests: Calls, error: type[SemlinkError], text: str) -> None:
    refused(requests, error, text)
