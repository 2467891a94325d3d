"""What tokens take in bits, and the tables that make them take fewer."""

from __future__ import annotations

from pathlib import Path
from shutil import copytree

import numpy as np
import pytest
from typer.testing import CliRunner

from semlink.core.codecs.tokens import IndexTable, IndexTables
from semlink.core.errors import CorruptData
from semlink.core.phy.modulation import sent_bytes
from semlink.core.phy.radio import Radio
from semlink.core.pictures import Rgb
from semlink.lab import bench_tokens
from semlink.lab.bench_tokens import (
    FRACTIONS,
    HEADERS,
    Row,
    measure,
    measure_random,
    random_photos,
)
from semlink.lab.cli import app
from semlink.lab.photo_tokens import photo_tokens
from semlink.lab.training.token_tables import learn
from semlink.transmitter.sqgan.tokenizer import Tokenizer


@pytest.fixture(scope="module")
def photos() -> list[Rgb]:
    blocks = np.random.default_rng(1).integers(0, 256, (2, 12, 16, 3), dtype=np.uint8)
    return list(blocks.repeat(16, axis=1).repeat(16, axis=2))


@pytest.fixture(scope="module")
def random_rows() -> list[Row]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bench_tokens, "RANDOM_PHOTOS", 4)
        return measure_random()


@pytest.mark.parametrize(
    ("grid", "published"),
    [("16x32", [1524, 2544, 5104, 11264]), ("12x16", [564, 944, 1904, 4224])],  # by hand
)
def test_fewer_bits_than_were_published(
    random_rows: list[Row], grid: str, published: list[int]
) -> None:
    rows = [row for row in random_rows if row.grid == grid]
    assert [row.fraction for row in rows] == list(FRACTIONS)
    assert [row.published for row in rows] == published
    assert rows[0].saved > 0.3
    assert all(row.saved >= 0 for row in rows)
    assert rows[-1].mask <= 32  # a full grid needs no mask


def test_what_is_counted_is_what_is_sent() -> None:
    photo = next(random_photos(HEADERS[1]))
    row = measure([photo], bits_per_index=10)[2]
    assert row.sent == 8 * sent_bytes(photo.message(76, 76), Radio())


def test_the_command_prints_a_table(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench_tokens, "RANDOM_PHOTOS", 1)
    result = CliRunner().invoke(app, ["bench", "tokens"])
    assert result.exit_code == 0, result.output
    assert "16x32" in result.output


def test_learnt_tables_make_photos_smaller(
    photos: list[Rgb], tiny_sqgan: Path, tiny_segmenter: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "own"
    copytree(tiny_sqgan, folder)
    segmenter = str(tiny_segmenter)
    before = list(photo_tokens(photos, network=str(folder), segmenter=segmenter, device="cpu"))
    tables = learn(before, fraction=0.4)
    assert tables.map.bits < 4  # of 16 codewords
    tables.save(folder)
    after = list(photo_tokens(photos, network=str(folder), segmenter=segmenter, device="cpu"))
    for old, new in zip(before, after, strict=True):
        sizes = [sent_bytes(one.message(76, 76), Radio()) for one in (old, new)]
        assert sizes[1] < sizes[0]


def test_tables_are_read_by_both_ends_and_change_the_fingerprint(
    tiny_sqgan: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "own"
    copytree(tiny_sqgan, folder)
    plain = Tokenizer.load(folder).tables
    np.testing.assert_array_equal(plain.map.frequencies, IndexTable.uniform(16).frequencies)
    counts = np.arange(16)
    IndexTables(IndexTable.learned(counts), plain.picture, fingerprint=0).save(folder)
    learnt = Tokenizer.load(folder).tables
    np.testing.assert_array_equal(learnt.map.frequencies, IndexTable.learned(counts).frequencies)
    np.testing.assert_array_equal(learnt.picture.frequencies, plain.picture.frequencies)
    assert learnt.fingerprint != plain.fingerprint


@pytest.mark.parametrize("codes", [15, 17])
def test_tables_of_another_codebook_are_refused(
    tiny_sqgan: Path, tmp_path: Path, codes: int
) -> None:
    folder = tmp_path / "own"
    copytree(tiny_sqgan, folder)
    table = IndexTable.uniform(codes)
    IndexTables(table, table, fingerprint=0).save(folder)
    with pytest.raises(CorruptData, match="tables of its indices"):
        Tokenizer.load(folder)


@pytest.mark.parametrize("content", [b"", b"\xff" * 100])
def test_damaged_tables_are_refused(tiny_sqgan: Path, tmp_path: Path, content: bytes) -> None:
    folder = tmp_path / "own"
    copytree(tiny_sqgan, folder)
    (folder / "index-tables.safetensors").write_bytes(content)
    with pytest.raises(CorruptData, match="tables of its indices"):
        Tokenizer.load(folder)
