"""Sionna, which takes seconds to import and is imported when something first needs it."""

from __future__ import annotations

from threading import Lock

_loading = Lock()


def load_sionna() -> None:
    """Imports Sionna, one thread at a time.

    Its packages import each other in circles; Python refuses two threads that meet in one.
    """
    with _loading:
        import sionna.phy.channel.tr38901  # noqa: F401  # brings all the others
