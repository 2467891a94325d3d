"""The link in one process and the same link as three services."""

from __future__ import annotations

import math
import socket
import time
from pathlib import Path

import numpy as np
import pytest
from tests.integration.telling import told

from semlink.core.capture import read_capture
from semlink.core.errors import (
    DeadlineExceeded,
    InvalidInput,
    NotFound,
    PictureLost,
    SemlinkError,
    Unavailable,
)
from semlink.core.events import (
    Demodulated,
    Denoised,
    Encoded,
    Outcome,
    Progress,
    Propagated,
    Reconstructed,
)
from semlink.core.pictures import Rgb, encode_png
from semlink.core.settings import TransmissionSettings, settings_from_fields
from semlink.lab import Link
from semlink.receiver.receiver import Receiver

FIELDS = {"segmenter": "tiny-segmenter", "network": "tiny-gesco", "size": 64, "steps": 3}
STEPS = 3


def settings(**fields: object) -> TransmissionSettings:
    return settings_from_fields(FIELDS | fields)


@pytest.fixture(scope="module")
def photo() -> Rgb:
    """Noise on a slope, 72x100: its map has many classes."""
    noise = np.random.default_rng(3).integers(0, 120, (72, 100, 3))
    return (noise + np.arange(100)[None, :, None]).astype(np.uint8)


@pytest.fixture(scope="module")
def local(tiny_segmenter: Path, tiny_gesco: Path) -> Link:
    return Link.local("cpu", folders=(tiny_segmenter, tiny_gesco))


@pytest.fixture(params=["local", "remote"])
def link(request: pytest.FixtureRequest) -> Link:
    found = request.getfixturevalue(request.param)
    assert isinstance(found, Link)
    return found


@pytest.mark.parametrize(
    "fields",
    [
        {"psnr_db": 10.0},
        {"snr_db": 3.0, "sampler": "ddpm", "guidance": 1.0},
        {"gesco_table_db": 100.0, "sampler": "ddim", "denoiser": "none", "seed": 7},
        {"preset": "paper", "steps": 2},
        {"transport": "digital", "channel": "rayleigh", "csi": "estimated", "psnr_db": 20.0},
        {"transport": "digital", "mcs": "header=qpsk-1/3,map=16qam-2/3", "psnr_db": 2.0},
        {"scheme": "webp", "channel": "tdl-c", "psnr_db": 25.0},
        {"scheme": "jpeg2000", "cpp": 0.5, "channel": "burst", "packet_uses": 64},
        {"scheme": "avif", "bpp": 4.0, "channel": "cdl-b", "csi": "estimated", "psnr_db": 30.0},
        {"scheme": "analog", "cpp": 0.7, "channel": "rician", "k_factor": 2.0},
        {"scheme": "jpegxl", "psnr_db": -20.0},
    ],
    ids=lambda fields: ",".join(map(str, fields.values())),
)
def test_both_links_tell_the_same_bit_by_bit(
    local: Link, remote: Link, photo: Rgb, fields: dict[str, object]
) -> None:
    assert told(local, photo, settings(**fields)) == told(remote, photo, settings(**fields))


def test_events_come_in_order(link: Link, photo: Rgb) -> None:
    kinds = [type(event) for event in link.events(photo, settings())]

    received = [Demodulated, Denoised]
    assert kinds == [Encoded, Propagated, *received, *[Progress] * STEPS, Reconstructed]


def test_schemes_without_networks_ask_for_none(link: Link, photo: Rgb) -> None:
    unheard = {"segmenter": "unheard-of", "network": "unheard-of"}

    kinds = [type(event) for event in link.events(photo, settings(scheme="webp", **unheard))]

    assert kinds == [Encoded, Propagated, Demodulated, Reconstructed]


def test_too_much_noise_is_an_outage_not_an_error(link: Link, photo: Rgb) -> None:
    result = link.send(photo, settings(scheme="webp", psnr_db=-30.0))

    assert result.outcome is Outcome.OUTAGE
    assert [stream.blocks_lost for stream in result.streams] == [1, None]
    with pytest.raises(PictureLost, match="header"):
        _ = result.picture


def test_a_code_that_is_too_weak_loses_the_picture_and_a_stronger_one_keeps_it(
    link: Link, photo: Rgb
) -> None:
    weak, strong = (
        link.send(photo, settings(scheme="webp", psnr_db=5.0, mcs=mcs))
        for mcs in ("64qam-5/6", "qpsk-1/3")
    )

    assert weak.outcome is Outcome.LOST
    assert weak.lost == ("picture",)
    assert strong.outcome is Outcome.RECONSTRUCTED


def test_a_progressive_file_is_a_picture_as_far_as_it_arrived(local: Link) -> None:
    photo = np.random.default_rng(3).integers(0, 256, (128, 128, 3)).astype(np.uint8)
    fields = {"scheme": "jpeg2000", "size": 128, "bpp": 8.0, "psnr_db": math.inf}

    whole = local.send(photo, settings(**fields))
    losses = {"channel": "erasure", "erasure_rate": 0.02, "mcs": "256qam-5/6"}
    broken = [local.send(photo, settings(seed=seed, **fields, **losses)) for seed in range(12)]

    partial = [result for result in broken if result.outcome is Outcome.PARTIAL]
    assert partial
    assert whole.psnr_db is not None
    for result in partial:
        assert result.lost == ("picture",)
        assert result.psnr_db is not None
        assert result.psnr_db < whole.psnr_db


