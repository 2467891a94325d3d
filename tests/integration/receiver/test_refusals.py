"""Calls that the receiver service refuses."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from tests.integration.receiver.conftest import NAME, Client, Request, Talk

from semlink.core.errors import (
    CorruptData,
    InternalError,
    InvalidInput,
    NotFound,
    SemlinkError,
    TooLarge,
)
from semlink.core.frame_heads import MAX_SYMBOLS
from semlink.core.settings import ReceiverSettings

Spoil = Callable[[list[Request]], object]


def test_a_refusal_reaches_a_caller_that_is_still_sending(talk: Talk) -> None:
    async def conversation(client: Client) -> None:
        requests = client.requests(ReceiverSettings(network="stranger"))
        for _ in range(10):
            with pytest.raises(NotFound):
                await client.all_events(requests + requests[1:] * 20)

    talk(conversation)


def no_draws(requests: list[Request]) -> None:
    requests[0].head.ClearField("draws")


def foreign_draws(requests: list[Request]) -> None:
    requests[0].head.draws[0].name = "picture"


def symbols_of_no_stream(requests: list[Request]) -> None:
    requests[1].symbols.stream = 7


def vast_frame(requests: list[Request]) -> None:
    requests[0].head.frame.streams[0].symbols = 1 << 40


def foreign_scheme(requests: list[Request]) -> None:
    requests[0].head.frame.scheme = "morse"


def foreign_header(requests: list[Request]) -> None:
    requests[0].head.frame.header = bytes(64)


def foreign_network(requests: list[Request]) -> None:
    requests[0].head.settings.network = "owner/stranger"


def endless_steps(requests: list[Request]) -> None:
    requests[0].head.settings.steps = 1_000_000


def no_gains(requests: list[Request]) -> None:
    requests[0].head.ClearField("gains")


def gains_of_no_stream(requests: list[Request]) -> None:
    requests[-1].gains.stream = 7


def symbols_of_no_number(requests: list[Request]) -> None:
    requests[1].symbols.symbols = b"\xff" * len(requests[1].symbols.symbols)


def unknown_part(requests: list[Request]) -> None:
    requests[1].Clear()


def without_pilots(requests: list[Request]) -> None:
    requests[0].head.settings.csi = "estimated"


@pytest.mark.parametrize(
    ("spoil", "error", "said"),
    [
        (list.clear, InvalidInput, "nothing where the head belongs"),
        (lambda requests: requests.pop(0), InvalidInput, "symbols where the head belongs"),
        (lambda requests: requests.append(requests[0]), InvalidInput, "head where symbols or"),
        (unknown_part, InvalidInput, "nothing where symbols or gains belongs"),
        (lambda requests: requests.pop(1), CorruptData, "stream 0 lacks symbols"),
        (lambda requests: requests.pop(), CorruptData, "gains of stream 0 lacks symbols"),
        (lambda requests: requests.insert(1, requests[1]), CorruptData, "more symbols"),
        (lambda requests: requests.append(requests[-1]), CorruptData, "more symbols"),
        (symbols_of_no_stream, CorruptData, "no stream 7"),
        (gains_of_no_stream, CorruptData, "no stream 7"),
        (symbols_of_no_number, CorruptData, "out of bounds"),
        (no_draws, CorruptData, "1 streams do not have one draw"),
        (no_gains, CorruptData, "1 streams do not have one draw"),
        (foreign_draws, CorruptData, "one draw"),
        (vast_frame, TooLarge, f"exceeds {MAX_SYMBOLS} symbols"),
        (foreign_scheme, CorruptData, "morse"),
        (foreign_header, CorruptData, "header"),
        (foreign_network, NotFound, f"Use {NAME}"),
        (endless_steps, InvalidInput, "steps"),
        (without_pilots, InvalidInput, "csi=estimated"),
    ],
)
def test_bad_calls_say_what_is_wrong(
    talk: Talk, spoil: Spoil, error: type[SemlinkError], said: str
) -> None:
    async def conversation(client: Client) -> None:
        requests = client.requests()
        spoil(requests)
        with pytest.raises(error, match=said) as caught:
            await client.all_events(requests)
        assert not isinstance(caught.value, InternalError)

    talk(conversation)
