"""How the loops of the coder become machine code."""

from __future__ import annotations

from collections.abc import Callable
from hashlib import sha256
from importlib.resources import files
from inspect import unwrap
from typing import Any, TypeVar, cast

import numpy as np
from numba import njit

F = TypeVar("F", bound=Callable[..., object])


# Wrappers for calls from elsewhere take a third of the time to compile.
INNER: dict[str, Any] = {"nogil": True, "no_cpython_wrapper": True, "no_cfunc_wrapper": True}


def fingerprint() -> int:
    """A number that changes with the source of this package."""
    sources = sorted(
        (path.name, path.read_bytes())
        for path in files("semlink.core.codecs.label_coder").iterdir()
        if path.name.endswith(".py")
    )
    return int.from_bytes(sha256(repr(sources).encode()).digest()[:7])


SOURCES = fingerprint()


def compiled(function: F) -> F:
    """The function as machine code, to be called from compiled functions only.

    What it computes is what Python computes from it: integers only, none beyond 64 bits.
    Wrappers that check types are taken off.
    """
    return cast(F, njit(**INNER)(unwrap(function)))


def compiled_and_kept(function: F) -> F:
    """The function as machine code without Python's lock, kept on disk for the next process.

    numba looks for a place beside the source, then in the user's cache folder, and raises if
    it may write to neither; then nothing is kept. It sees that the code is out of date by the time
    and length of the function's own file only, which says nothing of what the function calls.
    So the function needs an argument that is left out, with the default SOURCES:
    numba takes its value for a type.
    """
    try:
        return cast(F, njit(nogil=True, cache=True)(unwrap(function)))
    except RuntimeError:
        return cast(F, njit(nogil=True)(unwrap(function)))


@compiled
def wide(value: int) -> Any:
    """An element of an array as an integer of 64 bits, so that sums with it do not overflow."""
    return np.int64(value)
