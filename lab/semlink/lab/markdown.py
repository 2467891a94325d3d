"""Tables of GitHub's Markdown, for documents that quote a measurement."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TypeVar

Item = TypeVar("Item")


def markdown_table(columns: Mapping[str, Callable[[Item], str]], items: Iterable[Item]) -> str:
    """A line per item; the first column is a name, the others are numbers.

    Args:
        columns: what a cell says of an item, by the column's heading.
        items: in order.
    """
    rule = ["---", *["---:"] * (len(columns) - 1)]
    body = ([_escaped(cell(item)) for cell in columns.values()] for item in items)
    return "".join(f"| {' | '.join(cells)} |\n" for cells in (list(columns), rule, *body))


def _escaped(text: str) -> str:
    return text.replace("|", "\\|").replace("*", "\\*")
