"""Draws figures: a scheme looks the same in all of them, and rows give the same file again."""

from __future__ import annotations

import io
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from semlink.lab.report.figures import Drawing, Panel
from semlink.lab.report.swept import Point, Swept
from semlink.lab.report.words import name_of
from semlink.lab.sweep.wanted import ARRIVED, FigureWanted

# Okabe and Ito's colours, which most colour-blind people can tell apart, without the yellow.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#8B6B3D")
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*", "<", ">")
LINES: tuple[Any, ...] = ("-", (0, (5, 2)), (0, (1, 1.5)), (0, (6, 2, 1, 2)))
INK, PALE, GRID = "#1c2026", "#5f666e", "#e4e4de"
STYLE: Any = {
    "font.size": 9,
    "text.color": INK,
    "axes.edgecolor": PALE,
    "axes.labelcolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.grid": True,
    "grid.color": GRID,
    "grid.linewidth": 0.7,
    "xtick.color": PALE,
    "ytick.color": PALE,
    "pdf.fonttype": 42,
    "svg.fonttype": "path",
    "svg.hashsalt": "semlink",
}
FORMATS: dict[str, dict[str, Any]] = {  # without the day, so that files can be compared
    "svg": {"Date": None},
    "pdf": {"CreationDate": None},
    "png": {},
}
PANEL = (3.3, 3.0)  # inches
ONE_PANEL = (5.4, 3.7)
LEGEND_LINE = 0.2
LEGEND_HANDLE, LEGEND_LETTER = 0.5, 0.06  # inches beside a name, and for each of its letters
MOST_COLUMNS = 3
DPI = 200
ASIDE = 2.2  # points between schemes at one level, so that bars do not hide each other
MOST_ASIDE = 5.0  # points, so that nobody takes it for another level


@dataclass(frozen=True)
class Look:
    """How a line is drawn.

    Attributes:
        colour: of the curve.
        marker: of the system.
        line: of the system, as matplotlib names it.
        aside: points by which it is moved to the right where others have the same x.
    """

    colour: str
    marker: str
    line: Any
    aside: float


def looks(swept: Swept) -> dict[str, Look]:
    """By system and by curve: a colour for every curve, a line for every system in it."""
    found: dict[str, Look] = {}
    members: dict[str, int] = {}
    curves = list(dict.fromkeys(swept.systems.values()))
    middle = (len(swept.systems) - 1) / 2
    step = min(ASIDE, MOST_ASIDE / max(middle, 0.5))
    for index, (system, curve) in enumerate(swept.systems.items()):
        member = members.setdefault(curve, 0)
        members[curve] += 1
        colour = COLOURS[curves.index(curve) % len(COLOURS)]
        marker, line = MARKERS[index % len(MARKERS)], LINES[member % len(LINES)]
        found[system] = Look(colour, marker, line, step * (index - middle))
        found.setdefault(curve, Look(colour, marker, LINES[0], 0.0))
    return found


def draw(drawing: Drawing, look: Mapping[str, Look]) -> dict[str, bytes]:
    """Files of a figure by their suffix: svg, pdf, png."""
    import matplotlib as mpl
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    columns = _columns(len(drawing.panels))
    rows = math.ceil(len(drawing.panels) / columns)
    width, height = ONE_PANEL if len(drawing.panels) == 1 else PANEL
    with mpl.rc_context(STYLE):
        names = list(dict.fromkeys(name for panel in drawing.panels for name in panel.lines))
        across = _legend_columns(names, width * columns)
        tall = height * rows + LEGEND_LINE * (1 + math.ceil(len(names) / across))
        figure = Figure(figsize=(width * columns, tall), layout="constrained")
        FigureCanvasAgg(figure)
        parts = figure.subfigures(rows, columns, squeeze=False)
        for panel, part in zip(drawing.panels, parts.flat, strict=False):
            _panel(part, drawing, panel, look)
        _share_ranges([part.axes[0] for part in parts.flat if part.axes])
        _legend(figure, names, across, look)
        return saved(figure)


def _columns(panels: int) -> int:
    """Plots side by side: as many as fill the rows."""
    even = (columns for columns in range(MOST_COLUMNS, 1, -1) if panels % columns == 0)
    return next(even, min(MOST_COLUMNS, panels))


def saved(figure: Any) -> dict[str, bytes]:
    """A figure in all formats."""
    files = {}
    for suffix, metadata in FORMATS.items():
        buffer = io.BytesIO()
        figure.savefig(buffer, format=suffix, metadata=metadata, dpi=DPI)
        files[suffix] = buffer.getvalue()
    return files


