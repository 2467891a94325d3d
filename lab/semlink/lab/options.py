"""Options that several commands share. Light: the settings themselves are not imported here."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

LEVEL = "Noise level (give one)"
PAINT = "Reconstruction"

PsnrDb = Annotated[
    float | None,
    typer.Option(
        help="Peak power over noise, dB. 10 if no level is given.", rich_help_panel=LEVEL
    ),
]
SnrDb = Annotated[
    float | None, typer.Option(help="Mean power over noise, dB.", rich_help_panel=LEVEL)
]
EbnoDb = Annotated[
    float | None, typer.Option(help="Energy per bit over noise, dB.", rich_help_panel=LEVEL)
]
Sigma = Annotated[
    float | None,
    typer.Option(help="Standard deviation, in units of the peak.", rich_help_panel=LEVEL),
]
GescoTableDb = Annotated[
    float | None,
    typer.Option(
        help="Level of the published table: 1, 5, 10, 15, 20, 25, 30 or 100.",
        rich_help_panel=LEVEL,
    ),
]
Seed = Annotated[
    int | None, typer.Option(help="Same seed, same picture, bit by bit.", show_default="0")
]
Size = Annotated[
    int | None,
    typer.Option(help="Short side of the working picture, a multiple of 32.", show_default="192"),
]
Scheme = Annotated[str | None, typer.Option(help="gesco.", show_default="gesco")]
Channel = Annotated[str | None, typer.Option(help="awgn.", show_default="awgn")]
Segmenter = Annotated[
    str | None, typer.Option(help="Segmentation network.", show_default="segmenter-camvid")
]
Network = Annotated[
    str | None,
    typer.Option(help="Diffusion network.", show_default="gesco-camvid", rich_help_panel=PAINT),
]
Sampler = Annotated[
    str | None,
    typer.Option(
        help="ddpm, ddim or dpm-solver.", show_default="dpm-solver", rich_help_panel=PAINT
    ),
]
Steps = Annotated[
    int | None, typer.Option(help="Timesteps visited.", show_default="12", rich_help_panel=PAINT)
]
Guidance = Annotated[
    float | None,
    typer.Option(help="Classifier-free guidance.", show_default="2", rich_help_panel=PAINT),
]
Denoiser = Annotated[
    str | None,
    typer.Option(
        help="Of the received map: none or fds.", show_default="fds", rich_help_panel=PAINT
    ),
]
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

SETTINGS = frozenset(  # parameters of commands that are names of `core.settings`
    (
        "psnr_db snr_db ebno_db sigma gesco_table_db scheme channel seed size segmenter "
        "network sampler steps guidance denoiser"
    ).split()
)
