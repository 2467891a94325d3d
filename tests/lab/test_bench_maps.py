from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from semlink.core.errors import InternalError, InvalidInput
from semlink.core.pictures import LabelMap, Size
from semlink.lab.bench_maps import CODECS, REFERENCE, MapCodec, measure, parsed_size, tell
from semlink.lab.cli import app


def steps(seed: int) -> LabelMap:
    edges = np.random.default_rng(seed).integers(10, 40, 48).cumsum() % 50
    return (np.arange(64) > edges[:, None]).astype(np.uint8) * np.uint8(7)


def test_every_codec_is_measured_at_every_size() -> None:
    rows = measure([steps(1), steps(2)], [Size(24, 32), Size(48, 64)])
    assert [row.codec for row in rows] == [*CODECS, *CODECS]
    assert {row.size for row in rows} == {"32x24", "64x48"}
    assert all(row.saved == 0.0 for row in rows if row.codec == REFERENCE)
    assert all(row.bpp > 0 and row.encode_ms > 0 and row.decode_ms > 0 for row in rows)


def test_png_counts_no_framing() -> None:
    labels = steps(3)
    codec = CODECS["PNG"]
    data = codec.encode(labels, (0, 7))
    start = data.index(b"IDAT")
    assert codec.count(data) == int.from_bytes(data[start - 4 : start])
    assert len(data) - codec.count(data) < 100


def test_a_codec_that_loses_something_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    forgetful = MapCodec(lambda *_: b"", lambda _, size, __: np.zeros(size, np.uint8))
    monkeypatch.setitem(CODECS, "forgetful", forgetful)
    with pytest.raises(InternalError, match="forgetful"):
        measure([steps(4)], [Size(24, 32)])


def test_the_table_and_its_json_say_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    rows = measure([steps(5)], [Size(24, 32)])
    tell(rows, json=True)
    told = json.loads(capsys.readouterr().out)["rows"]
    tell(rows, json=False)
    drawn = capsys.readouterr().out
    assert [row["codec"] for row in told] == list(CODECS)
    assert all(f"{row['bpp']:.4f}" in drawn for row in told)


def test_filled_regions_take_fewer_bits(capsys: pytest.CaptureFixture[str]) -> None:
    specks = np.random.default_rng(6).random((48, 64)) < 0.03
    labels = np.where(specks, 3, steps(6)).astype(np.uint8)
    whole, filled = (measure([labels], [Size(48, 64)], px) for px in (0, 12))
    assert {row.changed for row in whole} == {0.0}
    assert all(0.01 < row.changed < 0.1 for row in filled)
    assert all(b.bpp < a.bpp for a, b in zip(whole, filled, strict=True))
    tell(filled, json=False)
    assert f"{filled[0].changed:.2%} of the pixels filled" in capsys.readouterr().out


@pytest.mark.parametrize("text", ["256", "0x3", "axb", "4x"])
def test_a_size_is_written_with_an_x(text: str) -> None:
    with pytest.raises(InvalidInput, match="256x192"):
        parsed_size(text)


def test_the_command_codes_what_it_is_asked(tmp_path: Path) -> None:
    for seed in range(3):
        for folder, pixels in {"images": np.zeros((48, 64, 3)), "labels": steps(seed)}.items():
            path = tmp_path / "val" / folder / f"{seed}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(pixels.astype(np.uint8)).save(path)
    options = ["--split", "val", "--size", "32x24", "--every", "2", "--json"]
    run = CliRunner().invoke(app, ["bench", "maps", str(tmp_path), *options])
    assert run.exit_code == 0, run.output
    expected = measure([steps(0), steps(2)], [Size(24, 32)])
    bpp = [(row["codec"], row["bpp"]) for row in json.loads(run.stdout)["rows"]]
    assert bpp == [(row.codec, row.bpp) for row in expected]