def _panel(part: Any, drawing: Drawing, panel: Panel, look: Mapping[str, Look]) -> None:
    """A plot; over the level, with another one below it of the pictures that arrived."""
    wanted = drawing.wanted
    over_level = wanted.x == "level" and wanted.y != ARRIVED
    ratios = [4, 1] if over_level else [1]
    plots = part.subplots(len(ratios), 1, sharex=True, squeeze=False, height_ratios=ratios)[:, 0]
    upper = plots[0]
    upper.set_title(panel.title, loc="left", fontsize=9.5)
    if wanted.log_x:
        _logarithmic(upper)
    for name, points in panel.lines.items():
        _line(upper, points, wanted, look[name])
    upper.set_ylabel(name_of(wanted.y))
    if over_level:
        _arrivals(plots[1], panel, look)
        part.align_ylabels()
    plots[-1].set_xlabel(drawing.x_name)
    for plot in plots:
        plot.tick_params(length=0)


def _line(plot: Any, points: Sequence[Point], wanted: FigureWanted, look: Look) -> None:
    drawn: dict[str, Any] = {"color": look.colour}
    if wanted.x == "level":
        drawn["transform"] = _aside(plot, look.aside)
    found = [(_x(point, wanted), point.interval(wanted.y), point) for point in points]
    there = [(x, value, point) for x, value, point in found if math.isfinite(value.value)]
    xs, ys = [x for x, _, _ in there], [value.value for _, value, _ in there]
    plot.plot(xs, ys, linestyle=look.line, linewidth=1.4, **drawn)
    for x, value, point in there:
        bar = [[value.value - value.low], [value.high - value.value]]
        plot.errorbar(
            x,
            value.value,
            bar if math.isfinite(value.low) else None,
            marker=look.marker,
            markersize=5.5,
            markerfacecolor=look.colour if point.pictures == point.sent else "white",
            markeredgewidth=1.2,
            elinewidth=0.9,
            capsize=2.5,
            **drawn,
        )
    _make_room(plot, [(x, y) for x, value, _ in there for y in value])
    lost = [x for x, _, point in found if point.sent and not point.pictures]
    if wanted.x != "level" and lost:
        _crosses(plot, lost, look)


def _make_room(plot: Any, places: Sequence[tuple[float, float]]) -> None:
    """Widens the axes, which do not see what was moved aside."""
    known = [(x, y) for x, y in places if math.isfinite(y)]
    if known:
        plot.update_datalim(known)
        plot.autoscale_view()


def _crosses(plot: Any, xs: Sequence[float], look: Look) -> None:
    """Points that no picture came of, on the axis."""
    foot = plot.get_xaxis_transform()
    marks: dict[str, Any] = {"linestyle": "", "marker": "x", "markersize": 6.5}
    plot.plot(xs, [0.0] * len(xs), color=look.colour, transform=foot, clip_on=False, **marks)


def _arrivals(plot: Any, panel: Panel, look: Mapping[str, Look]) -> None:
    """Shares of the pictures that arrived."""
    for name, points in panel.lines.items():
        shares = [point.interval(ARRIVED).value for point in points]
        drawn: dict[str, Any] = {"color": look[name].colour, "marker": look[name].marker}
        transform = _aside(plot, look[name].aside)
        line = {"linestyle": look[name].line, "linewidth": 1.0, "markersize": 3.5}
        levels = [point.level for point in points]
        plot.plot(levels, shares, transform=transform, **drawn, **line)
        _make_room(plot, list(zip(levels, shares, strict=True)))
    plot.set_ylim(-0.15, 1.15)
    plot.set_yticks([0, 1], ["0 %", "100 %"])
    plot.set_ylabel("arrived")


def _aside(plot: Any, points: float) -> Any:
    from matplotlib.transforms import offset_copy

    root = plot.get_figure(root=True)
    return offset_copy(plot.transData, root, x=points, units="points")


def _logarithmic(plot: Any) -> None:
    """An axis with numbers as people write them."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

    plot.set_xscale("log")
    plot.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    plot.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    plot.xaxis.set_minor_locator(NullLocator())


def _share_ranges(plots: Sequence[Any]) -> None:
    """The same axes for all plots, so that they can be read against each other."""
    for axis in ("x", "y"):
        lows, highs = zip(*(getattr(plot, f"get_{axis}lim")() for plot in plots), strict=True)
        for plot in plots:
            getattr(plot, f"set_{axis}lim")(min(lows), max(highs))


def _x(point: Point, wanted: FigureWanted) -> float:
    return point.level if wanted.x == "level" else point.interval(wanted.x).value


def _legend_columns(names: Sequence[str], width: float) -> int:
    """As many as the longest name leaves room for in so many inches."""
    longest = max(map(len, names), default=1)
    room = int(width / (LEGEND_HANDLE + LEGEND_LETTER * longest))
    return max(1, min(room, len(names)))


def _legend(figure: Any, names: Sequence[str], columns: int, look: Mapping[str, Look]) -> None:
    from matplotlib.lines import Line2D

    handles = []
    for name in names:
        drawn: dict[str, Any] = {"color": look[name].colour, "marker": look[name].marker}
        line = {"linestyle": look[name].line, "linewidth": 1.4, "markersize": 5.5}
        handles.append(Line2D([], [], label=name, **drawn, **line))
    figure.legend(handles=handles, loc="outside lower center", ncols=columns, frameon=False)
