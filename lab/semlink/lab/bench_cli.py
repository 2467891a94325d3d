"""The `semlink bench` commands. Each imports what it needs, so that help answers at once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from semlink.core.schemes import Scheme
from semlink.lab import options as opt

bench = typer.Typer(help="Measure speed and what is gained by it.", no_args_is_help=True)


@bench.command("link")
@opt.takes(opt.SETTINGS)
def bench_link(
    photos: Annotated[
        list[Path] | None, typer.Argument(help="Files.", show_default="two bundled ones")
    ] = None,
    device: opt.Device = None,
    link: opt.LinkAddress = None,
    json: opt.Json = False,
    **settings: Any,
) -> None:
    """Seconds per stage, mean over the photos, after one that warms up."""
    from semlink.lab.bench import measure, tell

    tell(measure(photos or [], settings, link=link, device=device), json=json)


@bench.command("codecs")
@opt.takes(name for name in opt.SETTINGS if name not in ("scheme", "preset", *opt.LEVELS))
def bench_codecs(
    photo: opt.Photo,
    psnr_db: Annotated[
        list[float] | None,
        typer.Option(
            help="Es/N0 in dB; give several to see the cliff.",
            rich_help_panel=opt.LEVEL,
            show_default="10",
        ),
    ] = None,
    every: Annotated[
        bool, typer.Option("--all", help="Also gesco, whose map travels as bits.")
    ] = False,
    device: opt.Device = None,
    link: opt.LinkAddress = None,
    json: opt.Json = False,
    **settings: Any,
) -> None:
    """Send a photo by every conventional codec over the same channel, at the same cost."""
    from semlink.lab.bench_codecs import measure, tell

    tables = measure(
        photo, settings, levels_db=psnr_db or [10.0], every=every, link=link, device=device
    )
    tell(tables, json=json)


@bench.command("radio")
def bench_radio(json: opt.Json = False) -> None:
    """Channel, serialisation and decoder beside bare Sionna; takes some minutes."""
    from semlink.lab.bench_radio import measure, tell

    tell(measure(), json=json)


@bench.command("semantics")
def bench_semantics(
    data: Annotated[Path, typer.Argument(metavar="CAMVID", help="CamVid's folder.")],
    photos: Annotated[
        int | None, typer.Option(min=1, help="How many, evenly spread.", show_default="all")
    ] = None,
    slow_photos: Annotated[
        int, typer.Option(min=1, help="How many of them by 1000 steps, minutes each.")
    ] = 4,
    bpp: Annotated[
        list[float] | None,
        typer.Option(help="Bits per pixel; give several.", show_default="0.075 to 0.2"),
    ] = None,
    split: Annotated[str, typer.Option(help="train, val or test.")] = "test",
    device: opt.Device = None,
    markdown: Annotated[bool, typer.Option("--markdown", help="A table for a document.")] = False,
    json: opt.Json = False,
) -> None:
    """Meaning kept per bit: the generative schemes beside image codecs at equal rates."""
    from semlink.lab.bench_semantics import measure
    from semlink.lab.semantics_table import tell

    rows = measure(
        data,
        split=split,
        photos=photos,
        slow_photos=slow_photos,
        rates=bpp or (),
        device=device,
    )
    tell(rows, split=split, json=json, markdown=markdown)


@bench.command("maps")
def bench_maps(
    data: Annotated[Path, typer.Argument(help="The data set's folder.")],
    kind: Annotated[str, typer.Option(help="Layout of the data set.")] = "camvid",
    split: Annotated[str, typer.Option(help="Whose maps.")] = "test",
    size: Annotated[
        list[str] | None,
        typer.Option(help="WIDTHxHEIGHT; give several.", show_default="256x192 and 480x360"),
    ] = None,
    every: Annotated[int, typer.Option(min=1, help="Take each n-th map.")] = 1,
    min_region_px: Annotated[
        int, typer.Option(min=0, max=1000, help="Fill smaller regions before.")
    ] = 0,
    json: opt.Json = False,
) -> None:
    """Lossless coders of label maps side by side: bits per pixel and time."""
    from semlink.lab.bench_maps import measure_set, tell

    rows = measure_set(
        data,
        kind=kind,
        split=split,
        sizes=size or (),
        every=every,
        min_region_px=min_region_px,
    )
    tell(rows, json=json)


@bench.command("tokens")
def bench_tokens(
    data: Annotated[
        Path | None,
        typer.Argument(help="CamVid's folder.", show_default="smooth random scores"),
    ] = None,
    network: Annotated[str, typer.Option(help="Whose tokens.")] = "sqgan-camvid",
    segmenter: Annotated[str, typer.Option(help="What finds the classes.")] = "segmenter-camvid",
    split: Annotated[str, typer.Option(help="train, val or test.")] = "test",
    every: Annotated[int, typer.Option(min=1, help="Take each n-th photo.")] = 1,
    device: opt.Device = None,
    json: opt.Json = False,
) -> None:
    """SQ-GAN's tokens in bits: what is sent beside what was published."""
    from semlink.lab.bench_tokens import measure_photos, measure_random, tell

    if data is None:
        rows = measure_random()
    else:
        rows = measure_photos(
            data, network=network, segmenter=segmenter, split=split, every=every, device=device
        )
    tell(rows, json=json)


