from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from semlink.core.pictures import Rgb
from semlink.core.schemes import GENERATIVE, Scheme
from semlink.core.settings import settings_from_fields
from semlink.lab import bench_semantics
from semlink.lab.bench_semantics import Bits, Row, cases, ceiling, compare, measure, spread
from semlink.lab.confusion import VOID
from semlink.lab.link import Link
from semlink.lab.semantic_score import Fidelity, Judge, View, pooled
from semlink.lab.semantics_table import COLUMNS, as_markdown, tell
from semlink.transmitter.segmentation import Segmenter
from semlink.zoo import find

LIKENESS = Fidelity(miou=0.31, accuracy=0.7, truth_miou=0.25, psnr_db=21.0, distance=0.4)
SAMPLES = Row("analog", Scheme.GESCO, 4, None, 2.0, LIKENESS)
CODED = Row("jpegxl at 0.1", Scheme.JPEGXL, 24, Bits(0.0, 0.24, 0.005), 0.3, LIKENESS, beyond=24)


@pytest.fixture(scope="module")
def judge() -> Judge:
    return Judge(Segmenter.load(find("segmenter-camvid")))


@pytest.fixture(scope="module")
def views(judge: Judge) -> list[View]:
    """Two noisy photos of six colours each, as large as their working pictures."""
    rng = np.random.default_rng(0)
    labels = rng.integers(VOID + 1, size=(64, 96)).astype(np.uint8)
    return [judge.view(_patches(rng), labels, short_side=64) for _ in range(2)]


def _patches(rng: np.random.Generator) -> Rgb:
    colours = np.kron(rng.integers(206, size=(2, 3, 3)), np.ones((32, 32, 1), np.int64))
    return (colours + rng.integers(50, size=colours.shape)).astype(np.uint8)


@pytest.fixture(scope="module")
def link(tiny_gesco: Path, tiny_spic: Path, tiny_sgc: Path, tiny_sqgan: Path) -> Link:
    return Link.local("cpu", folders=(tiny_gesco, tiny_spic, tiny_sgc, tiny_sqgan))


def tiny(scheme: str, **fields: object) -> dict[str, object]:
    own: dict[str, object] = {"scheme": Scheme(scheme), "size": 64}
    if Scheme(scheme) in GENERATIVE:
        own |= {"network": f"tiny-{scheme}", "tokenizer": "tiny-sqgan", "steps": 1}
    return own | fields


def test_the_photo_itself_keeps_everything(judge: Judge, views: list[View]) -> None:
    verdict = judge.verdict(views[0], views[0].picture)
    whole = pooled([verdict])
    assert (whole.miou, whole.accuracy) == (1.0, 1.0)
    assert (whole.psnr_db, whole.distance) == (np.inf, 0.0)
    assert ceiling(judge, views[:1]).fidelity == whole
    assert verdict.truth.sum() == (views[0].truth != VOID).sum()


def test_another_photo_keeps_less(judge: Judge, views: list[View]) -> None:
    other = pooled([judge.verdict(views[0], views[1].picture)])
    assert other.miou < 1
    assert other.accuracy < 1
    assert other.psnr_db < 30
    assert other.distance > 0


def test_pooling_counts_pixels_not_photos(judge: Judge, views: list[View]) -> None:
    verdicts = [judge.verdict(view, views[0].picture) for view in views]
    assert pooled(verdicts) == pooled(verdicts[::-1])
    assert pooled(verdicts[:1] * 3).miou == pytest.approx(pooled(verdicts[:1]).miou)
    right = sum(np.diagonal(one.found).sum() for one in verdicts)
    assert pooled(verdicts).accuracy == right / sum(one.found.sum() for one in verdicts)


def test_shares_add_up_to_what_the_link_counts(
    link: Link, judge: Judge, views: list[View]
) -> None:
    wanted = {
        "gesco": tiny("gesco", transport="digital"),
        "spic": tiny("spic"),
        "webp": tiny("webp", cpp=1.0),
    }
    rows = compare(link, judge, views, wanted, slow_photos=1)
    for row, fields in zip(rows, wanted.values(), strict=True):
        settings = settings_from_fields(fields | {"psnr_db": bench_semantics.LEVEL_DB})
        sent = [link.send(view.photo, settings) for view in views]
        assert row.bits is not None
        assert row.bits.total == pytest.approx(np.mean([one.bits_per_pixel for one in sent]))
        assert row.channel_uses == np.mean([one.channel_uses_per_pixel for one in sent])
        assert (row.bits.map > 0) == (row.scheme != Scheme.WEBP)
        assert (row.bits.picture > 0) == (row.scheme != Scheme.GESCO)
        assert row.bits.header > 0


