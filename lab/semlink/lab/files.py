"""Files that the commands write: checked before the work, written whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path

from semlink.core.errors import InvalidInput
from semlink.core.pictures import Rgb, encode_png


def check_output(path: Path, suffix: str | None = None) -> None:
    """Says before the work whether a file could be written.

    Raises:
        InvalidInput: its folder does not exist or is closed to us, or it has another suffix.
    """
    if not path.parent.is_dir() or not os.access(path.parent, os.W_OK):
        raise InvalidInput(
            "nothing can be written in that folder.",
            field="folder",
            value=path.parent,
            cure="Make it first, or name another.",
        )
    if suffix and path.suffix.lower() != suffix:
        raise InvalidInput(
            f"it is written as {suffix[1:].upper()} only.",
            field="output",
            value=path,
            cure=f"Give it a name that ends in {suffix}.",
        )


def write_picture(path: Path, picture: Rgb) -> None:
    """Writes a PNG whole or not at all."""
    partial = path.with_name(path.name + ".part")
    partial.write_bytes(encode_png(picture))
    os.replace(partial, path)
