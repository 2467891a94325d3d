"""What the trainings of `semlink train` have in common, from options to a finished run."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
import typer

from semlink.lab.training.launching import make_accelerator
from semlink.lab.training.loop import Loop
from semlink.lab.training.objective import Objective
from semlink.lab.training.options import TrainingOptions
from semlink.lab.training.plan import Plan
from semlink.lab.training.precision import allow_fast_kernels
from semlink.lab.training.run import check_run, open_run, train

OPTIONS = "options.json"

Say = Callable[[str], None]
Build = Callable[[torch.device, Say], Objective[Any]]
"""Makes what is trained, on a device; says what a person should know of it."""


def run_training(
    what: str, options: TrainingOptions, build: Build, *, ema: float, clip: float
) -> None:
    """Train in this process, one of several perhaps, and leave everything in the run's folder.

    Args:
        what: the training's name.
        options: of the command line.
        build: makes what is trained.
        ema: largest decay of the weights' moving average.
        clip: largest norm of the gradient.

    Raises:
        SemlinkError: an option, the data or the run's folder is at fault.
    """
    plan = plan_of(options, ema=ema, clip=clip)
    check_run(options.out, resume=options.resume)
    if options.threads:
        torch.set_num_threads(options.threads)
    accelerator = make_accelerator(options.device)
    say: Say = typer.echo if accelerator.is_main_process else _say_nothing
    allow_fast_kernels(accelerator.device)
    loop = Loop(build(accelerator.device, say), plan, accelerator)
    folder = open_run(options.out)
    if accelerator.is_main_process:
        write_options(folder, what, options)
    train(loop, folder, resume=options.resume, say=say)
    accelerator.end_training()


def plan_of(options: TrainingOptions, *, ema: float, clip: float) -> Plan:
    """The options that the loop heeds."""
    return Plan(
        steps=options.steps,
        minutes=options.minutes,
        batch=options.batch,
        warmup_steps=options.warmup,
        ema=ema,
        clip=clip,
        seed=options.seed,
        save_s=options.save_s,
        sheet_s=options.sheet_s,
    )


def write_options(folder: Path, what: str, options: TrainingOptions) -> None:
    """Note in the run's folder how it was made."""
    values = {"training": what} | asdict(options)
    (folder / OPTIONS).write_text(json.dumps(values, indent=2, default=str) + "\n")


def _say_nothing(_line: str) -> None:
    pass
