"""Train the shipped networks one after the other, in a given time, on one GPU.

    python -m semlink.lab.training.queue DATA OUT --minutes 25

DATA holds camvid/ (as `semlink.lab.training.pack` writes it) and backbones/. Every item gets its
share of the minutes and a folder OUT/ITEM with checkpoint, log and, every two minutes, the network
as it is. The same command again goes on where it was stopped.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

GRACE_S = 240.0  # for imports, compilation and the last checkpoint, beyond an item's minutes
TRAIN = ("-m", "semlink.lab", "train")
CAMVID = ("--data", "{data}/camvid", "--layout", "camvid", "--splits", "train,val")
BACKBONE = ("--backbone", "{data}/backbones/squeezenet1_0_imagenet.safetensors")
ON_GPU = ("--batch", "64", "--resume")
DIFFUSION = (*CAMVID, *BACKBONE, *ON_GPU, "--segmenter", "segmenter-camvid", "--compile")
SGC = (*TRAIN, "sgc", *CAMVID, *BACKBONE, *ON_GPU)
SQGAN = (*TRAIN, "sqgan", *CAMVID, *ON_GPU, "--segmenter", "segmenter-camvid")


@dataclass(frozen=True)
class Item:
    """One training, as a process of its own: what it breaks, it breaks for itself.

    Attributes:
        share: of the queue's time, relative to those of the other items.
        command: arguments of Python; {data} stands for the data folder, and `--out FOLDER
            --minutes NUMBER` are added.
        after: item whose network it starts from, where the queue has got that far.
        otherwise: name or folder of the network that it starts from where not; may be empty.
    """

    share: float
    command: tuple[str, ...]
    after: str = ""
    otherwise: str = ""

    def start(self, out: Path) -> tuple[str, ...]:
        """The options that say where it starts from."""
        made = out / self.after / "model"
        start = str(made) if self.after and made.is_dir() else self.otherwise
        return ("--start", start) if start else ()


ITEMS: dict[str, Item] = {
    "sgc-autoencoder": Item(0.1, (*SGC, "--stage", "autoencoder", "--lr", "1e-3")),
    "sgc": Item(
        0.25,
        (*SGC, "--stage", "latent", "--segmenter", "segmenter-camvid", "--lr", "8e-4"),
        after="sgc-autoencoder",
        otherwise="sgc-camvid",
    ),
    "sqgan-map": Item(0.1, (*SQGAN, "--stage", "map", "--adversarial-after", "1500")),
    "sqgan-picture": Item(
        0.2,
        (*SQGAN, *BACKBONE, "--stage", "picture", "--adversarial-after", "2000"),
        after="sqgan-map",
        otherwise="sqgan-camvid",
    ),
    "sqgan": Item(
        0.1,
        (*SQGAN, *BACKBONE, "--stage", "all"),
        after="sqgan-picture",
        otherwise="sqgan-camvid",
    ),
    "gesco": Item(0.12, (*TRAIN, "gesco", *DIFFUSION, "--lr", "4e-4"), otherwise="gesco-camvid"),
    "spic": Item(0.13, (*TRAIN, "spic", *DIFFUSION, "--lr", "4e-4"), otherwise="spic-camvid"),
}


def run_item(name: str, item: Item, data: Path, out: Path, minutes: float) -> str:
    """Train until the minutes are over, adding to OUT/NAME/log.txt; returns how it ended."""
    folder = out / name
    folder.mkdir(parents=True, exist_ok=True)
    arguments = [argument.replace("{data}", str(data)) for argument in item.command]
    length = ("--out", str(folder), "--minutes", f"{minutes}")
    command = [sys.executable, "-u", *arguments, *length, *item.start(out)]
    with (folder / "log.txt").open("a") as log:
        try:
            process = subprocess.run(
                command, stdout=log, stderr=subprocess.STDOUT, timeout=60 * minutes + GRACE_S
            )
        except subprocess.TimeoutExpired:
            return "stopped, too slow"
    return "done" if process.returncode == 0 else f"failed with status {process.returncode}"


def run_queue(items: Mapping[str, Item], data: Path, out: Path, minutes: float) -> bool:
    """Run all items in order, adding to `out`/queue.txt; returns whether all went well."""
    out.mkdir(parents=True, exist_ok=True)
    whole = sum(item.share for item in items.values())
    ends = []
    for name, item in items.items():
        started = time.monotonic()
        ends.append(run_item(name, item, data, out, minutes * item.share / whole))
        line = f"{name}: {ends[-1]} after {time.monotonic() - started:.0f} s"
        typer.echo(line)
        with (out / "queue.txt").open("a") as log:
            log.write(line + "\n")
    return all(end == "done" for end in ends)


def main(
    data: Annotated[Path, typer.Argument(help="Folder with camvid/ and backbones/.")],
    out: Annotated[Path, typer.Argument(help="Folder for everything that is written.")],
    minutes: Annotated[float, typer.Option(min=0, help="For all items together.")] = 25,
    only: Annotated[str, typer.Option(help="Items to train, with commas.")] = ",".join(ITEMS),
) -> None:
    """Train what is listed; the exit status is 1 where an item failed."""
    unknown = set(only.split(",")) - set(ITEMS)
    if unknown:
        raise typer.BadParameter(f"choose from {', '.join(ITEMS)}", param_hint="--only")
    chosen = {name: ITEMS[name] for name in only.split(",")}
    raise typer.Exit(0 if run_queue(chosen, data, out, minutes) else 1)


if __name__ == "__main__":
    typer.run(main)