def test_samples_have_no_bits_and_slow_schemes_send_fewer(
    link: Link, judge: Judge, views: list[View]
) -> None:
    wanted = {"few": tiny("gesco"), "many": tiny("gesco", steps=bench_semantics.SLOW_STEPS + 1)}
    few, many = compare(link, judge, views, wanted, slow_photos=1)
    assert few.bits is None
    assert few.channel_uses is not None
    assert few.channel_uses > 0
    assert (few.photos, many.photos) == (2, 1)


def test_a_network_that_is_not_there_is_left_out_and_that_is_said(
    capsys: pytest.CaptureFixture[str],
) -> None:
    wanted = cases([0.1])
    kept = bench_semantics.served(wanted, ["gesco-camvid", "sgc-camvid"])
    gone = wanted.keys() - kept.keys()
    assert {wanted[name]["scheme"] for name in gone} == {Scheme.SPIC, Scheme.SQGAN}
    assert {fields["scheme"] for fields in kept.values()} >= {Scheme.SGC, Scheme.AVIF}
    said = capsys.readouterr().err
    assert "network spic-camvid is not there: spic; spic, paper preset; spic at 0.1." in said
    assert "network sqgan-camvid is not there" in said


@pytest.mark.parametrize("scheme", ["spic", "sgc", "sqgan", "avif", "jpegxl"])
def test_a_rate_is_kept_or_the_lowest_stands_once(
    link: Link,
    judge: Judge,
    views: list[View],
    scheme: str,
    tiny_sqgan: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tiny_sqgan.parent)  # where a folder goes by the name that settings have
    low_rate = 0.02 if scheme == "sqgan" else 0.05
    wanted = {f"{rate}": tiny(scheme, bpp=rate) for rate in (8.0, low_rate, 0.015)}
    rows = compare(link, judge, views[:1], wanted, slow_photos=1)
    assert [row.name for row in rows] == ["8.0", f"{low_rate}"]
    high, low = rows
    assert high.bits is not None
    assert low.bits is not None
    assert low_rate < low.bits.total < high.bits.total <= 8.0
    assert (high.beyond, low.beyond) == (0, 1)


def test_indices_are_spread_over_all() -> None:
    assert spread(10, 4) == [0, 3, 6, 9]
    assert spread(3, None) == spread(3, 7) == [0, 1, 2]


def test_every_rate_is_asked_of_every_scheme() -> None:
    named = cases([0.1, 0.2])
    for scheme in {*bench_semantics.RATED, *bench_semantics.OWN_RATES}:
        rates = [one["bpp"] for one in named.values() if one["scheme"] == scheme and "bpp" in one]
        asked = {0.1, 0.2} if scheme in bench_semantics.RATED else set()
        own = bench_semantics.OWN_RATES.get(scheme, ())
        assert rates == sorted(asked | set(own), reverse=True)
    for fields in named.values():
        settings_from_fields(fields)


def test_camvid_is_measured(camvid: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    once = {"scheme": Scheme.GESCO, "transport": "digital", "steps": 1}
    monkeypatch.setattr(bench_semantics, "CASES", {"gesco": once})
    monkeypatch.setattr(bench_semantics, "RATED", (Scheme.AVIF,))
    monkeypatch.setattr(bench_semantics, "OWN_RATES", {})
    rows = measure(camvid, photos=1, rates=[0.5], device="cpu")
    whole, gesco, avif = rows
    assert (whole.scheme, gesco.name, avif.name) == (None, "gesco", "avif at 0.5")
    assert gesco.fidelity.miou < avif.fidelity.miou < whole.fidelity.miou
    assert gesco.fidelity.distance > avif.fidelity.distance > whole.fidelity.distance == 0


def test_markdown_has_a_cell_for_every_column() -> None:
    head, rule, *body = as_markdown([SAMPLES, CODED]).splitlines()
    table = [[cell.strip() for cell in line.strip("|").split("|")] for line in (head, *body[:2])]
    assert {len(line) for line in (*table, rule.strip("|").split("|"))} == {len(COLUMNS)}
    samples, coded = (dict(zip(table[0], line, strict=True)) for line in table[1:])
    assert (samples["bits/px"], samples["uses/px"], samples["mIoU %"]) == ("-", "2.000", "31.0")
    assert (coded["scheme"], coded["bits/px"]) == ("jpegxl at 0.1\\*", "0.245")
    assert body[-1].startswith("\\* ")
    assert "\\*" not in as_markdown([SAMPLES])


def test_the_table_and_json_have_the_same_figures(capsys: pytest.CaptureFixture[str]) -> None:
    tell([SAMPLES, CODED], split="test", json=False, markdown=False)
    shown = capsys.readouterr().out
    for text in ("jpegxl at 0.1*", "0.245", "31.0", "21.00", "lowest rate"):
        assert text in shown
    tell([SAMPLES, CODED], split="test", json=True, markdown=False)
    samples, coded = json.loads(capsys.readouterr().out)["rows"]
    assert samples["bits"] is None
    assert coded["bits"]["total"] == pytest.approx(0.245)
    assert coded["fidelity"]["miou"] == 0.31