@bench.command("erasures")
def bench_erasures(
    data: Annotated[Path, typer.Argument(metavar="CAMVID", help="CamVid's folder.")],
    network: Annotated[str, typer.Option(help="SQ-GAN's, name or folder.")] = "sqgan-camvid",
    fraction: Annotated[
        float, typer.Option(min=0.01, max=1, help="Of both grids' tokens that is sent.")
    ] = 0.4,
    photos: Annotated[
        int | None, typer.Option(min=1, help="How many, evenly spread.", show_default="all")
    ] = None,
    split: Annotated[str, typer.Option(help="train, val or test.")] = "test",
    seed: Annotated[int, typer.Option(min=0, help="Of the choice of blocks.")] = 0,
    device: opt.Device = None,
    markdown: Annotated[bool, typer.Option("--markdown", help="A table for a document.")] = False,
    json: opt.Json = False,
) -> None:
    """What SQ-GAN's pictures lose when transport blocks of tokens do not arrive."""
    from semlink.lab.bench_erasures import measure, tell

    rows = measure(
        data,
        network=network,
        fraction=fraction,
        split=split,
        photos=photos,
        seed=seed,
        device=device,
    )
    tell(rows, json=json, markdown=markdown)


@bench.command("denoisers")
def bench_denoisers(
    data: Annotated[Path, typer.Argument(metavar="CAMVID", help="CamVid's folder.")],
    photos: Annotated[
        int | None, typer.Option(min=1, help="How many, evenly spread.", show_default="all")
    ] = None,
    psnr_db: Annotated[
        list[float] | None,
        typer.Option(
            help="Peak power over noise; give several.", show_default="1, 5, 10, 15, 20, 30"
        ),
    ] = None,
    channel: Annotated[str, typer.Option(help="The medium, as in semlink send.")] = "awgn",
    split: Annotated[str, typer.Option(help="train, val or test.")] = "test",
    json: opt.Json = False,
) -> None:
    """What each denoiser brings back of label maps that were sent as samples."""
    from semlink.lab.bench_denoisers import measure_set, tell

    title, scores = measure_set(
        data, split=split, photos=photos, levels_db=psnr_db or (), channel=channel
    )
    tell(scores, title, json=json)


@bench.command("schemes")
def bench_schemes(
    photo: Annotated[
        Path | None, typer.Argument(help="File.", show_default="a bundled one")
    ] = None,
    scheme: Annotated[
        list[Scheme] | None, typer.Option(help="Give several.", show_default="all")
    ] = None,
    threads: Annotated[int, typer.Option(min=1, help="Of each process.")] = 1,
    published: Annotated[
        bool, typer.Option(help="Also SQ-GAN's networks of published size: minutes, 2 GiB.")
    ] = True,
    markdown: Annotated[bool, typer.Option("--markdown", help="A table for a document.")] = False,
    json: opt.Json = False,
) -> None:
    """Seconds and memory of each scheme's transmitter and receiver, on the processor."""
    from semlink.lab.bench_schemes import measure, tell
    from semlink.lab.sending import demo_photo

    rows = measure(photo or demo_photo(), scheme or (), threads=threads, published=published)
    tell(rows, threads=threads, json=json, markdown=markdown)


@bench.command("unet")
def bench_unet(
    networks: Annotated[
        list[str] | None, typer.Argument(help="Names or folders.", show_default="a few")
    ] = None,
    repeats: Annotated[int, typer.Option(min=1, help="Runs; times are their medians.")] = 5,
    compiled: Annotated[
        bool, typer.Option("--compiled", help="Let torch.compile work on them first: minutes.")
    ] = False,
    device: opt.Device = None,
    markdown: Annotated[bool, typer.Option("--markdown", help="A table for a document.")] = False,
    json: opt.Json = False,
) -> None:
    """A step and a picture of the diffusion networks: as published, and as they run here."""
    from semlink.lab.bench_unet import measure
    from semlink.lab.unet_table import tell

    result = measure(networks or [], device=device, repeats=repeats, compiled=compiled)
    tell(result, json=json, markdown=markdown)


@bench.command("sweep")
def bench_sweep(
    photos: Annotated[
        list[Path] | None,
        typer.Argument(help="Files.", exists=True, dir_okay=False, show_default="a bundled one"),
    ] = None,
    scheme: Annotated[
        list[Scheme] | None, typer.Option(help="Give several.", show_default="gesco")
    ] = None,
    psnr_db: Annotated[str, typer.Option(help="Levels, by commas.")] = "4,12,20",
    json: opt.Json = False,
) -> None:
    """A sweep beside a loop of semlink send: the same transmissions."""
    from semlink.lab.bench_sweep import measure, tell
    from semlink.lab.sending import demo_photo

    try:
        levels_db = [float(level) for level in psnr_db.split(",")]
    except ValueError as error:
        raise typer.BadParameter("numbers, by commas", param_hint="--psnr-db") from error
    tell(measure(photos or [demo_photo()], scheme or [Scheme.GESCO], levels_db), json=json)
