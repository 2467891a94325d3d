"""One number of many transmissions."""

from __future__ import annotations

from collections.abc import Sequence

from semlink.lab.metrics.table import Row


def over_set(name: str, rows: Sequence[Row]) -> float:
    """A metric of a set of transmissions, from their rows.

    Rows without its columns are left out: say beside the number how many pictures were lost.

    Args:
        name: a key of `METRICS`; its `over` says what is done.
        rows: as `Evaluator.row` gave them.

    Returns:
        The value; nan where too few rows have one.
    """
    raise NotImplementedError
