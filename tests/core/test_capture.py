from __future__ import annotations

import math
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import msgpack
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.strategies import DataObject, SearchStrategy

from semlink.core import capture as module
from semlink.core.capture import (
    Capture,
    capture_from_bytes,
    capture_to_bytes,
    read_capture,
    write_capture,
)
from semlink.core.channel_settings import ChannelSettings
from semlink.core.errors import CorruptData, NotFound, SemlinkError, TooLarge
from semlink.core.frame import Frame, Gains, Propagation, Stream, StreamDraw
from semlink.core.phy.layouts import SamplesLayout
from semlink.core.schemes import Scheme
from semlink.core.settings import TransmissionSettings
from semlink.core.transmission import Transmission


def capture(samples: int) -> Capture:
    symbols = np.random.default_rng(0).standard_normal((samples, 1), np.float32)
    shown = SamplesLayout((samples, 2))
    stream = Stream("map", symbols.astype(np.complex64).reshape(-1), 1.0, 1.0, shown)
    return Capture(
        Transmission("0f" * 8, 7, "ab" * 32),
        TransmissionSettings(seed=7, channel=ChannelSettings(level=math.inf)),
        Propagation(
            Frame(Scheme.GESCO, b"header", (stream,)),
            (StreamDraw("map", 0.2, 0.19, 3.0, math.inf, 0.0),),
            (Gains(np.ones(1, np.complex64), samples),),
        ),
    )


SMALL = capture(5)
DATA = capture_to_bytes(SMALL)
Same = Callable[[Propagation, Propagation], bool]


@settings(max_examples=100)
@given(st.data())
def test_round_trip(
    propagations: SearchStrategy[Propagation],
    transmission_settings: SearchStrategy[TransmissionSettings],
    same_propagation: Same,
    data: DataObject,
) -> None:
    sent, chosen = data.draw(propagations), data.draw(transmission_settings)
    original = Capture(Transmission("0f" * 8, chosen.seed, "ab" * 32), chosen, sent)
    found = capture_from_bytes(capture_to_bytes(original))
    assert (found.transmission, found.settings) == (original.transmission, chosen)
    assert same_propagation(found.propagation, sent)


def test_file_round_trip(tmp_path: Path) -> None:
    path = tmp_path / "photo.capture"
    write_capture(path, capture(9))
    write_capture(path, SMALL)  # replaces the file
    assert capture_to_bytes(read_capture(path)) == DATA
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
    assert capture_to_bytes(read_capture(path)) == DATA


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


@pytest.mark.parametrize("data", [b"", b"SLN", b"SLNK", b"SLNK\x01" + DATA[5:], b"\x89PNG\r\n"])
def test_other_files_are_refused(data: bytes) -> None:
    with pytest.raises(CorruptData, match="start as a capture"):
        capture_from_bytes(data)


def test_cut_short_anywhere() -> None:
    for end in range(5, len(DATA)):
        with pytest.raises(CorruptData):
            capture_from_bytes(DATA[:end])


values = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 300) | st.floats() | st.text() | st.binary(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=2),
    max_leaves=5,
)


@given(st.sampled_from(sorted(module.FIELDS)), values)
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


def test_nothing_may_be_left_out_or_added() -> None:
    fields = msgpack.unpackb(DATA[5:])
    for name in fields:
        rest = {key: value for key, value in fields.items() if key != name}
        for wrong in (rest, rest | {"other": fields[name]}):
            with pytest.raises(CorruptData, match="cannot be read"):
                capture_from_bytes(DATA[:5] + msgpack.packb(wrong))


@pytest.mark.parametrize("item", [b"\x90", b"\xc0", b"\x81\xa1a\xc0", b"\xd4\x00\x00"])
@pytest.mark.parametrize("nested", [False, True])
def test_a_small_file_does_not_become_many_objects(item: bytes, nested: bool) -> None:
    count = 1_000_000
    rows = b"\xdc\x00\x10" + 16 * item if nested else item
    hostile = DATA[:5] + b"\xdd" + count.to_bytes(4, "big") + count * rows
    tracemalloc.start()
    try:
        with pytest.raises(CorruptData, match="cannot be read"):
            capture_from_bytes(hostile)
        assert tracemalloc.get_traced_memory()[1] < 1 << 20
    finally:
        tracemalloc.stop()


def test_a_tree_of_maps_is_not_built() -> None:
    tree = b"\xc0"
    for _ in range(7):
        tree = b"\x87" + b"".join(b"\xa1" + bytes([97 + key]) + tree for key in range(7))
    hostile = DATA[:5] + tree
    tracemalloc.start()
    try:
        with pytest.raises(CorruptData, match="a map holds another"):
            capture_from_bytes(hostile)
        assert tracemalloc.get_traced_memory()[1] < 1 << 20
    finally:
        tracemalloc.stop()


def test_a_file_that_cannot_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_capture(tmp_path / "file", SMALL)

    def denied(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", denied)
    with pytest.raises(NotFound, match="Permission denied"):
        read_capture(tmp_path / "file")


def test_deep_nesting_is_refused() -> None:
    for opened in (b"\x91", b"\x81\xa1a"):
        with pytest.raises(CorruptData, match="cannot be read"):
            capture_from_bytes(DATA[:5] + 100_000 * opened)
