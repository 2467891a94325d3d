"""The REST interface: one request, one photo, one picture back."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from contextlib import aclosing
from time import perf_counter
from typing import Annotated, Any, TypeVar
from uuid import uuid4

from fastapi import APIRouter, FastAPI, Form, Request, Response

from semlink.core.errors import Cancelled, InternalError, InvalidInput, Unavailable
from semlink.core.event_serde import MAX_PICTURE_BYTES
from semlink.core.events import Lost, Outcome
from semlink.transmitter.front import Front, Job
from semlink.transmitter.rest.errors import REASONS, add_error_handlers, error_docs
from semlink.transmitter.rest.form import ReconstructionForm
from semlink.transmitter.rest.upload import UploadGuard

R = TypeVar("R")

DESCRIPTION = """\
Sends a photo over a simulated semantic communication link: the transmitter encodes it with the
scheme that is asked for (a segmentation map, or a conventional codec to compare with), modulated
symbols cross a noisy radio channel, and the receiver makes a picture of what arrives. The same
photo, settings and seed give the same picture.

    curl -F photo=@street.jpg -F psnr_db=10 http://127.0.0.1:8080/v1/reconstructions -o out.png
"""

REPLY_HEADERS = {
    "X-Semlink-Transmission-Id": "Names the transmission in the logs of all services.",
    "X-Semlink-Outcome": "reconstructed, or partial where the radio lost a part of it.",
    "X-Semlink-Working-Size": "WIDTHxHEIGHT of the picture that the scheme works on.",
    "X-Semlink-Channel-Uses": "Complex symbols that crossed the channel, pilots included.",
    "X-Semlink-Measured-SNR-dB": "Of each stream as it was drawn, as in map=9.97.",
    "X-Semlink-Measured-PSNR-dB": "Of each stream as it was drawn.",
    "X-Semlink-Blocks-Lost": "Transport blocks of each stream of bits, as in picture=2/7.",
    "X-Semlink-Seconds": "From the end of the upload to the picture.",
}


def create_app(front: Front) -> FastAPI:
    """The application, in front of the given front."""
    app = FastAPI(title="Semlink", version="1", description=DESCRIPTION)
    app.state.front = front
    app.include_router(router)
    app.add_middleware(UploadGuard, front=front)
    add_error_handlers(app)
    return app


router = APIRouter()


_PICTURE_DOC: dict[str, Any] = {
    "description": "The reconstructed picture, as large as the photo.",
    "content": {"image/png": {"schema": {"type": "string", "format": "binary"}}},
    "headers": {
        name: {"schema": {"type": "string"}, "description": meaning}
        for name, meaning in REPLY_HEADERS.items()
    },
}


@router.post(
    "/v1/reconstructions",
    summary="Send a photo over the link",
    response_class=Response,
    responses={200: _PICTURE_DOC, **error_docs(*REASONS)},
)
async def reconstruct(
    request: Request, form: Annotated[ReconstructionForm, Form(media_type="multipart/form-data")]
) -> Response:
    """Answers with the reconstruction when it is painted. Hanging up stops the work."""
    _refuse_query(request)
    job = Job(uuid4().hex, await form.photo.read(), form.settings(), form.timeout_s)
    return await _while_connected(request, _reconstruction(request.app.state.front, job))


@router.get("/healthz", summary="Whether the process is alive")
async def healthz() -> dict[str, str]:
    """Says so."""
    return {"status": "alive"}


@router.get(
    "/readyz", summary="Whether a photo could be sent now", responses=error_docs(Unavailable)
)
async def readyz(request: Request) -> dict[str, str]:
    """Looks at the transmitter's networks and at the health of the channel, the next hop."""
    await request.app.state.front.check_ready()
    return {"status": "ready"}


async def _reconstruction(front: Front, job: Job) -> Response:
    """The PNG goes through as the receiver wrote it."""
    start = perf_counter()
    png = bytearray()
    told: dict[str, Any] = {}
    async with aclosing(front.transmit(job)) as events:
        async for event in events:
            kind = event.WhichOneof("kind") or ""
            if kind != "picture":
                told[kind] = getattr(event, kind, None)
            elif event.picture.name == "picture" and len(png) < MAX_PICTURE_BYTES:
                png += event.picture.png
    if "lost" in told:
        raise Lost(Outcome(told["lost"].outcome), tuple(told["lost"].payloads)).error
    if "reconstructed" not in told:
        raise InternalError("the transmission ended without a picture.", cure="Send it again.")
    headers = _reply_headers(job, told, perf_counter() - start)
    return Response(bytes(png), media_type="image/png", headers=headers)


def _reply_headers(job: Job, told: dict[str, Any], seconds: float) -> dict[str, str]:
    encoded, draws = told["encoded"], told["propagated"].draws
    coded = [item for item in told["demodulated"].payloads if item.blocks]
    values = (
        job.transmission_id,
        Outcome.PARTIAL if told["reconstructed"].lost else Outcome.RECONSTRUCTED,
        f"{encoded.working.width}x{encoded.working.height}",
        str(sum(payload.channel_uses for payload in encoded.payloads)),
        ", ".join(f"{draw.name}={draw.measured_snr_db:.2f}" for draw in draws),
        ", ".join(f"{draw.name}={draw.measured_psnr_db:.2f}" for draw in draws),
        ", ".join(f"{item.name}={item.blocks_lost}/{item.blocks}" for item in coded),
        f"{seconds:.3f}",
    )
    return dict(zip(REPLY_HEADERS, values, strict=True))


async def _while_connected(request: Request, work: Coroutine[Any, Any, R]) -> R:
    """Result of the work, which is cancelled when the client hangs up.

    Raises:
        Cancelled: it did.
    """
    working, gone = asyncio.create_task(work), asyncio.create_task(_disconnected(request))
    try:
        await asyncio.wait({working, gone}, return_when=asyncio.FIRST_COMPLETED)
        if working.done():
            return working.result()
        raise Cancelled("the client hung up.")
    finally:
        working.cancel()
        gone.cancel()
        await asyncio.wait({working, gone})


async def _disconnected(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


def _refuse_query(request: Request) -> None:
    if request.query_params:
        raise InvalidInput(
            "settings are not read from the address.",
            field="query",
            value=str(request.query_params)[:80],
            cure="Send them as fields of the form.",
        )
