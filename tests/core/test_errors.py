from __future__ import annotations

import grpc
import pytest

from semlink.core import errors
from semlink.core.errors import BY_GRPC, BY_NAME, STATUS, InvalidInput, SemlinkError


def descendants(error: type[SemlinkError]) -> set[type[SemlinkError]]:
    return {error}.union(*(descendants(child) for child in error.__subclasses__()))


def test_every_error_has_a_status() -> None:
    ours = {error for error in descendants(SemlinkError) if error.__module__ == errors.__name__}
    assert set(STATUS) == ours
    assert set(BY_NAME.values()) == ours


@pytest.mark.parametrize("error", STATUS)
def test_statuses_are_valid(error: type[SemlinkError]) -> None:
    status = STATUS[error]
    assert status.grpc in grpc.StatusCode.__members__
    assert status.grpc != "OK"
    assert 400 <= status.http < 600
    assert 1 <= status.exit <= 255


def test_a_bare_status_becomes_an_error_with_that_status() -> None:
    for name, error in BY_GRPC.items():
        assert STATUS[error].grpc == name
    unmapped = {status.grpc for status in STATUS.values()} - set(BY_GRPC)
    assert unmapped == {"UNKNOWN", "INTERNAL"}  # both become InternalError


def test_the_text_names_field_value_and_cure() -> None:
    error = InvalidInput("it is too large.", field="size", value=1024, cure="Use 512.")
    assert str(error) == "size=1024: it is too large. Use 512."
    assert str(InvalidInput("it is missing.", field="photo")) == "photo: it is missing."
    assert str(InvalidInput("no.")) == "no."
