"""Contact sheets: one transmission on one page, from the photo to its reconstruction."""

from __future__ import annotations

import colorsys
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from semlink.core.pictures import LabelMap, Rgb
from semlink.core.taxonomy import TAXONOMIES, Taxonomy
from semlink.lab.drawing import INK, PALE, Canvas, Colour, Point, text_width
from semlink.lab.files import write_picture
from semlink.lab.result import Result

MARGIN = 64
GAP = 28
PANEL_WIDTH = 440
HEAD = 190
LABEL = 46
LINE = 32
ROWS = 4
TIMES = 112
FOOT = 64

STAGE_COLOURS: dict[str, Colour] = {
    "segment": (70, 98, 148),
    "encode": (116, 146, 190),
    "propagate": (214, 158, 74),
    "denoise": (142, 172, 104),
    "network": (176, 82, 74),
    "sampler": (214, 140, 130),
    "finish": (134, 112, 150),
    "elsewhere": (200, 200, 194),
}


@dataclass(frozen=True)
class Panel:
    """One picture of the sheet.

    Attributes:
        title: above it.
        picture: in colour.
        smooth: whether it is a photograph; a map is not.
        rows: figures below it, name and value.
    """

    title: str
    picture: Rgb
    smooth: bool
    rows: tuple[tuple[str, str], ...]


def panels(result: Result) -> tuple[Panel, ...]:
    """Photo, sent, received and denoised map, reconstruction; each with its figures."""
    taxonomy = _taxonomy(result)
    sent = result.encoded
    paint = taxonomy.colourise
    return (
        Panel("Photo", result.photo, True, _photo_rows(result)),
        Panel("Sent map", paint(sent.sent_map), False, _sent_rows(result, taxonomy)),
        Panel("Received map", paint(result.denoised.received_map), False, _received_rows(result)),
        Panel("Denoised map", paint(result.denoised.denoised_map), False, _denoised_rows(result)),
        Panel("Reconstruction", result.picture, True, _painted_rows(result)),
    )


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
    photo = result.encoded.photo
    picture_height = round(PANEL_WIDTH * photo.height / photo.width)
    width = 2 * MARGIN + len(drawn) * PANEL_WIDTH + (len(drawn) - 1) * GAP
    legend = _legend_lines(result, width - 2 * MARGIN)
    captions = HEAD + LABEL + picture_height + 16
    below = captions + ROWS * LINE + 44
    height = below + len(legend) * 44 + TIMES + (FOOT if credit else 24)
    canvas = Canvas(width, height)
    _draw_head(canvas, result, width)
    for index, panel in enumerate(drawn):
        _draw_panel(
            canvas, Point(MARGIN + index * (PANEL_WIDTH + GAP), HEAD), panel, picture_height
        )
    canvas.rule(Point(MARGIN, below - 22), width - 2 * MARGIN)
    _draw_legend(canvas, below, legend)
    _draw_times(canvas, below + len(legend) * 44, result, width - 2 * MARGIN)
    canvas.text(Point(MARGIN, height - 34), credit, 18, PALE)
    return np.asarray(canvas.image)


# Figures


def _photo_rows(result: Result) -> tuple[tuple[str, str], ...]:
    sent = result.encoded
    return (
        ("photo", f"{sent.photo}"),
        ("working picture", f"{sent.working}"),
        ("segmenter", result.settings.segmenter),
        ("seed", str(result.settings.seed)),
    )


def _sent_rows(result: Result, taxonomy: Taxonomy) -> tuple[tuple[str, str], ...]:
    sent = result.encoded
    present = np.unique(sent.sent_map).size
    return (
        ("classes present", f"{present} of {len(taxonomy.classes)}"),
        ("channel uses", f"{sent.channel_uses:,}"),
        ("per pixel", f"{sent.channel_uses_per_pixel:.3g}"),
        ("header", f"{sent.header_bytes} bytes"),
    )


def _received_rows(result: Result) -> tuple[tuple[str, str], ...]:
    draws = result.propagated.draws
    measured = [("", ""), ("", "")]
    if draws:
        measured = [
            ("PSNR measured", f"{draws[0].measured_psnr_db:.2f} dB"),
            ("SNR measured", f"{draws[0].measured_snr_db:.2f} dB"),
        ]
    asked = ("asked", level_text(result))
    return (asked, *measured, ("pixels right", f"{result.received_accuracy:.2%}"))


def _denoised_rows(result: Result) -> tuple[tuple[str, str], ...]:
    lost = ", ".join(result.denoised.lost) or "nothing"
    return (
        ("denoiser", result.settings.receiver.denoiser.value),
        ("lost", lost),
        ("seconds", f"{result.denoised.denoise_s:.3f}"),
        ("pixels right", f"{result.denoised_accuracy:.2%}"),
    )


def _painted_rows(result: Result) -> tuple[tuple[str, str], ...]:
    settings = result.settings.receiver
    return (
        ("network", settings.network),
        ("sampler", f"{settings.sampler.value}, {settings.steps} steps"),
        ("guidance", f"{settings.guidance:g}"),
        ("seconds in all", f"{result.total_s:.2f}"),
    )


