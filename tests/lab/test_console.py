from __future__ import annotations

import io
from collections.abc import Callable, Iterator

import pytest
from rich.console import Console

from semlink.core.events import Event, Outcome, Progress
from semlink.core.settings import settings_from_fields
from semlink.lab import console
from semlink.lab.console import ENDINGS, PIPE_COLUMNS, StageBars, stages, wide_console
from semlink.lab.result import Result

Make = Callable[..., Result]


def events_of(result: Result) -> Iterator[Event]:
    yield from (result.encoded, result.propagated, result.demodulated)
    if result.denoised:
        yield result.denoised
    if result.denoised and result.outcome in (Outcome.RECONSTRUCTED, Outcome.PARTIAL):
        yield from (Progress(step, 12) for step in range(1, 13))
    yield result.ending


@pytest.fixture
def screen(monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    """What the bars draw on a terminal."""
    drawn = io.StringIO()

    def terminal(**_: object) -> Console:
        return Console(file=drawn, force_terminal=True, width=80, color_system=None)

    monkeypatch.setattr(console, "Console", terminal)
    return drawn


def test_only_a_map_is_denoised_and_only_diffusion_has_steps() -> None:
    gesco = stages(settings_from_fields({"steps": 7}))
    codec = stages(settings_from_fields({"scheme": "webp", "steps": 7}))

    assert gesco["reconstruct"] == 7
    assert codec["reconstruct"] == 1
    assert set(gesco) - set(codec) == {"denoise"}


@pytest.mark.parametrize("outcome", list(Outcome))
def test_bars_follow_every_transmission_to_its_end(
    make_result: Make, make_coded: Make, outcome: Outcome, screen: io.StringIO
) -> None:
    for result in (make_result(outcome=outcome), make_coded(outcome)):
        with StageBars(result.settings) as bars:
            bars.loaded()
            for event in events_of(result):
                bars(event)
        last = screen.getvalue().split("load ")[-1]
        whole = outcome in (Outcome.RECONSTRUCTED, Outcome.PARTIAL)
        steps = stages(result.settings)["reconstruct"]

        assert f"{steps if whole else 0}/{steps}" in last.split("reconstruct")[-1]


def test_every_outcome_can_be_said() -> None:
    assert set(ENDINGS) == set(Outcome)


def test_a_pipe_is_wide_enough_unless_it_says_how_wide_it_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    assert wide_console().width == PIPE_COLUMNS
    monkeypatch.setenv("COLUMNS", "60")
    assert wide_console().width == 60
