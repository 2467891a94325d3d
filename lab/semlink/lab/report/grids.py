"""Grids of photos as figures, for papers."""

from __future__ import annotations

from textwrap import wrap
from typing import Any

from semlink.lab.report.photos import PhotoGrid, Shown
from semlink.lab.report.plots import STYLE, saved

SIDE, CAPTION = 1.6, 0.34  # inches
TITLE = 24  # letters of a scheme's name in a line


def draw_grid(grid: PhotoGrid) -> dict[str, bytes]:
    """Files of a grid by their suffix, for papers."""
    import matplotlib as mpl
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    with mpl.rc_context(STYLE | {"axes.grid": False}):
        rows, columns = len(grid.lines), len(grid.columns)
        height, width = next(iter(grid.lines.values()))[0].shape
        tall = SIDE * height / width + CAPTION
        size = (SIDE * columns, rows * tall + CAPTION)
        figure = Figure(figsize=size, layout="constrained")
        FigureCanvasAgg(figure)
        plots = figure.subplots(rows, columns, squeeze=False)
        for line, shown in zip(plots, grid.lines.values(), strict=True):
            for plot, one in zip(line, shown, strict=True):
                _place(plot, one)
        for plot, name in zip(plots[0], grid.columns, strict=True):
            plot.set_title("\n".join(wrap(name, TITLE)), fontsize=8)
        return saved(figure)


def _place(plot: Any, shown: Shown) -> None:
    plot.set_xticks([])
    plot.set_yticks([])
    for spine in plot.spines.values():
        spine.set_visible(shown.picture is None)
    if shown.picture is None:
        plot.set_box_aspect(shown.shape[0] / shown.shape[1])
        plot.set_facecolor("#f2f0ec")
        plot.text(0.5, 0.5, shown.says, ha="center", va="center", transform=plot.transAxes)
        return
    plot.imshow(shown.picture, interpolation="none")
    plot.set_xlabel(shown.says.replace(", ", "\n"), fontsize=6.5)