def level_text(result: Result) -> str:
    """The noise level as it was asked for, as in "PSNR 10 dB"."""
    channel = result.settings.channel
    names = {
        "psnr_db": "PSNR {:g} dB",
        "snr_db": "SNR {:g} dB",
        "ebno_db": "Eb/N0 {:g} dB",
        "sigma": "sigma {:g}",
        "gesco_table_db": "table level {:g}",
    }
    return names[channel.noise.value].format(channel.level)


# Drawing


def _draw_head(canvas: Canvas, result: Result, width: int) -> None:
    settings = result.settings
    title = f"{settings.scheme.value.upper()} over {settings.channel.model.value.upper()}"
    canvas.text(Point(MARGIN, 82), "semlink", 26, STAGE_COLOURS["network"])
    canvas.text(Point(MARGIN, 132), f"{title} at {level_text(result)}", 44)
    sent = result.encoded
    figures = (
        ("seconds", f"{result.total_s:.1f}"),
        ("of the map right", f"{result.denoised_accuracy:.1%}"),
        ("channel uses per pixel", f"{sent.channel_uses_per_pixel:.3g}"),
    )
    right = width - MARGIN
    for name, value in figures:
        canvas.text(Point(right, 106), value, 44, anchor="rs")
        canvas.text(Point(right, 136), name, 20, PALE, anchor="rs")
        right -= max(text_width(value, 44), text_width(name, 20)) + 56


def _draw_panel(canvas: Canvas, at: Point, panel: Panel, picture_height: int) -> None:
    canvas.text(Point(at.x, at.y + 26), panel.title, 28)
    top = Point(at.x, at.y + LABEL)
    canvas.picture(top, panel.picture, PANEL_WIDTH, picture_height, smooth=panel.smooth)
    for index, (name, value) in enumerate(panel.rows):
        baseline = top.y + picture_height + 16 + (index + 1) * LINE - 6
        canvas.text(Point(at.x, baseline), name, 21, PALE)
        canvas.text(Point(at.x + PANEL_WIDTH, baseline), value, 21, INK, anchor="rs")


Chip = tuple[str, Colour]


def _legend_lines(result: Result, width: int) -> list[list[Chip]]:
    """Classes of the sent map, largest area first, broken into lines."""
    taxonomy = _taxonomy(result)
    labels, counts = np.unique(result.encoded.sent_map, return_counts=True)
    lines: list[list[Chip]] = [[]]
    used = 0
    for label in labels[np.argsort(-counts, kind="stable")]:
        red, green, blue = (int(part) for part in taxonomy.palette[label])
        chip: Chip = (taxonomy.classes[label], (red, green, blue))
        if used + _chip_width(chip) > width:
            lines.append([])
            used = 0
        lines[-1].append(chip)
        used += _chip_width(chip)
    return lines


def _chip_width(chip: Chip) -> int:
    return 36 + text_width(chip[0], 21) + 34


def _draw_legend(canvas: Canvas, top: int, lines: list[list[Chip]]) -> None:
    for row, line in enumerate(lines):
        left = MARGIN
        for chip in line:
            canvas.box(Point(left, top + row * 44), 26, 26, chip[1])
            canvas.text(Point(left + 36, top + row * 44 + 20), chip[0], 21)
            left += _chip_width(chip)


def _draw_times(canvas: Canvas, top: int, result: Result, width: int) -> None:
    """A bar of the seconds per stage, and what each colour means."""
    stages = result.stages_s
    total = sum(stages.values())
    left = float(MARGIN)
    for name, seconds in stages.items():
        length = width * seconds / total
        if length >= 1:
            canvas.box(Point(round(left), top + 16), round(length), 22, STAGE_COLOURS[name], 3)
        left += length
    at = MARGIN
    for name, seconds in stages.items():
        canvas.box(Point(at, top + 58), 16, 16, STAGE_COLOURS[name])
        at += 24 + canvas.text(Point(at + 24, top + 73), name, 21)
        at += 8 + canvas.text(Point(at + 8, top + 73), f"{seconds:.3f} s", 21, PALE) + 40


def _taxonomy(result: Result) -> Taxonomy:
    """The map's taxonomy, or numbers and spread hues for a network's own classes."""
    known = TAXONOMIES.get(result.encoded.taxonomy)
    return known or numbered_taxonomy(result.encoded.sent_map, result.denoised.received_map)


def numbered_taxonomy(*maps: LabelMap) -> Taxonomy:
    """Names and colours for the labels of maps whose classes have none."""
    count = 1 + max(int(labels.max()) for labels in maps)
    hues = [(0.618034 * index) % 1.0 for index in range(count)]
    colours = [colorsys.hls_to_rgb(hue, 0.52, 0.5) for hue in hues]
    palette = np.round(255 * np.array(colours)).astype(np.uint8)
    return Taxonomy("numbered", tuple(f"class {index}" for index in range(count)), palette)
