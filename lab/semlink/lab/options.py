"""Options that several commands share. Light: the settings themselves are not imported here."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

WHAT = "Photo and scheme"
LEVEL = "Noise level (give one)"
MEDIUM = "Channel"
COST = "Budget and protection"
PAINT = "Reconstruction"


def _setting(kind: type, panel: str, text: str, default: object = None) -> Any:
    """An option that is not given stays None: the settings know their own defaults."""
    shown = False if default is None else str(default)
    return Annotated[
        kind | None, typer.Option(help=text, rich_help_panel=panel, show_default=shown)
    ]


SETTINGS: dict[str, Any] = {  # by the flat names of `core.settings.settings_from_fields`
    "scheme": _setting(
        str, WHAT, "gesco, spic, jpeg2000, webp, jpegxl, avif, heic or analog.", "gesco"
    ),
    "preset": _setting(
        str, WHAT, "semlink, or paper: as published, with a free header.", "semlink"
    ),
    "size": _setting(int, WHAT, "Short side of the working picture, a multiple of 32.", 192),
    "seed": _setting(int, WHAT, "Same seed, same picture, bit by bit.", 0),
    "segmenter": _setting(str, WHAT, "Segmentation network (gesco, spic).", "segmenter-camvid"),
    "taxonomy": _setting(
        str, WHAT, "Classes of the label map: converts it, as in camvid.", "the segmenter's own"
    ),
    "min_region_px": _setting(
        int, WHAT, "Smaller regions of the label map are filled; 0 sends it as it is.", 0
    ),
    "transport": _setting(
        str, WHAT, "How a label map travels: analog, or digital (gesco).", "analog"
    ),
    "psnr_db": _setting(float, LEVEL, "Peak power over noise, dB; Es/N0 for coded bits.", 10),
    "snr_db": _setting(float, LEVEL, "Mean power over noise, dB."),
    "ebno_db": _setting(float, LEVEL, "Energy per information bit over noise, dB."),
    "sigma": _setting(float, LEVEL, "Standard deviation, in units of the peak."),
    "gesco_table_db": _setting(
        float, LEVEL, "Level of the published table: 1, 5, 10, 15, 20, 25, 30 or 100."
    ),
    "channel": _setting(
        str,
        MEDIUM,
        "awgn, rayleigh, rician, tdl-a .. tdl-e, cdl-a .. cdl-e, erasure or burst.",
        "awgn",
    ),
    "coherence_uses": _setting(int, MEDIUM, "Channel uses of one gain (rayleigh, rician).", 256),
    "k_factor": _setting(
        float, MEDIUM, "Line of sight over all other paths, a ratio (rician).", 4
    ),
    "delay_spread_ns": _setting(float, MEDIUM, "RMS delay spread (tdl, cdl).", 100),
    "speed_mps": _setting(float, MEDIUM, "Speed of the receiver (tdl, cdl).", 1),
    "carrier_ghz": _setting(float, MEDIUM, "Carrier frequency (tdl, cdl).", 3.5),
    "subcarrier_spacing_khz": _setting(float, MEDIUM, "Of OFDM (tdl, cdl).", 30),
    "subcarriers": _setting(int, MEDIUM, "Of OFDM (tdl, cdl).", 72),
    "erasure_rate": _setting(
        float, MEDIUM, "Share of the packets that are lost (erasure, burst).", 0.1
    ),
    "packet_uses": _setting(int, MEDIUM, "Channel uses of a packet (erasure, burst).", 256),
    "burst_packets": _setting(float, MEDIUM, "Mean length of a run of losses (burst).", 4),
    "csi": _setting(
        str, MEDIUM, "The receiver's knowledge of the channel: perfect or estimated.", "perfect"
    ),
    "pilots": _setting(
        int, MEDIUM, "Pilot symbols per slot or coherence block.", "what the channel needs"
    ),
    "coarse_factor": _setting(
        int, WHAT, "Sides of the working picture over the coarse one's (spic).", 4
    ),
    "map_side": _setting(int, WHAT, "Short side of the label map that travels (sgc).", 32),
    "colour_side": _setting(int, WHAT, "Short side of the colour map (sgc).", 16),
    "tokenizer": _setting(str, WHAT, "Network that makes tokens (sqgan).", "sqgan-camvid"),
    "map_fraction": _setting(float, WHAT, "Share of the map's tokens sent (sqgan).", 0.4),
    "picture_fraction": _setting(float, WHAT, "The same of the picture's.", 0.4),
    "bpp": _setting(float, COST, "Bits per pixel of the working picture, at most.", "no limit"),
    "cpp": _setting(
        float,
        COST,
        "Channel uses per pixel of the working picture, at most.",
        "no limit; 0.25 for codecs without a budget",
    ),
    "mcs": _setting(
        str,
        COST,
        "Modulation and code rate, as 16qam-1/2, or each payload's: header=qpsk-1/5,map=qpsk-1/2.",
        "the scheme's own",
    ),
    "network": _setting(
        str, PAINT, "Diffusion network; spic: spic-camvid, sgc: sgc-camvid.", "gesco-camvid"
    ),
    "sampler": _setting(str, PAINT, "ddpm, ddim or dpm-solver.", "dpm-solver"),
    "steps": _setting(int, PAINT, "Timesteps visited; for spic and sgc 20.", 12),
    "guidance": _setting(float, PAINT, "Classifier-free guidance; for spic 1.5.", 2),
    "start_timestep": _setting(
        int, PAINT, "Timesteps to go through; spic: 200, sgc: 700, from what is coarse.", 1000
    ),
    "start": _setting(str, PAINT, "The coarse picture at the start: noised or clean.", "noised"),
    "denoiser": _setting(str, PAINT, "Of the received map: none, fds or posterior.", "posterior"),
}
LEVELS = ("psnr_db", "snr_db", "ebno_db", "sigma", "gesco_table_db")

Command = Callable[..., None]


def takes(
    names: Iterable[str], table: Mapping[str, Any] = SETTINGS
) -> Callable[[Command], Command]:
    """Gives a command's `**settings` an option for each name, as the table has them."""
    chosen = [
        inspect.Parameter(
            name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=table[name]
        )
        for name in names
    ]

    def with_options(command: Command) -> Command:
        signature = inspect.signature(command, eval_str=True)
        *own, _ = signature.parameters.values()
        named = [item.replace(kind=inspect.Parameter.KEYWORD_ONLY) for item in own]
        parameters = [*named, *chosen]
        command.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
        return command

    return with_options


Photo = Annotated[Path, typer.Argument(help="JPEG, PNG, WebP, BMP, TIFF or PPM.")]
Output = Annotated[Path, typer.Option("--output", "-o", help="The reconstruction, a PNG.")]
Device = Annotated[
    str | None, typer.Option(help="As torch names it.", show_default="the best there is")
]
LinkAddress = Annotated[
    str | None,
    typer.Option(
        "--link",
        metavar="HOST:PORT",
        help="Transmitter's gRPC address.",
        show_default="the link in this process",
    ),
]
TimeoutS = Annotated[float | None, typer.Option(help="Give up after so many seconds.")]
Json = Annotated[bool, typer.Option("--json", help="One JSON object on stdout, nothing else.")]
Sheet = Annotated[Path | None, typer.Option(help="Also write a contact sheet, a PNG.")]
Capture = Annotated[
    Path | None, typer.Option(help="Also keep the transmission as it was on the air.")
]
