"""What all settings have in common, and how a fault in one becomes an error of ours."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from semlink.core.errors import InvalidInput

MODEL_NAME = r"^[A-Za-z0-9][A-Za-z0-9._/-]{0,199}$"


def _no_nan(value: float) -> float:
    if math.isnan(value):
        raise ValueError("it is not a number")
    return value


Level = Annotated[float, AfterValidator(_no_nan)]
Finite = Annotated[float, Field(allow_inf_nan=False)]


class Settings(BaseModel):
    """Immutable; unknown fields are refused.

    The fields' descriptions and examples are what forms, error messages and the OpenAPI page show.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", use_enum_values=False)


S = TypeVar("S", bound=Settings)


def validated(model: type[S], values: Mapping[str, Any]) -> S:
    """Builds settings; the first thing wrong becomes an error of ours.

    Raises:
        InvalidInput: with the field, the value and the cure.
    """
    try:
        return model.model_validate(dict(values))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        path = tuple(str(part) for part in first["loc"])
        raise invalid_input(model, path, first["msg"], first["input"]) from error


def invalid_input(
    model: type[BaseModel], path: tuple[str, ...], message: str, value: object
) -> InvalidInput:
    """The error of ours for a fault that pydantic found; its cure is the field's description.

    Args:
        model: whose fields were checked.
        path: name of the field, followed by where inside it the fault is.
        message: pydantic's, as in "Input should be less than or equal to 20".
        value: what was given.
    """
    known = model.model_fields.get(path[0]) if path else None
    wanted = (known.description if known else None) or f"one of {', '.join(model.model_fields)}."
    reason = message.removeprefix("Value error, ")
    return InvalidInput(
        f"{reason[:1].lower()}{reason[1:]}.",
        field=".".join(path),
        value=repr(value)[:80],
        cure=f"Wanted: {wanted[:1].lower()}{wanted[1:]}",
    )
