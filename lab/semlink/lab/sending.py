"""What the commands `demo` and `send` do: one transmission, with bars and files."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from semlink.core.errors import InvalidInput, NotFound
from semlink.core.events import Lost
from semlink.core.settings import TransmissionSettings, settings_from_fields
from semlink.lab.console import StageBars
from semlink.lab.files import check_output, write_picture
from semlink.lab.link import Link
from semlink.lab.photo import Photo
from semlink.lab.result import Result

DEMO_PHOTOS = ("china.jpg", "flower.jpg")
DEMO_CREDIT = (
    "Photo: china.jpg by danielbuechele on Flickr, CC BY 2.0, as shipped by scikit-learn."
)


def demo_photo(name: str = DEMO_PHOTOS[0]) -> Path:
    """A photo that scikit-learn brings; it is not imported for that.

    Raises:
        NotFound: scikit-learn is not installed.
    """
    spec = find_spec("sklearn")
    for folder in spec.submodule_search_locations or [] if spec else []:
        path = Path(folder) / "datasets" / "images" / name
        if path.is_file():
            return path
    raise NotFound(
        "the bundled photos come with scikit-learn.",
        field="photo",
        value=name,
        cure='Install it with pip install "semlink[lab]", or name a photo of your own.',
    )


def transmit(
    photo: Path,
    fields: Mapping[str, Any],
    *,
    link: str | None,
    device: str | None,
    outputs: Iterable[Path],
    timeout_s: float | None = None,
    capture: Path | None = None,
) -> Result:
    """Sends one photo, with a bar per stage; everything is checked before work begins.

    Args:
        photo: its file.
        fields: as `settings_from_fields`.
        link: HOST:PORT, or None for the link in this process.
        device: of the link in this process.
        outputs: PNG files that will be written.
        timeout_s: as `Link.send`.
        capture: as `Link.local`.

    Raises:
        SemlinkError: whatever stopped it.
    """
    settings, folders = settings_and_folders(fields)
    for path in outputs:
        check_output(path, ".png")
    if capture:
        check_output(capture)
    source = Photo(photo)
    _ = source.pixels
    way = chosen_link(link, device, folders, capture)
    with StageBars(settings) as bars:
        way.load(settings)
        bars.loaded()
        return way.send(source, settings, timeout_s=timeout_s, watch=bars)


def settings_and_folders(
    fields: Mapping[str, Any],
) -> tuple[TransmissionSettings, tuple[Path, ...]]:
    """Settings, and the folders that they name where a user gave a path for a network.

    Raises:
        InvalidInput: as `settings_from_fields`.
    """
    given = dict(fields)
    folders: list[Path] = []
    for name in ("segmenter", "tokenizer", "network"):
        path = Path(given.get(name) or "")
        if given.get(name) and path.is_dir():
            folders.append(path.resolve())
            given[name] = folders[-1].name
    return settings_from_fields(given), tuple(folders)


def chosen_link(
    address: str | None,
    device: str | None,
    folders: tuple[Path, ...] = (),
    capture: Path | None = None,
) -> Link:
    """The services at an address, or the link in this process.

    Raises:
        InvalidInput: an option that only the link in this process knows comes with an address.
    """
    if address is None:
        return Link.local(device, capture=capture, folders=folders)
    own = {"device": device, "capture": capture, "network": next(iter(folders), None)}
    for field, value in own.items():
        if value is not None:
            raise InvalidInput(
                "services have their own.",
                field=field,
                value=value,
                cure="Leave it out, or leave out --link.",
            )
    return Link.connect(address)


def keep(
    result: Result,
    *,
    picture: Path | None = None,
    sheet: Path | None = None,
    capture: Path | None = None,
    credit: str = "",
) -> dict[str, Path]:
    """Writes the picture, if there is one, and the sheet, which shows what became of it.

    Returns:
        What lies where, the capture included, which was written on the way.
    """
    from semlink.lab.sheet import write_sheet

    if isinstance(result.ending, Lost):
        picture = None
    if picture:
        write_picture(picture, result.picture)
    if sheet:
        write_sheet(sheet, result, credit)
    kept = {"picture": picture, "sheet": sheet, "capture": capture}
    return {name: path for name, path in kept.items() if path}
