from __future__ import annotations

import asyncio
import io
import struct
import threading
import zlib
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

import httpx
import numpy as np
import pytest
from PIL import Image

from semlink.core.errors import STATUS
from semlink.core.events import Lost, Outcome
from semlink.core.phy.layouts import CodedLayout
from semlink.core.pictures import Rgb, encode_png, photo_digest, read_photo
from semlink.transmitter.front import Front
from semlink.transmitter.rest import create_app
from semlink.transmitter.settings import TransmitterServerSettings

Start = Callable[..., AbstractAsyncContextManager[Any]]


def error_of(reply: httpx.Response) -> dict[str, str]:
    error = reply.json()["error"]
    assert set(error) == {"type", "message", "field", "value", "cure"}
    assert STATUS[{kind.__name__: kind for kind in STATUS}[error["type"]]]
    assert error["message"]
    assert error["cure"]
    return dict(error)


def bomb() -> bytes:
    """A PNG that says 30000 x 30000 in a few bytes."""

    def chunk(name: bytes, data: bytes) -> bytes:
        check = struct.pack(">I", zlib.crc32(name + data))
        return struct.pack(">I", len(data)) + name + data + check

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", 30000, 30000, 8, 2, 0, 0, 0))
    body = chunk(b"IDAT", zlib.compress(bytes(1000)))
    return b"\x89PNG\r\n\x1a\n" + head + body + chunk(b"IEND", b"")


def test_a_photo_comes_back_as_a_png_of_its_size(rest: Start, jpeg: bytes) -> None:
    async def scenario() -> None:
        async with rest() as running:
            reply = await running.post(jpeg, psnr_db="12.5", seed="7", steps="3")
            assert reply.status_code == 200, reply.text
            assert reply.headers["content-type"] == "image/png"
            with Image.open(io.BytesIO(reply.content)) as picture:
                assert picture.size == (130, 90)
            assert reply.headers["x-semlink-outcome"] == "reconstructed"
            assert reply.headers["x-semlink-blocks-lost"] == "header=1/3"
            assert reply.headers["x-semlink-measured-snr-db"] == "header=7.50, map=7.50"
            assert reply.headers["x-semlink-measured-psnr-db"] == "header=10.25, map=10.25"
            assert reply.headers["x-semlink-working-size"] == "96x64"
            frame, head = running.hop.frames[0], running.hop.heads[0]
            uses = sum(frame.channel_uses(stream) for stream in frame.streams)
            assert int(reply.headers["x-semlink-channel-uses"]) == uses > 0
            assert reply.headers["x-semlink-transmission-id"] == head.transmission.transmission_id
            assert float(reply.headers["x-semlink-seconds"]) > 0.0
            assert (head.settings.noise, head.settings.level) == ("psnr_db", 12.5)
            assert (head.receiver.steps, head.transmission.seed) == (3, 7)
            assert head.transmission.photo_digest == photo_digest(read_photo(jpeg))

    asyncio.run(scenario())


def test_settings_of_every_part_reach_the_next_hop(rest: Start, jpeg: bytes) -> None:
    async def scenario() -> None:
        async with rest() as running:
            reply = await running.post(
                jpeg,
                channel="rician",
                k_factor="2.5",
                coherence_uses="64",
                pilots="4",
                csi="estimated",
                transport="digital",
                mcs="map=qpsk-1/3",
            )
            assert reply.status_code == 200, reply.text
            head, frame = running.hop.heads[0], running.hop.frames[0]
            medium = head.settings
            assert (medium.model, medium.k_factor, medium.pilots) == ("rician", 2.5, 4)
            assert head.receiver.csi == "estimated"
            assert frame.grid is not None
            assert (frame.grid.rows, frame.grid.pilots) == (64, 4)
            layout = frame.streams[-1].layout
            assert isinstance(layout, CodedLayout)
            assert layout.mcs == "qpsk-1/3"

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("scheme", "lost"),
    [("gesco", Lost(Outcome.LOST, ("map",))), ("gesco", Lost(Outcome.OUTAGE, ("header",)))],
    ids=["lost", "outage"],
)
def test_a_picture_that_the_radio_lost_is_424(
    rest: Start, jpeg: bytes, scheme: str, lost: Lost
) -> None:
    async def scenario() -> None:
        async with rest(lost=lost) as running:
            reply = await running.post(jpeg, scheme=scheme)
            assert reply.status_code == 424
            error = error_of(reply)
            assert error["type"] == "PictureLost"
            assert (error["field"], error["value"]) == ("outcome", lost.outcome.value)
            assert lost.payloads[0] in error["message"]
            assert "power" in error["cure"]

    asyncio.run(scenario())


