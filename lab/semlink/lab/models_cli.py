"""`semlink models`. Each command imports what it needs, so that help answers at once."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from semlink.lab import options as opt

models = typer.Typer(help="Look at networks, check them, import them.", no_args_is_help=True)


class CheckpointKind(StrEnum):
    """Whose published checkpoints are imported."""

    GESCO = "gesco"
    SPIC = "spic"
    SGC = "sgc"
    SQGAN = "sqgan"


@models.command("list")
def list_models(json: opt.Json = False) -> None:
    """Networks that come with the program."""
    from semlink.lab.models import models as found
    from semlink.lab.models import tell_list

    tell_list(found(), json=json)


@models.command()
def show(
    name: Annotated[str, typer.Argument(help="Of the list, or a folder.")],
    json: opt.Json = False,
) -> None:
    """Config and model card of a network."""
    from semlink.lab.models import describe, tell

    tell(describe(name), json=json)


@models.command()
def verify(
    name: Annotated[
        str | None,
        typer.Argument(help="Of the list, or a folder.", show_default="all of the list"),
    ] = None,
    json: opt.Json = False,
) -> None:
    """Compare checksums, and answers to a fixed input; exit code 1 if one differs."""
    from semlink.lab.verifying import tell, verification
    from semlink.zoo import names

    found = [verification(each) for each in ([name] if name else names())]
    tell(found, json=json)
    raise typer.Exit(int(not all(item.intact for item in found)))


@models.command("import")
def import_model(
    kind: Annotated[CheckpointKind, typer.Argument(help="Whose checkpoint it is.")],
    file: Annotated[Path, typer.Argument(help="The published .pt or .ckpt file; sgc: a folder.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="The folder to make.")],
    config: Annotated[
        Path | None,
        typer.Option(
            help="A config.json that gives the network's shape and training.",
            show_default="as published",
        ),
    ] = None,
    json: opt.Json = False,
) -> None:
    """Make a folder for --network of a published checkpoint."""
    from semlink.lab.importing import Kind, import_checkpoint
    from semlink.lab.importing_latent import import_latent
    from semlink.lab.importing_sqgan import import_sqgan
    from semlink.lab.models import describe, tell_list

    if kind is CheckpointKind.SQGAN:
        import_sqgan(file, output, config)
    elif kind is CheckpointKind.SGC:
        import_latent(file, output, config)
    else:
        scheme: Kind = "gesco" if kind is CheckpointKind.GESCO else "spic"
        import_checkpoint(scheme, file, output, config)
    tell_list([describe(str(output))], json=json)
