from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from semlink.core.events import Outcome
from semlink.core.pictures import Rgb, Size, decode_png
from semlink.core.schemes import Scheme
from semlink.core.settings import settings_from_fields
from semlink.core.taxonomy import CAMVID
from semlink.lab.panels import panels
from semlink.lab.result import Result
from semlink.lab.sheet import (
    AMBER,
    HEAD,
    NAMES,
    RED,
    STAGE_COLOURS,
    TALLEST,
    WIDTH,
    draw_sheet,
    picture_size,
    write_sheet,
)
from semlink.lab.summary import level_text

MAP_TITLES = ["Photo", "Sent map", "Received map", "Denoised map", "Reconstruction"]
Make = Callable[..., Result]


def colours(sheet: Rgb) -> set[tuple[int, ...]]:
    packed = np.unique(sheet.astype(np.int32) @ (1 << 16, 1 << 8, 1))
    return {(value >> 16, value >> 8 & 255, value & 255) for value in packed.tolist()}


def titles(result: Result) -> list[str]:
    return [panel.title for panel in panels(result)]


def test_every_stage_of_a_map_has_a_panel(make_result: Make) -> None:
    result = make_result()
    drawn = panels(result)

    assert titles(result) == MAP_TITLES
    np.testing.assert_array_equal(drawn[0].picture, result.photo)
    assert result.encoded.sent_map is not None
    np.testing.assert_array_equal(drawn[1].picture, CAMVID.colourise(result.encoded.sent_map))
    np.testing.assert_array_equal(drawn[4].picture, result.picture)


def test_without_a_map_there_is_the_working_picture(make_coded: Make) -> None:
    result = make_coded()
    drawn = panels(result)

    assert titles(result) == ["Photo", "Working picture", "Reconstruction"]
    np.testing.assert_array_equal(drawn[1].picture, result.working_photo)
    np.testing.assert_array_equal(drawn[2].picture, result.picture)


@pytest.mark.parametrize("outcome", [Outcome.LOST, Outcome.OUTAGE])
def test_what_is_lost_is_said_where_the_picture_would_be(
    make_result: Make, make_coded: Make, outcome: Outcome
) -> None:
    for result in (make_result(outcome=outcome), make_coded(outcome)):
        last = panels(result)[-1]

        assert last.picture is None
        assert last.says[0].lower() == outcome.value
        assert RED in colours(draw_sheet(result))
    assert titles(make_result(outcome=outcome)) == ["Photo", "Sent map", "Reconstruction"]


def test_a_picture_of_what_arrived_names_what_did_not(make_coded: Make) -> None:
    result = make_coded(Outcome.PARTIAL)
    last = panels(result)[-1]

    assert last.title == "Reconstruction, partial"
    assert ("damaged", "picture") in last.rows
    assert AMBER in colours(draw_sheet(result))
    assert not {AMBER, RED} & colours(
        draw_sheet(make_coded(sent=np.zeros((72, 100, 3), np.uint8)))
    )


@pytest.mark.parametrize("shape", [(72, 100, 3), (300, 80, 3), (80, 300, 3)], ids=str)
def test_the_sheet_is_as_wide_for_every_photo(
    make_result: Make, make_coded: Make, shape: tuple[int, int, int]
) -> None:
    for result in (
        make_result(sent=np.zeros(shape, np.uint8)),
        make_coded(sent=np.zeros(shape, np.uint8)),
    ):
        sheet = draw_sheet(result)

        assert sheet.shape[1] == WIDTH
        assert sheet.shape[0] < HEAD + TALLEST + 600


@pytest.mark.parametrize("photo", [Size(72, 100), Size(300, 80), Size(80, 300)], ids=str)
def test_pictures_keep_their_shape_and_their_column(photo: Size) -> None:
    drawn = picture_size(photo, 400)

    assert drawn.width / drawn.height == pytest.approx(photo.width / photo.height, rel=0.01)
    assert drawn.width == 400 or drawn.height == TALLEST
    assert drawn.width <= 400
    assert drawn.height <= TALLEST


def test_maps_keep_the_colours_of_the_palette(make_result: Make) -> None:
    sheet = draw_sheet(make_result())

    assert {tuple(CAMVID.palette[label].tolist()) for label in (0, 3, 8)} <= colours(sheet)


def test_the_bar_shows_every_stage(make_result: Make, make_coded: Make) -> None:
    for result in (make_result(), make_coded()):
        drawn = colours(draw_sheet(result))

        assert {STAGE_COLOURS[stage] for stage in result.stages_s} <= drawn
    assert set(make_result().stages_s) | set(make_coded().stages_s) == set(STAGE_COLOURS)


def test_the_table_has_a_line_for_every_stream(make_coded: Make) -> None:
    result = make_coded()
    one = replace(result.encoded, payloads=result.encoded.payloads[1:])

    shorter = draw_sheet(replace(result, encoded=one))

    assert shorter.shape[0] < draw_sheet(result).shape[0]


def test_classes_without_names_get_numbers(make_result: Make) -> None:
    drawn = panels(make_result(taxonomy="somebody/segmenter"))

    assert drawn[1].picture is not None
    assert len({tuple(colour) for colour in drawn[1].picture.reshape(-1, 3).tolist()}) == 3
    assert ("classes present", "3 of 9") in drawn[1].rows


def test_every_scheme_has_a_name() -> None:
    assert set(NAMES) == set(Scheme)


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"psnr_db": 10.0}, "PSNR 10 dB"),
        ({"snr_db": 2.5}, "SNR 2.5 dB"),
        ({"ebno_db": 3.0}, "Eb/N0 3 dB"),
        ({"sigma": 0.3}, "sigma 0.3"),
        ({"gesco_table_db": 15.0}, "table level 15"),
    ],
)
def test_the_level_is_told_as_it_was_asked(fields: dict[str, float], text: str) -> None:
    assert level_text(settings_from_fields(fields)) == text


def test_a_credit_makes_room_for_itself(make_result: Make, tmp_path: Path) -> None:
    result, path = make_result(), tmp_path / "sheet.png"

    write_sheet(path, result, "Photo: somebody")

    assert decode_png(path.read_bytes()).shape[0] > draw_sheet(result).shape[0]
    assert list(tmp_path.iterdir()) == [path]
