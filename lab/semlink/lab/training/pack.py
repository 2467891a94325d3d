"""Make a small copy of a data set for training elsewhere: same folders, smaller pictures.

python -m semlink.lab.training.pack CAMVID packed/camvid

Works for any folder of photos and label maps (CamVid, IDD); label maps are PNGs of one channel.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from PIL import Image

from semlink.core.pictures import Size, working_size

SUFFIXES = (".webp", ".png", ".jpg")
WEBP_EFFORT = 6


def shrink(picture: Image.Image, short_side: int, method: Image.Resampling) -> Image.Image:
    """Bring the short side to `short_side` pixels; what is smaller stays as it is."""
    size = Size(picture.height, picture.width)
    if min(size) > short_side:
        size = working_size(size, short_side, 1)
    return picture.resize((size.width, size.height), method)


def pack_file(source: Path, target: Path, short_side: int, quality: int) -> None:
    """Write a label map as a PNG with the same values, or a photo as WebP.

    Args:
        source: picture to read.
        target: picture to write; a photo's suffix becomes .webp.
        short_side: in pixels.
        quality: of WebP, 0..100.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    with Image.open(source) as picture:
        if source.suffix == ".png" and len(picture.getbands()) == 1:
            shrink(picture, short_side, Image.Resampling.NEAREST).save(target, optimize=True)
        else:
            photo = shrink(picture.convert("RGB"), short_side, Image.Resampling.LANCZOS)
            photo.save(target.with_suffix(".webp"), quality=quality, method=WEBP_EFFORT)


def main(
    source: Annotated[Path, typer.Argument(help="Data set in its published layout.")],
    out: Annotated[Path, typer.Argument(help="Folder to write.")],
    short_side: Annotated[int, typer.Option(min=1, help="Of the pictures, in pixels.")] = 288,
    quality: Annotated[int, typer.Option(min=0, max=100, help="Of the photos.")] = 76,
) -> None:
    """Pack SOURCE into OUT and say how large it came out."""
    files = sorted(path for path in source.rglob("*") if path.suffix in SUFFIXES)
    for path in files:
        pack_file(path, out / path.relative_to(source), short_side, quality)
    written = sum(path.stat().st_size for path in out.rglob("*") if path.is_file())
    typer.echo(f"{len(files)} pictures, {written / 2**20:.1f} MiB")


if __name__ == "__main__":
    typer.run(main)
