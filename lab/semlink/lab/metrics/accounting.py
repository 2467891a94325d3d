"""What a transmission cost and what became of its blocks: a row without any network."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from semlink.lab.result import Result


def accounting(result: Result) -> dict[str, float]:
    """Rate, errors, seconds and memory of one transmission."""
    raise NotImplementedError
