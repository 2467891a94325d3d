"""The `semlink` command. Each command imports what it needs, so that help answers at once."""

from __future__ import annotations

import signal
import sys
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any

import typer

from semlink.core.errors import STATUS, Cancelled, SemlinkError
from semlink.lab import options as opt

app = typer.Typer(
    help="Send photos through a generative semantic communication link.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
bench = typer.Typer(help="Measure where the time goes.", no_args_is_help=True)
app.add_typer(bench, name="bench")

ONE_HOST = "This machine"


def main() -> None:
    """Runs the command line; an error of ours is one red line and its exit code."""
    signal.signal(signal.SIGINT, _cancel)
    try:
        app()
    except SemlinkError as error:
        from semlink.lab.console import say_error

        say_error(error)
        sys.exit(STATUS[type(error)].exit)


def _cancel(_signal: int, _frame: Any) -> None:
    raise Cancelled("stopped from the keyboard.")


@app.command()
def demo(
    psnr_db: opt.PsnrDb = 10.0,
    output: Annotated[
        Path, typer.Option("--output", "-o", help="The contact sheet, a PNG.")
    ] = Path("semlink-demo.png"),
    seed: opt.Seed = None,
    steps: opt.Steps = None,
    device: opt.Device = None,
    link: opt.LinkAddress = None,
    json: opt.Json = False,
) -> None:
    """Send a bundled photo through the link and draw a contact sheet."""
    from semlink.lab.sending import DEMO_CREDIT, demo_photo, report, transmit
    from semlink.lab.sheet import write_sheet

    photo = demo_photo()
    result = transmit(
        photo,
        {"psnr_db": psnr_db, "seed": seed, "steps": steps},
        link=link,
        device=device,
        outputs=[output],
    )
    write_sheet(output, result, DEMO_CREDIT)
    report(result, {"sheet": output}, json=json)


@app.command()
def send(
    photo: Annotated[Path, typer.Argument(help="JPEG, PNG, WebP, BMP, TIFF or PPM.")],
    output: Annotated[
        Path, typer.Option("--output", "-o", help="The reconstruction, a PNG.")
    ] = Path("reconstruction.png"),
    psnr_db: opt.PsnrDb = None,
    snr_db: opt.SnrDb = None,
    ebno_db: opt.EbnoDb = None,
    sigma: opt.Sigma = None,
    gesco_table_db: opt.GescoTableDb = None,
    scheme: opt.Scheme = None,
    channel: opt.Channel = None,
    seed: opt.Seed = None,
    size: opt.Size = None,
    segmenter: opt.Segmenter = None,
    network: opt.Network = None,
    sampler: opt.Sampler = None,
    steps: opt.Steps = None,
    guidance: opt.Guidance = None,
    denoiser: opt.Denoiser = None,
    device: opt.Device = None,
    link: opt.LinkAddress = None,
    timeout_s: opt.TimeoutS = None,
    sheet: opt.Sheet = None,
    capture: opt.Capture = None,
    json: opt.Json = False,
) -> None:
    """Send a photo through the link and keep what arrives."""
    fields = {name: value for name, value in locals().items() if name in opt.SETTINGS}
    from semlink.lab.files import write_picture
    from semlink.lab.sending import report, transmit
    from semlink.lab.sheet import write_sheet

    written = {"picture": output} | ({"sheet": sheet} if sheet else {})
    result = transmit(
        photo,
        fields,
        link=link,
        device=device,
        timeout_s=timeout_s,
        capture=capture,
        outputs=written.values(),
    )
    write_picture(output, result.picture)
    if sheet:
        write_sheet(sheet, result)
    report(result, written | ({"capture": capture} if capture else {}), json=json)


@app.command(rich_help_panel=ONE_HOST)
def up(
    host: Annotated[str, typer.Option(help="Address to bind.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Transmitter, gRPC.")] = 50051,
    rest_port: Annotated[int, typer.Option(help="Transmitter, REST.")] = 8080,
    channel_port: Annotated[int, typer.Option(help="Channel, gRPC.")] = 50052,
    receiver_port: Annotated[int, typer.Option(help="Receiver, gRPC.")] = 50053,
    device: opt.Device = None,
) -> None:
    """Run all services of the link; Ctrl-C stops them. Port 0 is any free one."""
    from semlink.lab.up import Addresses, run

    addresses = Addresses.free(
        host,
        port=port,
        rest_port=rest_port,
        channel_port=channel_port,
        receiver_port=receiver_port,
    )
    raise typer.Exit(run(addresses, device))


@app.command(rich_help_panel=ONE_HOST)
def transmitter() -> None:
    """Run the transmitter; set it by SEMLINK_TRANSMITTER_... in the environment."""
    import_module("semlink.transmitter.__main__").main()


@app.command(rich_help_panel=ONE_HOST)
def channel() -> None:
    """Run the channel; set it by SEMLINK_CHANNEL_... in the environment."""
    import_module("semlink.channel.__main__").main()


@app.command(rich_help_panel=ONE_HOST)
def receiver() -> None:
    """Run the receiver; set it by SEMLINK_RECEIVER_... in the environment."""
    import_module("semlink.receiver.__main__").main()


@app.command(rich_help_panel=ONE_HOST)
def doctor(device: opt.Device = None, json: opt.Json = False) -> None:
    """Check this machine; exit code 1 if something that is needed fails."""
    from semlink.lab.doctor import examine, tell

    checks = examine(device)
    tell(checks, json=json)
    raise typer.Exit(int(any(check.level == "fail" for check in checks)))


@bench.command("link")
def bench_link(
    photos: Annotated[
        list[Path] | None, typer.Argument(help="Files.", show_default="two bundled ones")
    ] = None,
    psnr_db: opt.PsnrDb = None,
    size: opt.Size = None,
    network: opt.Network = None,
    segmenter: opt.Segmenter = None,
    sampler: opt.Sampler = None,
    steps: opt.Steps = None,
    device: opt.Device = None,
    link: opt.LinkAddress = None,
    json: opt.Json = False,
) -> None:
    """Seconds per stage, mean over the photos, after one that warms up."""
    fields = {name: value for name, value in locals().items() if name in opt.SETTINGS}
    from semlink.lab.bench import measure, tell

    tell(measure(photos or [], fields, link=link, device=device), json=json)