@pytest.mark.parametrize("fields", [{"cpp": 0.4}, {"bpp": 2.0}], ids=["cpp", "bpp"])
@pytest.mark.parametrize("scheme", ["jpeg2000", "webp", "avif"])
def test_budgets_are_kept(local: Link, photo: Rgb, scheme: str, fields: dict[str, object]) -> None:
    result = local.send(photo, settings(scheme=scheme, psnr_db=math.inf, **fields))

    found = result.channel_uses_per_pixel if "cpp" in fields else result.bits_per_pixel
    (granted,) = fields.values()
    assert isinstance(granted, float)
    assert found <= granted


def test_the_picture_has_the_photos_size_and_the_map_the_working_size(
    link: Link, photo: Rgb
) -> None:
    result = link.send(photo, settings())

    assert result.picture.shape == photo.shape
    assert result.working_photo.shape == result.reconstructed.working_picture.shape
    assert result.encoded.sent_map is not None
    assert result.received_accuracy is not None
    assert result.working_photo.shape[:2] == result.encoded.sent_map.shape == (64, 96)
    assert 0.0 <= result.received_accuracy <= 1.0


def test_stages_account_for_the_whole_time(link: Link, photo: Rgb) -> None:
    result = link.send(photo, settings())

    assert all(seconds >= 0.0 for seconds in result.stages_s.values())
    assert sum(result.stages_s.values()) == pytest.approx(result.total_s)


def test_a_file_its_bytes_and_its_pixels_are_the_same_photo(
    link: Link, photo: Rgb, tmp_path: Path
) -> None:
    path = tmp_path / "photo.png"
    path.write_bytes(encode_png(photo))

    pictures = [link.send(source, settings()).picture for source in (path, encode_png(photo))]

    for picture in pictures:
        np.testing.assert_array_equal(picture, link.send(photo, settings()).picture)


def test_another_seed_is_another_picture(link: Link, photo: Rgb) -> None:
    pictures = [link.send(photo, settings(seed=seed)).picture for seed in (0, 1)]

    assert (pictures[0] != pictures[1]).any()


def test_more_noise_makes_more_errors_in_the_map(local: Link, photo: Rgb) -> None:
    levels_db = (0.0, 8.0, 16.0, 60.0)

    right: list[float] = []
    for psnr_db in levels_db:
        accuracy = local.send(photo, settings(psnr_db=psnr_db)).received_accuracy
        assert accuracy is not None
        right.append(accuracy)

    assert right == sorted(right)
    assert right[0] < right[-1] == 1.0


@pytest.mark.parametrize(
    ("field", "value", "error"),
    [
        ("network", "gesco-elsewhere", NotFound),
        ("segmenter", "no-such-segmenter", NotFound),
        ("ebno_db", 3.0, InvalidInput),  # samples carry no bits
    ],
)
def test_what_cannot_be_sent_is_said(
    link: Link, photo: Rgb, field: str, value: object, error: type[SemlinkError]
) -> None:
    with pytest.raises(error) as caught:
        link.send(photo, settings(**{field: value}))

    assert caught.value.value == f"{value:g}" if isinstance(value, float) else value
    assert caught.value.cure


def test_a_budget_that_is_too_small_is_said(link: Link, photo: Rgb) -> None:
    with pytest.raises(InvalidInput, match="Grant more") as caught:
        link.send(photo, settings(scheme="webp", cpp=0.001))

    assert caught.value.field == "cpp"


@pytest.mark.parametrize("source", [b"no picture", np.zeros((8, 8, 3), np.uint8)])
def test_what_is_no_photo_is_said(link: Link, source: bytes | Rgb) -> None:
    with pytest.raises(InvalidInput) as caught:
        link.send(source, settings())

    assert caught.value.field == "photo"


def test_time_runs_out(link: Link, photo: Rgb) -> None:
    with pytest.raises(DeadlineExceeded):
        link.send(photo, settings(steps=1000, sampler="ddpm"), timeout_s=0.3)


def test_leaving_early_is_over_at_once(link: Link, photo: Rgb) -> None:
    events = link.events(photo, settings(steps=1000, sampler="ddpm"))
    while not isinstance(next(events), Progress):
        pass
    start = time.perf_counter()

    events.close()  # type: ignore[attr-defined]  # an iterator to users, a generator to us

    assert time.perf_counter() - start < 10
    assert link.send(photo, settings()).picture.shape == photo.shape


@pytest.mark.parametrize("address", ["", "nowhere", "host:", "host:port", ":50051"])
def test_an_address_is_host_and_port(address: str) -> None:
    with pytest.raises(InvalidInput, match="HOST:PORT"):
        Link.connect(address)


def test_nobody_there_is_said_at_once(photo: Rgb) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    start = time.perf_counter()

    with pytest.raises(Unavailable, match=f"127.0.0.1:{port}"):
        Link.connect(f"127.0.0.1:{port}").send(photo, settings())

    assert time.perf_counter() - start < 10


def test_a_capture_replays_to_the_same_picture(
    photo: Rgb, tiny_segmenter: Path, tiny_gesco: Path, tmp_path: Path
) -> None:
    path = tmp_path / "air.slnk"
    link = Link.local("cpu", capture=path, folders=(tiny_segmenter, tiny_gesco))
    sent = link.send(photo, settings(seed=5))

    kept = read_capture(path)
    receiver = Receiver.load((str(tiny_gesco),), "cpu")
    *_, last = receiver.reconstruct(kept.propagation, kept.settings.receiver, kept.transmission)

    assert kept.settings == settings(seed=5)
    assert isinstance(last, Reconstructed)
    np.testing.assert_array_equal(last.picture, sent.picture)
