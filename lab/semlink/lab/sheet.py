"""Contact sheets: one transmission on one page, from the photo to what became of it."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from semlink.core.events import Outcome
from semlink.core.pictures import LabelMap, Rgb, Size
from semlink.core.schemes import Scheme
from semlink.lab.drawing import INK, PALE, Canvas, Colour, Point, text_width
from semlink.lab.files import write_picture
from semlink.lab.panels import Panel, panels, taxonomy_of
from semlink.lab.result import Result
from semlink.lab.streams import StreamReport, decibels, stream_table
from semlink.lab.summary import level_text

MARGIN = 64
GAP = 28
WIDTH = 2440
INNER = WIDTH - 2 * MARGIN
HEAD = 190
LABEL = 46
LINE = 32
TALLEST = 860  # of a picture
NARROWEST = 440  # of the figures below it
CHIPS = 44
TIMES = 112
FOOT = 64

RED: Colour = (186, 54, 46)
AMBER: Colour = (176, 112, 8)
OUTCOME_COLOURS: dict[Outcome, Colour] = {
    Outcome.RECONSTRUCTED: INK,
    Outcome.PARTIAL: AMBER,
    Outcome.LOST: RED,
    Outcome.OUTAGE: RED,
}
BRAND: Colour = (176, 82, 74)
STAGE_COLOURS: dict[str, Colour] = {
    "segment": (70, 98, 148),
    "encode": (116, 146, 190),
    "propagate": (214, 158, 74),
    "demodulate": (232, 196, 110),
    "denoise": (142, 172, 104),
    "network": BRAND,
    "sampler": (214, 140, 130),
    "decode": (162, 108, 140),
    "finish": (134, 112, 150),
    "elsewhere": (200, 200, 194),
}
NAMES: dict[Scheme, str] = {  # as their authors write them
    Scheme.GESCO: "GESCO",
    Scheme.SPIC: "SPIC",
    Scheme.SGC: "SGC",
    Scheme.SQGAN: "SQ-GAN",
    Scheme.JPEG2000: "JPEG 2000",
    Scheme.WEBP: "WebP",
    Scheme.JPEGXL: "JPEG XL",
    Scheme.AVIF: "AVIF",
    Scheme.HEIC: "HEIC",
    Scheme.ANALOG: "Analog picture",
}


def write_sheet(path: Path, result: Result, credit: str = "") -> None:
    """Draws the sheet and writes it as a PNG, whole or not at all.

    Args:
        path: of the PNG.
        result: of the transmission.
        credit: of the photo, printed at the foot.
    """
    write_picture(path, draw_sheet(result, credit))


def draw_sheet(result: Result, credit: str = "") -> Rgb:
    """The sheet; its width is the same for all photos, its height follows their shape."""
    drawn = panels(result)
    column = (INNER - (len(drawn) - 1) * GAP) // len(drawn)
    picture = picture_size(result.encoded.photo, column)
    rows = max(len(panel.rows) for panel in drawn)
    legend = _legend_lines(result)
    below = HEAD + LABEL + picture.height + 16 + rows * LINE + 44
    table = below + len(legend) * CHIPS + 8 * bool(legend)
    times = table + (1 + len(result.streams)) * LINE + 36
    height = times + TIMES + (FOOT if credit else 24)
    canvas = Canvas(WIDTH, height)
    _draw_head(canvas, result)
    for index, panel in enumerate(drawn):
        at = Point(MARGIN + index * (column + GAP), HEAD)
        _draw_panel(canvas, at, panel, picture, min(column, max(picture.width, NARROWEST)))
    canvas.rule(Point(MARGIN, below - 22), INNER)
    _draw_legend(canvas, below, legend)
    _draw_streams(canvas, table, result.streams)
    canvas.rule(Point(MARGIN, times - 14), INNER)
    _draw_times(canvas, times, result)
    canvas.text(Point(MARGIN, height - 34), credit, 18, PALE)
    return np.asarray(canvas.image)


def picture_size(photo: Size, column: int) -> Size:
    """How large the photo is drawn: as wide as its column unless that makes it too tall."""
    scale = min(column / photo.width, TALLEST / photo.height)
    return Size(round(scale * photo.height), round(scale * photo.width))


def _draw_head(canvas: Canvas, result: Result) -> None:
    settings = result.settings
    title = f"{NAMES[settings.scheme]} over {_medium(settings.channel.model.value)}"
    canvas.text(Point(MARGIN, 82), "semlink", 26, BRAND)
    canvas.text(Point(MARGIN, 132), f"{title} at {level_text(settings)}", 44)
    right = WIDTH - MARGIN
    for name, value, colour in _headlines(result):
        canvas.text(Point(right, 106), value, 44, colour, anchor="rs")
        canvas.text(Point(right, 136), name, 20, PALE, anchor="rs")
        right -= max(text_width(value, 44), text_width(name, 20)) + 56


def _medium(model: str) -> str:
    """The channel's name as people write it: AWGN, TDL-A, but Rayleigh."""
    return model.upper() if model == "awgn" or "-" in model else model.capitalize()


