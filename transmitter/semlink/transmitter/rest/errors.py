"""How the REST interface reports what goes wrong, and how its schema tells of it."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException

from semlink.core.base_settings import invalid_input
from semlink.core.errors import (
    STATUS,
    Busy,
    CorruptData,
    DeadlineExceeded,
    InternalError,
    InvalidInput,
    NotFound,
    PictureLost,
    SemlinkError,
    TooLarge,
    Unavailable,
    UnsupportedMedia,
)
from semlink.transmitter.rest.form import ReconstructionForm

RETRY_AFTER_S: dict[type[SemlinkError], int] = {Busy: 2, Unavailable: 5}

REASONS: dict[type[SemlinkError], str] = {
    CorruptData: "The body is not a form that can be read.",
    NotFound: "A network of that name is not served.",
    TooLarge: "The photo has too many bytes or pixels.",
    UnsupportedMedia: "The photo is not a picture, or is damaged.",
    InvalidInput: "A setting is unknown, out of range or missing.",
    PictureLost: "The radio lost too much for a picture; the error says what.",
    Busy: "The queue is full; Retry-After says when to come back.",
    InternalError: "A defect; the log of the service has the details.",
    Unavailable: "A service of the link is down or still loading.",
    DeadlineExceeded: "The picture was not ready within timeout_s.",
}


class ErrorDetail(BaseModel):
    """One error."""

    type: str = Field(description="Name of the error.", examples=["InvalidInput"])
    message: str = Field(
        description="What went wrong.", examples=["input should be less than or equal to 1000."]
    )
    field: str = Field(description="The field at fault, or empty.", examples=["steps"])
    value: str = Field(description="What it was, shortened.", examples=["5000"])
    cure: str = Field(
        description="What to do about it.", examples=["Wanted: timesteps visited, 1 .. 1000."]
    )


class ErrorBody(BaseModel):
    """Body of every answer that is not a success."""

    error: ErrorDetail


def error_response(error: SemlinkError, status: int | None = None) -> JSONResponse:
    """The answer for an error, by the table in `core.errors` unless a status is given."""
    kind = type(error)
    detail = ErrorDetail(
        type=kind.__name__,
        message=error.message,
        field=error.field,
        value=error.value,
        cure=error.cure,
    )
    retry_s = RETRY_AFTER_S.get(kind)
    headers = {"Retry-After": str(retry_s)} if retry_s else None
    body = ErrorBody(error=detail).model_dump()
    return JSONResponse(body, status or STATUS[kind].http, headers)


def add_error_handlers(app: FastAPI) -> None:
    """Every error leaves the application as an `ErrorBody`."""
    app.add_exception_handler(SemlinkError, _on_error)
    app.add_exception_handler(RequestValidationError, _on_invalid_form)
    app.add_exception_handler(HTTPException, _on_http_error)
    app.add_exception_handler(Exception, _on_defect)


def error_docs(*kinds: type[SemlinkError]) -> dict[int | str, dict[str, Any]]:
    """OpenAPI responses of a route that may end with these errors."""
    return {STATUS[kind].http: _error_doc(kind) for kind in kinds}


def _error_doc(kind: type[SemlinkError]) -> dict[str, Any]:
    doc: dict[str, Any] = {"model": ErrorBody, "description": REASONS[kind]}
    if kind in RETRY_AFTER_S:
        schema = {"schema": {"type": "integer"}, "description": "Seconds."}
        doc["headers"] = {"Retry-After": schema}
    return doc


async def _on_error(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, SemlinkError)
    return error_response(error)


async def _on_invalid_form(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    path = tuple(str(part) for part in first["loc"][1:])
    return error_response(invalid_input(ReconstructionForm, path, first["msg"], first["input"]))


async def _on_http_error(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    kind = NotFound if error.status_code == 404 else InvalidInput
    found = kind(
        f"{str(error.detail).rstrip('.')}.",
        field="path",
        value=request.url.path,
        cure="See /docs.",
    )
    return error_response(found, error.status_code)


async def _on_defect(request: Request, error: Exception) -> JSONResponse:
    """Starlette raises the error again after this answer, so that it comes into the log."""
    return error_response(InternalError("a defect; the log of the service has the details."))
