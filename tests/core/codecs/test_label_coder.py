from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from semlink.core.codecs import label_coder
from semlink.core.codecs.label_coder import decode, encode, without_specks
from semlink.core.codecs.label_coder.tables import STREETS, UNTRAINED
from semlink.core.errors import CorruptData, NotFound
from semlink.core.pictures import LabelMap, Size

GOLDEN = Path(__file__).parent / "golden"
SIZES = [(1, 1), (1, 40), (40, 1), (3, 5), (24, 32), (61, 47)]


def present_in(labels: LabelMap) -> tuple[int, ...]:
    return tuple(np.unique(labels).tolist())


def street(height: int, width: int, seed: int = 0) -> LabelMap:
    """Sky, buildings, a road that narrows, some boxes, a little noise at the borders."""
    generator = np.random.default_rng(seed)
    rows, columns = np.mgrid[:height, :width] / [[[height]], [[width]]]
    labels = np.full((height, width), 1, np.uint8)
    labels[rows < 0.3 + 0.1 * np.sin(9 * columns + seed)] = 0
    labels[np.abs(columns - 0.5) < rows - 0.5] = 3
    for label in (2, 5, 8, 9):
        top, left = generator.integers(0, height), generator.integers(0, width)
        labels[top : top + height // 4, left : left + width // 9] = label
    rough = generator.random((height, width)) < 0.02
    return np.where(rough, np.roll(labels, 1, axis=1), labels).astype(np.uint8)


def noise(height: int, width: int, classes: int) -> LabelMap:
    return np.random.default_rng(7).integers(0, classes, (height, width)).astype(np.uint8)


def check_round_trip(labels: LabelMap, tables: int | None) -> bytes:
    data = encode(labels, present_in(labels), tables=tables)
    decoded = decode(data, Size(*labels.shape), present_in(labels))
    assert decoded.dtype == np.uint8
    np.testing.assert_array_equal(decoded, labels)
    return data


@pytest.mark.parametrize("tables", [None, UNTRAINED, STREETS])
@pytest.mark.parametrize("size", SIZES)
def test_a_map_comes_back(size: tuple[int, int], tables: int | None) -> None:
    check_round_trip(street(*size), tables)


@pytest.mark.parametrize("classes", [1, 2, 3, 12, 19, 171, 256])
def test_any_number_of_classes_comes_back(classes: int) -> None:
    check_round_trip(noise(40, 30, classes), UNTRAINED)


@given(arrays(np.uint8, array_shapes(min_dims=2, max_dims=2, max_side=12)))
@settings(max_examples=25)
def test_any_map_comes_back(labels: LabelMap) -> None:
    check_round_trip(labels, None)


def test_classes_that_do_not_occur_cost_nothing_much() -> None:
    labels = street(40, 60)
    wide = encode(labels, tuple(range(256)), tables=UNTRAINED)
    np.testing.assert_array_equal(decode(wide, Size(40, 60), tuple(range(256))), labels)
    assert len(wide) < 1.3 * len(encode(labels, present_in(labels), tables=UNTRAINED))


@pytest.mark.parametrize("size", [(1, 1), (480, 640)])
def test_one_class_needs_no_bits(size: tuple[int, int]) -> None:
    assert len(check_round_trip(np.full(size, 9, np.uint8), None)) == 1


def test_noise_costs_hardly_more_than_its_entropy() -> None:
    data = check_round_trip(noise(200, 150, 16), UNTRAINED)
    assert 8 * len(data) < 1.1 * 4 * 200 * 150


def test_the_best_tables_are_chosen() -> None:
    labels = street(48, 64)
    each = [encode(labels, present_in(labels), tables=tables) for tables in (UNTRAINED, STREETS)]
    assert encode(labels, present_in(labels)) == min(each, key=len)


def test_specks_go_only_where_asked() -> None:
    labels = street(48, 64)
    kept = without_specks(labels, 0)
    smooth = without_specks(labels, 8)
    assert kept is labels
    assert 0 < (smooth != labels).sum() < 0.1 * labels.size
    assert len(check_round_trip(smooth, None)) < len(check_round_trip(labels, None))


@pytest.mark.parametrize("library", ["numba", "constriction"])
def test_a_library_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch, library: str) -> None:
    for module in [name for name in sys.modules if name.startswith(f"{label_coder.__name__}.")]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(NotFound, match=rf"package={library}.*semlink\[receiver\]"):
        encode(street(3, 5), (0, 1, 2, 3, 5, 8, 9), tables=UNTRAINED)