BAD: list[tuple[bytes | None, dict[str, str], int, str]] = [  # None: a good photo
    (b"no picture at all", {}, 415, "photo"),
    (b"", {}, 415, "photo"),
    (encode_png(np.zeros((1, 1, 3), np.uint8)), {}, 422, "photo"),
    (encode_png(np.zeros((20, 90, 3), np.uint8)), {}, 422, "photo"),
    (bomb(), {}, 413, "photo"),
    (None, {"scheme": "telepathy"}, 422, "scheme"),
    (None, {"psnr_db": "nan"}, 422, "psnr_db"),
    (None, {"psnr_db": "loud"}, 422, "psnr_db"),
    (None, {"psnr_db": "1", "sigma": "1"}, 422, "noise"),
    (None, {"gesco_table_db": "7"}, 422, "gesco_table_db"),
    (None, {"channel": "fog"}, 422, "channel"),
    (None, {"preset": "magazine"}, 422, "preset"),
    (None, {"preset": "paper", "scheme": "webp"}, 422, "preset"),
    (None, {"transport": "pigeon"}, 422, "transport"),
    (None, {"csi": "divined"}, 422, "csi"),
    (None, {"mcs": "64qam-9/10"}, 422, "mcs"),
    (None, {"bpp": "0"}, 422, "bpp"),
    (None, {"bpp": "1", "cpp": "1"}, 422, "bpp, cpp"),
    (None, {"cpp": "0.001"}, 422, "cpp"),
    (None, {"erasure_rate": "1.5"}, 422, "erasure_rate"),
    (None, {"subcarriers": "4"}, 422, "subcarriers"),
    (None, {"speed_mps": "inf"}, 422, "speed_mps"),
    (None, {"pilots": "14", "channel": "tdl-a"}, 422, "pilots"),
    (None, {"steps": "0"}, 422, "steps"),
    (None, {"size": "100"}, 422, "size"),
    (None, {"seed": "-1"}, 422, "seed"),
    (None, {"guidance": "inf"}, 422, "guidance"),
    (None, {"timeout_s": "0"}, 422, "timeout_s"),
    (None, {"timeout_s": "nan"}, 422, "timeout_s"),
    (None, {"volume": "11"}, 422, "volume"),
    (None, {"segmenter": "unheard-of"}, 404, "segmenter"),
    (None, {"segmenter": "../../etc"}, 422, "segmenter"),
]


def test_bad_input_is_named_and_the_next_photo_works(rest: Start, jpeg: bytes) -> None:
    async def scenario() -> None:
        async with rest() as running:
            for content, fields, status, field in BAD:
                reply = await running.post(jpeg if content is None else content, **fields)
                found = (reply.status_code, error_of(reply)["field"])
                assert found == (status, field), (fields, reply.text)
            assert running.hop.frames == []
            assert (await running.post(jpeg)).status_code == 200

    asyncio.run(scenario())


