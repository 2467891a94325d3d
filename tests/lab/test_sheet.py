from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from semlink.core.pictures import Rgb, decode_png
from semlink.core.taxonomy import CAMVID
from semlink.lab.result import Result
from semlink.lab.sheet import (
    GAP,
    MARGIN,
    PANEL_WIDTH,
    STAGE_COLOURS,
    draw_sheet,
    level_text,
    panels,
    write_sheet,
)

TITLES = ["Photo", "Sent map", "Received map", "Denoised map", "Reconstruction"]
WIDTH = 2 * MARGIN + len(TITLES) * PANEL_WIDTH + (len(TITLES) - 1) * GAP


def colours(sheet: Rgb) -> set[tuple[int, ...]]:
    packed = np.unique(sheet.astype(np.int32) @ (1 << 16, 1 << 8, 1))
    return {(value >> 16, value >> 8 & 255, value & 255) for value in packed.tolist()}


def test_every_stage_of_the_link_has_a_panel(make_result: Callable[..., Result]) -> None:
    result = make_result()

    drawn = panels(result)

    assert [panel.title for panel in drawn] == TITLES
    np.testing.assert_array_equal(drawn[0].picture, result.photo)
    np.testing.assert_array_equal(drawn[1].picture, CAMVID.colourise(result.encoded.sent_map))
    np.testing.assert_array_equal(drawn[4].picture, result.picture)


@pytest.mark.parametrize("shape", [(72, 100, 3), (300, 80, 3), (80, 300, 3)], ids=str)
def test_the_sheet_is_as_wide_for_every_photo(
    make_result: Callable[..., Result], shape: tuple[int, int, int]
) -> None:
    sheet = draw_sheet(make_result(sent=np.zeros(shape, np.uint8)))

    assert sheet.shape[1] == WIDTH
    assert sheet.shape[0] > PANEL_WIDTH * shape[0] / shape[1]


def test_maps_keep_the_colours_of_the_palette(make_result: Callable[..., Result]) -> None:
    sheet = draw_sheet(make_result())

    assert {tuple(CAMVID.palette[label].tolist()) for label in (0, 3, 8)} <= colours(sheet)


def test_the_bar_shows_every_stage(make_result: Callable[..., Result]) -> None:
    result = make_result()

    assert set(result.stages_s) == set(STAGE_COLOURS)
    assert set(STAGE_COLOURS.values()) <= colours(draw_sheet(result))


def test_classes_without_names_get_numbers(make_result: Callable[..., Result]) -> None:
    drawn = panels(make_result(taxonomy="somebody/segmenter"))

    assert len({tuple(colour) for colour in drawn[1].picture.reshape(-1, 3).tolist()}) == 3
    assert ("classes present", "3 of 9") in drawn[1].rows


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
def test_the_level_is_told_as_it_was_asked(
    make_result: Callable[..., Result], fields: dict[str, float], text: str
) -> None:
    assert level_text(make_result(**fields)) == text


def test_a_credit_makes_room_for_itself(
    make_result: Callable[..., Result], tmp_path: Path
) -> None:
    result, path = make_result(), tmp_path / "sheet.png"

    write_sheet(path, result, "Photo: somebody")

    assert decode_png(path.read_bytes()).shape[0] > draw_sheet(result).shape[0]
    assert list(tmp_path.iterdir()) == [path]