def _headlines(result: Result) -> list[tuple[str, str, Colour]]:
    """From the right to the left."""
    quality, accuracy = result.psnr_db, result.denoised_accuracy
    return [
        ("seconds", f"{result.total_s:.1f}", INK),
        ("bits per pixel", f"{result.bits_per_pixel:.3g}", INK),
        ("channel uses per pixel", f"{result.channel_uses_per_pixel:.3g}", INK),
        *([("of the map right", f"{accuracy:.1%}", INK)] if accuracy is not None else []),
        *([("picture PSNR", decibels(quality), INK)] if quality is not None else []),
        ("outcome", result.outcome.value, OUTCOME_COLOURS[result.outcome]),
    ]


def _draw_panel(canvas: Canvas, at: Point, panel: Panel, size: Size, width: int) -> None:
    canvas.text(Point(at.x, at.y + 26), panel.title, 28)
    top = Point(at.x, at.y + LABEL)
    if panel.picture is None:
        canvas.placeholder(top, size.width, size.height, panel.says, RED)
    else:
        canvas.picture(top, panel.picture, size.width, size.height, smooth=panel.smooth)
    for index, (name, value) in enumerate(panel.rows):
        baseline = top.y + size.height + 16 + (index + 1) * LINE - 6
        canvas.text(Point(at.x, baseline), name, 21, PALE)
        canvas.text(Point(at.x + width, baseline), value, 21, INK, anchor="rs")


Chip = tuple[str, Colour]


def _legend_lines(result: Result) -> list[list[Chip]]:
    """Classes of the sent map, largest area first, broken into lines."""
    sent_map = result.encoded.sent_map
    if sent_map is None:
        return []
    lines: list[list[Chip]] = [[]]
    used = 0
    for chip in _chips(result, sent_map):
        if used + _chip_width(chip) > INNER:
            lines.append([])
            used = 0
        lines[-1].append(chip)
        used += _chip_width(chip)
    return lines


def _chips(result: Result, sent_map: LabelMap) -> list[Chip]:
    taxonomy = taxonomy_of(result.encoded, sent_map)
    labels, counts = np.unique(sent_map, return_counts=True)
    chips: list[Chip] = []
    for label in labels[np.argsort(-counts, kind="stable")]:
        red, green, blue = (int(part) for part in taxonomy.palette[label])
        chips.append((taxonomy.classes[label], (red, green, blue)))
    return chips


def _chip_width(chip: Chip) -> int:
    return 36 + text_width(chip[0], 21) + 34


def _draw_legend(canvas: Canvas, top: int, lines: list[list[Chip]]) -> None:
    for row, line in enumerate(lines):
        left = MARGIN
        for chip in line:
            canvas.box(Point(left, top + row * CHIPS), 26, 26, chip[1])
            canvas.text(Point(left + 36, top + row * CHIPS + 20), chip[0], 21)
            left += _chip_width(chip)


def _draw_streams(canvas: Canvas, top: int, streams: tuple[StreamReport, ...]) -> None:
    """A line per stream; what lost blocks is amber, what is lost is red."""
    left = MARGIN
    for name, cells in stream_table(streams).items():
        canvas.text(Point(left, top + 20), name, 21, PALE)
        for row, (stream, text) in enumerate(zip(streams, cells, strict=True), start=1):
            damaged = RED if stream.lost else AMBER if stream.blocks_lost else INK
            canvas.text(Point(left, top + row * LINE + 20), text, 21, damaged)
        left += max(text_width(text, 21) for text in (name, *cells)) + 64


def _draw_times(canvas: Canvas, top: int, result: Result) -> None:
    """A bar of the seconds per stage, and what each colour means."""
    stages = result.stages_s
    total = sum(stages.values())
    left = float(MARGIN)
    for name, seconds in stages.items():
        length = INNER * seconds / total
        if length >= 1:
            canvas.box(Point(round(left), top + 16), round(length), 22, STAGE_COLOURS[name], 3)
        left += length
    at = MARGIN
    for name, seconds in stages.items():
        canvas.box(Point(at, top + 58), 16, 16, STAGE_COLOURS[name])
        at += 24 + canvas.text(Point(at + 24, top + 73), name, 21)
        at += 8 + canvas.text(Point(at + 8, top + 73), f"{seconds:.3f} s", 21, PALE) + 40
