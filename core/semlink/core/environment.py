"""Kinds of settings that services read from the environment."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator
from pydantic_settings import NoDecode


def _split(value: Any) -> Any:
    return tuple(filter(None, value.split(","))) if isinstance(value, str) else value


# One or more names; in an environment variable with commas between them, not as JSON.
Names = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_split)]
