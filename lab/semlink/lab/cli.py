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
from semlink.lab.bench_cli import bench
from semlink.lab.models_cli import models
from semlink.lab.report_cli import replay, report
from semlink.lab.sweep_cli import sweep
from semlink.lab.train_cli import train

app = typer.Typer(
    help="Send photos through a generative semantic communication link.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.add_typer(bench, name="bench")
app.add_typer(models, name="models")
app.add_typer(train, name="train")
app.command()(sweep)
app.command()(report)
app.command()(replay)

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
@opt.takes(["psnr_db", "seed", "steps"])
def demo(
    output: Annotated[
        Path, typer.Option("--output", "-o", help="The contact sheet, a PNG.")
    ] = Path("semlink-demo.png"),
    device: opt.Device = None,
    link: opt.LinkAddress = None,
    json: opt.Json = False,
    **settings: Any,
) -> None:
    """Send a bundled photo through the link and draw a contact sheet."""
    from semlink.lab.sending import DEMO_CREDIT, demo_photo, keep, transmit
    from semlink.lab.summary import summarise

    result = transmit(demo_photo(), settings, link=link, device=device, outputs=[output])
    written = keep(result, sheet=output, credit=DEMO_CREDIT)
    summarise(result, written, json=json)
    _ = result.picture


@app.command()
@opt.takes(opt.SETTINGS)
def send(
    photo: opt.Photo,
    output: opt.Output = Path("reconstruction.png"),
    device: opt.Device = None,
    link: opt.LinkAddress = None,
    timeout_s: opt.TimeoutS = None,
    sheet: opt.Sheet = None,
    capture: opt.Capture = None,
    json: opt.Json = False,
    **settings: Any,
) -> None:
    """Send a photo through the link and keep what arrives; exit code 5 if no picture does."""
    from semlink.lab.sending import keep, transmit
    from semlink.lab.summary import summarise

    result = transmit(
        photo,
        settings,
        link=link,
        device=device,
        timeout_s=timeout_s,
        capture=capture,
        outputs=[path for path in (output, sheet) if path],
    )
    written = keep(result, picture=output, sheet=sheet, capture=capture)
    summarise(result, written, json=json)
    _ = result.picture


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
