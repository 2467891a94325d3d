from __future__ import annotations

import math
from pathlib import Path

import msgpack
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from semlink.core import capture as module
from semlink.core.capture import (
    Capture,
    capture_from_bytes,
    capture_to_bytes,
    read_capture,
    write_capture,
)
from semlink.core.errors import CorruptData, NotFound, SemlinkError, TooLarge
from semlink.core.frame import Propagation, StreamDraw
from semlink.core.message import Message, SamplesPayload
from semlink.core.phy import demodulate, modulate
from semlink.core.schemes import Scheme
from semlink.core.settings import ChannelSettings, TransmissionSettings
from semlink.core.transmission import Transmission


def capture(*sizes: int) -> Capture:
    generator = np.random.default_rng(0)
    payloads = [
        SamplesPayload(f"p{index}", generator.random(size, np.float32), 1.0)
        for index, size in enumerate(sizes)
    ]
    frame = modulate(Message(Scheme.GESCO, b"header", tuple(payloads)))
    draws = [StreamDraw(stream.name, 0.2, 0.19, 3.0, math.inf) for stream in frame.streams]
    return Capture(
        Transmission("0f" * 8, 7, "ab" * 32),
        TransmissionSettings(seed=7, channel=ChannelSettings(level=math.inf)),
        Propagation(frame, tuple(draws)),
    )


SMALL = capture(5, 4)
DATA = capture_to_bytes(SMALL)


def assert_same(one: Capture, other: Capture) -> None:
    assert (one.transmission, one.settings) == (other.transmission, other.settings)
    assert one.propagation.draws == other.propagation.draws
    ours, theirs = demodulate(one.propagation), demodulate(other.propagation)
    assert (ours.scheme, ours.header) == (theirs.scheme, theirs.header)
    for stream in one.propagation.frame.streams:
        left, right = ours.samples(stream.name), theirs.samples(stream.name)
        np.testing.assert_array_equal(left.samples, right.samples)


@settings(max_examples=20)
@given(st.lists(st.integers(1, 40), max_size=5))
def test_round_trip(sizes: list[int]) -> None:
    original = capture(*sizes)
    assert_same(capture_from_bytes(capture_to_bytes(original)), original)


def test_file_round_trip(tmp_path: Path) -> None:
    path = tmp_path / "photo.capture"
    write_capture(path, capture(9))
    write_capture(path, SMALL)  # replaces the file
    assert_same(read_capture(path), SMALL)
    assert [item.name for item in tmp_path.iterdir()] == ["photo.capture"]


def test_a_write_that_fails_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "photo.capture"
    write_capture(path, SMALL)

    def fails(*_: object) -> None:
        raise OSError("no space left")

    monkeypatch.setattr("os.replace", fails)
    with pytest.raises(OSError, match="no space"):
        write_capture(path, capture(9))
    assert_same(read_capture(path), SMALL)


def test_no_such_file(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="absent"):
        read_capture(tmp_path / "absent")
    with pytest.raises(NotFound):
        read_capture(tmp_path)


def test_too_large(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    write_capture(tmp_path / "file", SMALL)
    monkeypatch.setattr(module, "MAX_BYTES", len(DATA) - 1)
    with pytest.raises(TooLarge):
        read_capture(tmp_path / "file")


@pytest.mark.parametrize("data", [b"", b"SLN", b"SLNK", b"SLNK\x02" + DATA[5:], b"\x89PNG\r\n"])
def test_other_files_are_refused(data: bytes) -> None:
    with pytest.raises(CorruptData, match="start as a capture"):
        capture_from_bytes(data)


def test_cut_short_anywhere() -> None:
    for end in range(5, len(DATA)):
        with pytest.raises(CorruptData):
            capture_from_bytes(DATA[:end])


changes = st.tuples(st.integers(5, len(DATA) - 1), st.integers(0, 255))


@settings(max_examples=1000)
@given(st.lists(changes, min_size=1, max_size=4))
def test_mutated_bytes_give_a_capture_or_an_error_of_ours(changes: list[tuple[int, int]]) -> None:
    data = bytearray(DATA)
    for position, value in changes:
        data[position] = value
    try:
        found = capture_from_bytes(bytes(data))
    except SemlinkError:
        return
    demodulate(found.propagation)
    assert capture_from_bytes(capture_to_bytes(found)).transmission == found.transmission


values = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 300) | st.floats() | st.text() | st.binary(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=2),
    max_leaves=5,
)


@given(st.sampled_from(["transmission", "settings", "frame", "symbols", "draws"]), values)
def test_any_value_in_any_place(name: str, value: object) -> None:
    fields = msgpack.unpackb(DATA[5:])
    fields[name] = value
    try:
        capture_from_bytes(DATA[:5] + msgpack.packb(fields))
    except SemlinkError:
        pass


@given(values)
def test_any_content(value: object) -> None:
    with pytest.raises(CorruptData):
        capture_from_bytes(DATA[:5] + msgpack.packb(value))