def test_a_truncated_jpeg_is_unsupported(rest: Start, jpeg: bytes) -> None:
    async def scenario() -> None:
        async with rest() as running:
            reply = await running.post(jpeg[: len(jpeg) // 2])
            assert reply.status_code == 415
            assert "cut short" in error_of(reply)["message"]

    asyncio.run(scenario())


def test_settings_in_the_address_or_in_json_are_refused(rest: Start, jpeg: bytes) -> None:
    async def scenario() -> None:
        async with rest() as running:
            path = "/v1/reconstructions"
            query = await running.client.post(f"{path}?steps=3", files={"photo": jpeg})
            as_json = await running.client.post(path, json={"steps": 3})
            as_text = await running.client.post(path, data={"photo": "street.jpg"})
            wrong = await running.client.post(
                path, content=b"--x", headers={"Content-Type": "multipart/form-data"}
            )
            assert [query.status_code, as_json.status_code, as_text.status_code] == [422] * 3
            assert error_of(query)["field"] == "query"
            assert error_of(as_json)["field"] == error_of(as_text)["field"] == "photo"
            assert wrong.status_code == 400
            error_of(wrong)
            nowhere = await running.client.get("/v2")
            assert nowhere.status_code == 404
            error_of(nowhere)

    asyncio.run(scenario())


FORM_HEAD = (
    b"POST /v1/reconstructions HTTP/1.1\r\nHost: x\r\n"
    b"Content-Type: multipart/form-data; boundary=x\r\n"
)


async def answer_to(url: str, head: bytes, piece: bytes) -> tuple[bytes, int]:
    """What the server says while pieces go on coming in, and how many of them it let in."""
    reader, writer = await asyncio.open_connection(*url.removeprefix("http://").split(":"))
    writer.write(FORM_HEAD + head)
    sent = 0

    async def pump() -> None:
        nonlocal sent
        while piece:
            writer.write(piece)
            await writer.drain()
            sent += 1

    pumping = asyncio.create_task(pump())
    answer = await asyncio.wait_for(reader.readuntil(b"}}"), 10)
    pumping.cancel()
    await asyncio.wait({pumping})
    writer.transport.abort()
    return answer, sent


def test_too_many_bytes_are_refused_while_they_come_in(rest: Start, jpeg: bytes) -> None:
    """These uploads would never end; the answer comes when the bound is reached."""
    part = b'--x\r\nContent-Disposition: form-data; name="photo"; filename="p"\r\n\r\n'
    sized = b"Content-Length: 62914560\r\n\r\n" + part
    chunked = b"Transfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n" % (len(part), part)
    piece = b"4000\r\n" + bytes(1 << 14) + b"\r\n"

    async def scenario() -> None:
        async with rest(upload_bytes=1 << 20) as running:
            for head in (sized, chunked):
                answer, sent = await answer_to(running.url, head, piece)
                assert answer.startswith(b"HTTP/1.1 413 ")
                assert b"TooLarge" in answer
                assert sent << 14 < 50 << 20
            assert (await running.post(jpeg)).status_code == 200

    asyncio.run(scenario())


def test_a_slow_upload_is_given_up(rest: Start) -> None:
    async def scenario() -> None:
        async with rest(upload_timeout_s=0.3) as running:
            answer, _ = await answer_to(running.url, b"Content-Length: 1000\r\n\r\n", b"")
            assert answer.startswith(b"HTTP/1.1 504 ")
            assert b"without pauses" in answer

    asyncio.run(scenario())


def test_the_deadline_ends_the_work_everywhere(rest: Start, jpeg: bytes) -> None:
    async def scenario() -> None:
        async with rest(hold=True) as running:
            reply = await running.post(jpeg, timeout_s="0.7")
            assert reply.status_code == 504
            error_of(reply)
            await asyncio.wait_for(running.hop.cancelled.wait(), 5)

    asyncio.run(scenario())


def test_hanging_up_ends_the_work_everywhere(rest: Start, jpeg: bytes) -> None:
    async def scenario() -> None:
        async with rest(hold=True, calls=1) as running:
            call = asyncio.create_task(running.post(jpeg))
            await asyncio.wait_for(running.hop.called.wait(), 10)
            full = await running.post(jpeg)
            assert full.status_code == 429
            assert int(full.headers["retry-after"]) > 0
            assert error_of(full)["field"] == "calls"
            call.cancel()
            await asyncio.wait_for(running.hop.cancelled.wait(), 5)
            running.hop.hold = False
            assert (await running.post(jpeg)).status_code == 200

    asyncio.run(scenario())


def test_a_full_queue_asks_to_come_back(rest: Start, jpeg: bytes) -> None:
    async def scenario() -> None:
        async with rest(queue=0) as running:
            done = threading.Event()
            occupied = asyncio.create_task(running.front.worker.run(done.wait))
            await asyncio.sleep(0)
            reply = await running.post(jpeg)
            assert reply.status_code == 429
            assert int(reply.headers["retry-after"]) > 0
            assert error_of(reply)["field"] == "queue"
            done.set()
            await occupied
            assert (await running.post(jpeg)).status_code == 200

    asyncio.run(scenario())


def test_waiting_for_the_device_counts_towards_the_deadline(rest: Start, jpeg: bytes) -> None:
    async def scenario() -> None:
        async with rest() as running:
            done = threading.Event()
            occupied = asyncio.create_task(running.front.worker.run(done.wait))
            await asyncio.sleep(0)
            reply = await running.post(jpeg, timeout_s="0.2")
            done.set()
            await occupied
            assert reply.status_code == 504
            assert error_of(reply)["field"] == "timeout_s"

    asyncio.run(scenario())


def test_a_channel_that_is_down_is_said_to_be(rest: Start, jpeg: bytes) -> None:
    async def scenario() -> None:
        async with rest(channel_address="127.0.0.1:9") as running:
            reply = await running.post(jpeg)
            assert reply.status_code == 503
            assert int(reply.headers["retry-after"]) > 0
            assert "127.0.0.1:9" in error_of(reply)["message"]
            ready = await running.client.get("/readyz")
            assert ready.status_code == 503
            assert "127.0.0.1:9" in error_of(ready)["message"]
            assert (await running.client.get("/healthz")).status_code == 200

    asyncio.run(scenario())


def test_ready_when_the_networks_are_warm_and_the_channel_serves(rest: Start) -> None:
    async def scenario() -> None:
        async with rest() as running:
            assert (await running.client.get("/readyz")).json() == {"status": "ready"}
        cold = create_app(Front(TransmitterServerSettings()))
        transport = httpx.ASGITransport(cold)
        async with httpx.AsyncClient(transport=transport, base_url="http://cold") as client:
            reply = await client.get("/readyz")
            assert reply.status_code == 503
            assert "loading" in error_of(reply)["message"]

    asyncio.run(scenario())


def test_a_defect_is_reported_as_one(
    rest: Start, photo: Rgb, jpeg: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError

    async def scenario() -> None:
        async with rest() as running:
            with monkeypatch.context() as patch:
                patch.setattr("semlink.transmitter.front.photo_digest", broken)
                reply = await running.post(jpeg)
            assert reply.status_code == 500
            assert reply.json()["error"]["type"] == "InternalError"
            assert (await running.post(jpeg)).status_code == 200

    asyncio.run(scenario())
