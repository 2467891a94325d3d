"""Whoever uses the link: `from semlink.lab import Link`.

Imports nothing until it is asked to, so that the command line starts at once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from semlink.lab.link import Link

__all__ = ["Link"]


def __getattr__(name: str) -> Any:
    if name != "Link":
        raise AttributeError(f"module {__name__} has no attribute {name!r}")
    from semlink.lab.link import Link

    return Link