def test_the_same_bytes_in_every_thread() -> None:
    maps = [street(30, 40, seed) for seed in range(8)]
    alone = [encode(labels, present_in(labels)) for labels in maps]
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(lambda labels: encode(labels, present_in(labels)), maps)) == alone


def damaged(data: bytes, size: Size, present: tuple[int, ...]) -> str:
    """What decoding ends in; anything but these raises."""
    try:
        labels = decode(data, size, present)
    except CorruptData:
        return "error"
    assert labels.shape == size
    assert set(np.unique(labels).tolist()) <= set(present)
    return "map"


@given(st.binary(max_size=200), st.integers(1, 256))
@settings(max_examples=60)
def test_garbage_is_an_error_or_a_map(data: bytes, classes: int) -> None:
    damaged(data, Size(9, 11), tuple(range(classes)))
    damaged(b"\x10" + data, Size(9, 11), tuple(range(classes)))


STREET = street(36, 48)
STREET_SIZE = Size(*STREET.shape)


@cache
def street_data() -> bytes:
    return encode(STREET, present_in(STREET))


@given(st.integers(0), st.integers(0, 7))
@settings(max_examples=80)
def test_a_flipped_bit_is_never_taken_for_the_map(byte: int, bit: int) -> None:
    data = bytearray(street_data())
    data[byte % len(data)] ^= 1 << bit
    try:
        labels = decode(bytes(data), STREET_SIZE, present_in(STREET))
    except CorruptData:
        return
    assert (labels != STREET).any()


@pytest.mark.parametrize("cut", [1, 2, 5, 9, 1000])
def test_bytes_cut_short_are_an_error(cut: int) -> None:
    with pytest.raises(CorruptData, match="label map"):
        decode(street_data()[:-cut], STREET_SIZE, present_in(STREET))


@pytest.mark.parametrize("more", [b"\x00", b"\x01", bytes(1000)])
def test_bytes_too_many_are_an_error(more: bytes) -> None:
    with pytest.raises(CorruptData, match="whole map"):
        decode(street_data() + more, STREET_SIZE, present_in(STREET))


@pytest.mark.parametrize(("first", "reason"), [(0x20, "version 2"), (0x1F, "tables 15")])
def test_an_unknown_format_is_an_error(first: int, reason: str) -> None:
    with pytest.raises(CorruptData, match=reason):
        decode(bytes([first]) + street_data()[1:], STREET_SIZE, present_in(STREET))


GOLDEN_MAPS = {"street": street(24, 32, 4), "classes": noise(12, 16, 256), "line": street(99, 1)}


@pytest.mark.parametrize("tables", [UNTRAINED, STREETS])
@pytest.mark.parametrize("name", GOLDEN_MAPS)
def test_bytes_are_those_of_every_other_machine(name: str, tables: int) -> None:
    """SEMLINK_WRITE_GOLDEN=1 writes the files, after a change of the format's version."""
    labels, path = GOLDEN_MAPS[name], GOLDEN / f"{name}-{tables}.bin"
    data = encode(labels, present_in(labels), tables=tables)
    if os.environ.get("SEMLINK_WRITE_GOLDEN"):
        path.write_bytes(data)
    assert data == path.read_bytes()
    np.testing.assert_array_equal(decode(data, Size(*labels.shape), present_in(labels)), labels)


PURE = """
import sys, warnings
import numpy as np
from semlink.core.codecs.label_coder import decode
from semlink.core.pictures import Size
warnings.simplefilter("error")
present = tuple(eval(sys.argv[4]))
print(decode(open(sys.argv[1], "rb").read(), Size(int(sys.argv[2]), int(sys.argv[3])), present)
    .tobytes().hex())
"""


@pytest.mark.parametrize("name", ["street-0", "classes-1"])
def test_plain_python_decodes_the_same(name: str) -> None:
    """Without numba's compiler numpy warns of every integer that overflows."""
    labels = GOLDEN_MAPS[name.split("-")[0]]
    size = [str(side) for side in labels.shape]
    arguments = [str(GOLDEN / f"{name}.bin"), *size, str(present_in(labels))]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path), "NUMBA_DISABLE_JIT": "1"}
    run = subprocess.run(
        [sys.executable, "-c", PURE, *arguments],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert bytes.fromhex(run.stdout) == labels.tobytes()
