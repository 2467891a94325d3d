"""The `semlink train` commands. Each imports what it needs, so that help answers at once."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Annotated, Any, get_type_hints

import typer

from semlink.lab import options as opt
from semlink.lab.training.options import DiffusionOptions, SegmenterOptions, SgcOptions
from semlink.lab.training.sqgan_options import SqganOptions

train = typer.Typer(help="Train networks on your own pictures.", no_args_is_help=True)

Command = Callable[..., None]


def takes(options: type) -> Callable[[Command], Command]:
    """Gives a command's `**given` an option for each field of a dataclass."""
    hints = get_type_hints(options, include_extras=True)
    parameters = [
        inspect.Parameter(
            field.name,
            inspect.Parameter.KEYWORD_ONLY,
            default=inspect.Parameter.empty if field.default is MISSING else field.default,
            annotation=hints[field.name],
        )
        for field in fields(options)
    ]

    def with_options(command: Command) -> Command:
        command.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        return command

    return with_options


@train.command()
@takes(DiffusionOptions)
def gesco(**given: Any) -> None:
    """A diffusion network that paints pictures from noisy label maps."""
    from semlink.lab.training.diffusion_command import train_diffusion

    train_diffusion("gesco", DiffusionOptions(**given))


@train.command()
@takes(DiffusionOptions)
def spic(**given: Any) -> None:
    """A diffusion network that paints pictures from label maps and coarse pictures."""
    from semlink.lab.training.diffusion_command import train_diffusion

    train_diffusion("spic", DiffusionOptions(**given))


@train.command()
@takes(SqganOptions)
def sqgan(**given: Any) -> None:
    """Networks that send label maps and pictures as tokens, in three stages."""
    from semlink.lab.training.sqgan_command import train_sqgan

    train_sqgan(SqganOptions(**given))


@train.command()
@takes(SgcOptions)
def sgc(**given: Any) -> None:
    """An autoencoder, then a diffusion network in its latents that paints small label maps."""
    from semlink.lab.training.sgc_command import train_sgc

    train_sgc(SgcOptions(**given))


@train.command()
@takes(SegmenterOptions)
def segmenter(**given: Any) -> None:
    """A network that finds label maps in photos."""
    from semlink.lab.training.segmenter_command import train_segmenter

    train_segmenter(SegmenterOptions(**given))


@train.command()
def evaluate(
    data: Annotated[Path, typer.Argument(help="Folder of the data set.")],
    layout: Annotated[str, typer.Option(help="How it is laid out; see train segmenter.")],
    segmenter: Annotated[
        str, typer.Option(help="Name or folder of a segmenter of its classes.")
    ] = "segmenter-camvid",
    split: Annotated[str, typer.Option(help="What to score on.")] = "test",
    height: Annotated[
        int | None, typer.Option(help="Of the maps.", show_default="the files' own")
    ] = None,
    width: Annotated[
        int | None, typer.Option(help="Of the maps.", show_default="the files' own")
    ] = None,
    json: opt.Json = False,
) -> None:
    """How much of the true label maps a segmenter finds: IoU of every class, and their mean."""
    from semlink.core.pictures import Size
    from semlink.lab.training.evaluation import evaluate as score

    size = Size(height, width) if height and width else None
    score(data, layout, segmenter, split=split, size=size, json=json)


@train.command()
def export(
    run: Annotated[Path, typer.Argument(help="Folder of a training.")],
    folder: Annotated[Path, typer.Argument(help="The folder to make.")],
    eight_bit: Annotated[
        bool, typer.Option("--eight-bit", help="Store weights in int8: half the size.")
    ] = False,
) -> None:
    """Make a folder for --network or --segmenter of what a training has learnt."""
    from semlink.lab.training.exporting import export_run

    export_run(run, folder, eight_bit=eight_bit)
    typer.echo(f"wrote {folder}")
