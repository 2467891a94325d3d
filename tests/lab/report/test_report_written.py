"""The report of a real sweep: nothing is missing, nothing is invented, and nothing is outside."""

from __future__ import annotations

import csv
import io
import json
import shutil
import xml.etree.ElementTree as ElementTree
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from semlink.core.errors import InvalidInput, NotFound
from semlink.lab.cli import app
from semlink.lab.metrics import interval
from semlink.lab.report import Swept, Written, read_swept, write_report
from semlink.lab.report.claims import Status
from semlink.lab.report.figures import drawings
from semlink.lab.report.plots import draw, looks
from semlink.lab.report.tables import latex_text
from semlink.lab.sweep.plan import Plan, make_plan, plan_text

VOID = {"meta", "img", "br"}


class Page(HTMLParser):
    """Text, addresses and whether every tag is closed in order."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.addresses: list[str] = []
        self.cells: list[str] = []
        self.text: list[str] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.addresses += [value or "" for name, value in attrs if name in ("src", "href")]
        self.open += [] if tag in VOID else [tag]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text.append(data)
        if self.open and self.open[-1] == "td":
            self.cells.append(data)


@pytest.fixture(scope="module")
def swept(swept_folder: Path) -> Swept:
    return read_swept(swept_folder)


@pytest.fixture(scope="module")
def html(written: Written) -> str:
    return written.page.read_text()


@pytest.fixture(scope="module")
def points(written: Written) -> list[dict[str, str]]:
    """The table of points for programs."""
    file = written.page.parent / "tables" / "points.csv"
    return list(csv.DictReader(io.StringIO(file.read_text())))


def test_a_claims_many_points_are_folded_away(
    swept_folder: Path, html: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("semlink.lab.report.page.POINTS_SHOWN", 3)
    folded = write_report(swept_folder, tmp_path / "report").page.read_text()

    assert "points</summary>" not in html
    assert folded.count("points</summary>") == folded.count("All 4 points</summary>") == 1
    assert not Page(folded).open


def test_every_point_of_the_grid_is_in_every_table(
    plan: Plan, written: Written, html: str, points: list[dict[str, str]]
) -> None:
    grid = {
        (system, level)
        for system in ("webp,cpp=0.5", "webp,cpp=1.5", "un<coded>_&")
        for level in (0.0, 15.0)
    }
    assert {(point["system"], float(point["level"])) for point in points} == grid
    tables = written.page.parent / "tables"
    cells = Page(html).cells
    markdown, latex = ((tables / f"points.{end}").read_text() for end in ("md", "tex"))
    for system, level in grid:
        said = f"PSNR {level:g} dB"
        assert f"| {system} | {said} |" in markdown
        assert f"{latex_text(system)} & {said} &" in latex
        assert said in [cells[at + 1] for at, cell in enumerate(cells) if cell == system]
    assert len(markdown.splitlines()) == 2 + len(grid)


def test_numbers_are_those_of_the_rows(swept: Swept, points: list[dict[str, str]]) -> None:
    for point in points:
        rows = [
            row
            for row in swept.rows
            if (row["system"], row["level"]) == (point["system"], float(point["level"]))
        ]
        assert int(point["rows"]) == len(rows) == 2
        assert int(point["lost"]) == sum(row["outcome"] == "lost" for row in rows)
        for name in ("psnr_db", "ssim", "bits_per_pixel", "channel_uses_per_pixel"):
            values = [row[name] for row in rows if row[name] is not None]
            found = [point[key] for key in (name, f"{name}_low", f"{name}_high")]
            if not values:
                assert found == ["", "", ""]
                continue
            assert [float(text) for text in found] == pytest.approx(list(interval(values)))


def test_bits_are_lost_where_samples_are_not(
    written: Written, points: list[dict[str, str]]
) -> None:
    low = {point["system"]: int(point["lost"]) for point in points if point["level"] == "0.0"}

    assert low == {"webp,cpp=0.5": 2, "webp,cpp=1.5": 2, "un<coded>_&": 0}
    assert [found.status for found in written.verdicts] == [Status.HOLDS, Status.FAILS]


def test_the_page_parses_and_needs_no_other(html: str) -> None:
    page = Page(html)

    assert page.open == []
    assert "<script" not in html
    assert "url(" not in html
    outside = [a for a in page.addresses if not a.startswith(("data:image/", "#"))]
    assert outside == []
    anchors = [address[1:] for address in page.addresses if address.startswith("#")]
    assert [anchor for anchor in anchors if f'id="{anchor}"' not in html] == []


def test_the_page_says_what_the_plan_says(html: str) -> None:
    text = Page(html).text

    for said in ("Codecs & samples", "First.", "Then.", "DOES NOT HOLD", "un<coded>_&"):
        assert said in text
    assert "un<coded>" not in html


def test_photos_and_worst_cases_are_shown(swept: Swept, html: str, written: Written) -> None:
    pictures = [a for a in Page(html).addresses if a.startswith("data:image/webp")]
    arrived = sum(row["psnr_db"] is not None for row in swept.rows)
    originals_in_grids, pairs_of_worst = 2 * 2, 3 * 2  # photos and levels; schemes and cases

    assert len(pictures) == arrived + originals_in_grids + 2 * pairs_of_worst
    assert {path.name for path in written.page.parent.glob("figures/photos-*")} == {
        f"photos-{index}.{end}" for index in (1, 2) for end in ("svg", "pdf", "png")
    }


def test_figures_are_the_same_every_time(swept: Swept, written: Written) -> None:
    (drawing, *_) = drawings(swept)
    again = draw(drawing, looks(swept))

    for suffix, data in again.items():
        assert (written.page.parent / f"figures/{drawing.stem}.{suffix}").read_bytes() == data
    assert b"/Type3" not in again["pdf"]  # which many publishers refuse
    ElementTree.fromstring(again["svg"])


def test_a_scheme_looks_the_same_in_all_figures(swept: Swept) -> None:
    found = looks(swept)

    assert found["webp,cpp=0.5"].colour == found["webp,cpp=1.5"].colour == found["webp"].colour
    assert found["webp,cpp=0.5"].line != found["webp,cpp=1.5"].line
    assert len({look.marker for name, look in found.items() if name in swept.systems}) == 3
    assert {drawing.stem for drawing in drawings(swept)} == {
        *("ssim-over-level", "psnr_db-over-level"),
        *("ssim-over-bits_per_pixel", "psnr_db-over-bits_per_pixel"),
        *("ssim-over-channel_uses_per_pixel", "psnr_db-over-channel_uses_per_pixel"),
    }


def test_points_of_one_curve_are_one_line_over_the_rate(swept: Swept) -> None:
    over_bits = next(d for d in drawings(swept) if d.stem == "ssim-over-bits_per_pixel")
    over_uses = next(d for d in drawings(swept) if d.stem == "ssim-over-channel_uses_per_pixel")

    assert [set(panel.lines) for panel in over_bits.panels] == [{"webp"}, {"webp"}]
    assert [len(panel.lines["webp"]) for panel in over_uses.panels] == [2, 2]
    assert set(over_uses.panels[0].lines) == {"webp", "un<coded>_&"}


def test_the_receipt_has_what_a_replay_needs(swept: Swept, written: Written) -> None:
    made = json.loads(written.receipt.read_text())

    assert [row["key"] for row in made["rows"]] == [row["key"] for row in swept.rows]
    assert made["rows"][0]["settings"] == json.loads(swept.rows[0]["settings"])
    assert make_plan(made["plan"]) == swept.plan
    assert {*made["versions"]} >= {"semlink", "torch", "python"}
    for row in made["rows"]:
        assert ("picture" in row) == (row["psnr_db"] is not None)


def test_another_plan_can_say_what_is_reported(
    plan: Plan, swept_folder: Path, tmp_path: Path
) -> None:
    wanted = {"title": "New", "photos": 0, "figures": [{"y": "ssim", "x": "level"}]}
    file = tmp_path / "other.yaml"
    fields = plan.model_dump(mode="json") | {"report": wanted}
    file.write_text(plan_text(make_plan(fields)))

    found = write_report(swept_folder, tmp_path / "out", plan=file)
    again = CliRunner().invoke(
        app,
        [
            "report",
            str(swept_folder),
            "-o",
            str(tmp_path / "out"),
            "--title",
            "Newer",
            "--plan",
            str(file),
        ],
    )

    assert found.verdicts == ()
    assert again.exit_code == 0, again.output
    assert "report of 12 rows in" in again.output
    assert "<h1>Newer</h1>" in found.page.read_text()
    assert {path.stem for path in (tmp_path / "out/figures").iterdir()} == {"ssim-over-level"}


def test_a_folder_without_pictures_or_photos_still_has_a_report(
    swept_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(swept_folder, tmp_path / "copy", ignore=shutil.ignore_patterns("pictures"))
    monkeypatch.setattr("semlink.lab.report.content.drawings", lambda swept: [])
    plan_file = tmp_path / "copy" / "plan.yaml"
    plan_file.write_text(plan_file.read_text().replace("path: ", "path: /gone"))

    page = Page(write_report(tmp_path / "copy").page.read_text())

    assert any("kept no pictures" in text for text in page.text)
    assert any("Codecs & samples" in text for text in page.text)


def test_a_report_is_written_whole_or_not_at_all(
    swept_folder: Path, written: Written, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(written.page.parent, tmp_path / "report")
    before = (tmp_path / "report/index.html").read_bytes()

    def full(path: Path, data: bytes) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    for drawn in ("drawings", "grids"):
        monkeypatch.setattr(f"semlink.lab.report.content.{drawn}", lambda swept: [])
    with pytest.raises(InvalidInput, match="No space left"):
        write_report(swept_folder, tmp_path / "report")

    assert [path.name for path in tmp_path.iterdir()] == ["report"]
    assert (tmp_path / "report/index.html").read_bytes() == before


def test_wrong_folders_are_refused(swept_folder: Path, tmp_path: Path) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "letter.txt").write_text("mine")
    (tmp_path / "empty").mkdir()
    shutil.copy(swept_folder / "plan.yaml", tmp_path / "empty")

    with pytest.raises(InvalidInput, match=r"other things in it, such as letter\.txt"):
        write_report(swept_folder, tmp_path / "full")
    with pytest.raises(InvalidInput, match="nothing can be written"):
        write_report(swept_folder, tmp_path / "no" / "where")
    with pytest.raises(NotFound, match="no folder of a sweep"):
        write_report(tmp_path / "full")
    with pytest.raises(NotFound, match="no rows"):
        write_report(tmp_path / "empty")


def test_latex_shows_what_is_there() -> None:
    assert latex_text("50 % of a_b & ~x^2 {±}") == (
        r"50 \% of a\_b \& \textasciitilde{}x\textasciicircum{}2 \{$\pm$\}"
    )


def test_a_report_changes_no_key(plan: Plan, swept: Swept) -> None:
    fields: dict[str, Any] = plan.model_dump(mode="json") | {"report": {"title": "Other"}}
    other = read_keys(make_plan(fields))

    assert other == {row["key"] for row in swept.rows}


def read_keys(plan: Plan) -> set[str]:
    from semlink.lab.sweep.grid import spell_out

    return set(spell_out(plan).keys())
