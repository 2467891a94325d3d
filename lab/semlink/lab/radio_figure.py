"""The error rates of `radio_curves` as a figure and as a table.

python -m semlink.lab.radio_figure --figure docs/radio-bler.svg
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from semlink.core.channel_settings import ChannelModel
from semlink.lab.radio_curves import Curve, Errors, Point, measure_curves

TITLES = {
    ChannelModel.AWGN: "AWGN",
    ChannelModel.RAYLEIGH: "Rayleigh, a gain for each symbol, known to the receiver",
}
LABELS = {"qpsk-1/2": "QPSK 1/2", "16qam-1/2": "16-QAM 1/2", "64qam-2/3": "64-QAM 2/3"}
COLOURS = {"qpsk-1/2": "#2b6cb0", "16qam-1/2": "#c05621", "64qam-2/3": "#2f855a"}
INK = "#1c2026"
PALE = "#767c84"
STYLE: Any = {
    "font.size": 9,
    "text.color": INK,
    "axes.edgecolor": PALE,
    "axes.labelcolor": INK,
    "xtick.color": PALE,
    "ytick.color": PALE,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "svg.hashsalt": "semlink",  # so that the same curves give the same file
}


def draw(curves: Sequence[Curve], path: Path) -> None:
    """Writes the figure; the ending of the name says the format."""
    import matplotlib as mpl
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(9.6, 4.6), layout="constrained")
        FigureCanvasAgg(figure)
        panels = figure.subplots(1, len(TITLES), sharey=True)
        for panel, model in zip(panels, TITLES, strict=True):
            _panel(panel, model, [curve for curve in curves if curve.model is model])
        panels[0].set_ylabel("error rate")
        _legend(panels[0])
        figure.savefig(path, metadata={"Date": None} if path.suffix == ".svg" else None)


def _panel(panel: Any, model: ChannelModel, curves: Sequence[Curve]) -> None:
    panel.set_title(TITLES[model], loc="left", fontsize=10, pad=12)
    panel.set_yscale("log")
    panel.set_ylim(1e-5, 2.5)
    panel.set_xlabel("$E_b/N_0$ in dB")
    panel.grid(which="major", color="#e6e6e0", linewidth=0.7)
    panel.tick_params(length=0, which="both")
    for curve in curves:
        _rates(panel, curve, "bler", "-", "o")
        _rates(panel, curve, "ber", (0, (4, 2)), "s")
        first = curve.points[0]
        panel.set_axisbelow(True)
        panel.annotate(
            LABELS[curve.mcs],
            (first.ebno_db, first.ours.bler),
            (-6, 8),
            textcoords="offset points",
            color=COLOURS[curve.mcs],
            fontweight="bold",
        )


def _rates(panel: Any, curve: Curve, rate: str, line: Any, marker: str) -> None:
    colour = COLOURS[curve.mcs]
    ours = [point for point in curve.points if getattr(point.ours, rate) > 0]
    levels, rates = [p.ebno_db for p in ours], [getattr(p.ours, rate) for p in ours]
    panel.plot(levels, rates, linestyle=line, color=colour, linewidth=1.5)
    for point in curve.points:
        found = getattr(point.sionna, rate)
        low, high = getattr(point.sionna, f"{rate}_interval")
        if found > 0:
            panel.errorbar(
                point.ebno_db,
                found,
                [[found - low], [high - found]],
                marker=marker,
                markersize=4.5,
                markerfacecolor="white",
                color=colour,
                elinewidth=0.9,
                capsize=2.5,
            )


def _legend(panel: Any) -> None:
    from matplotlib.lines import Line2D

    def entry(label: str, **look: Any) -> Any:
        return Line2D([], [], color=PALE, label=label, **look)

    hollow: dict[str, Any] = {"linestyle": "", "markerfacecolor": "white", "markersize": 4.5}
    panel.legend(
        handles=[
            entry("Semlink, block error rate", linestyle="-"),
            entry("Semlink, bit error rate", linestyle=(0, (4, 2))),
            entry("Sionna, block error rate", marker="o", **hollow),
            entry("Sionna, bit error rate", marker="s", **hollow),
        ],
        title="bars: 99 % intervals of Sionna's",
        loc="lower center",
        bbox_to_anchor=(0.64, 0.0),
        frameon=False,
        fontsize=8,
        title_fontsize=8,
    )


def markdown(curves: Sequence[Curve]) -> str:
    """A table of all points."""
    head = "| medium | code | Eb/N0 | block errors | Sionna's | 99 % interval | BER | Sionna's |"
    return "\n".join([head, "|" + "---|" * 8, *(_row(*place) for place in _places(curves))]) + "\n"


def _places(curves: Sequence[Curve]) -> Iterator[tuple[Curve, Point]]:
    return ((curve, point) for curve in curves for point in curve.points)


def _row(curve: Curve, point: Point) -> str:
    low, high = point.sionna.bler_interval
    outside = "" if point.agrees else " (outside)"
    cells = [
        curve.model,
        LABELS[curve.mcs],
        f"{point.ebno_db:g} dB",
        f"{_share(point.ours)}{outside}",
        _share(point.sionna),
        f"{low:.3f} .. {high:.3f}",
        f"{point.ours.ber:.1e}{'' if point.ber_agrees else ' (outside)'}",
        f"{point.sionna.ber:.1e}",
    ]
    return f"| {' | '.join(cells)} |"


def _share(errors: Errors) -> str:
    return f"{errors.failed} of {errors.blocks}"


def main(
    figure: Annotated[Path, typer.Option(help="File to write: SVG, PDF or PNG.")],
    blocks: Annotated[int, typer.Option(help="Blocks per point in Sionna's chain.")] = 400,
    our_blocks: Annotated[int, typer.Option(help="Blocks per point in ours.")] = 800,
    seed: Annotated[int, typer.Option(help="Of data and channels.")] = 0,
) -> None:
    """Compares the error rates of coded bits with Sionna's; some minutes."""
    curves = measure_curves(blocks=blocks, our_blocks=our_blocks, seed=seed)
    draw(curves, figure)
    sys.stdout.write(markdown(curves))


if __name__ == "__main__":
    typer.run(main)
