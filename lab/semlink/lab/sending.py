"""What the commands `demo` and `send` do: one transmission, with bars, files and a report."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from semlink.core.errors import InvalidInput, NotFound
from semlink.core.settings import TransmissionSettings, settings_from_fields
from semlink.lab.console import StageBars, print_json
from semlink.lab.files import check_output
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
    with StageBars(settings.receiver.steps) as bars:
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
    for name in ("segmenter", "network"):
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


def report(result: Result, written: Mapping[str, Path], *, json: bool) -> None:
    """Says what was sent and what came of it, on stdout.

    Args:
        result: of the transmission.
        written: files by what they are.
        json: as one JSON object.
    """
    if json:
        print_json(result_fields(result) | {name: str(path) for name, path in written.items()})
        return
    console = Console(highlight=False)
    table = Table.grid(padding=(0, 2))
    for name, text in _lines(result):
        table.add_row(f"[dim]{name}[/dim]", text)
    for name, path in written.items():
        table.add_row(f"[dim]{name}[/dim]", f"[bold green]{path}[/bold green]")
    console.print(table, soft_wrap=True)


def result_fields(result: Result) -> dict[str, Any]:
    """The result as plain values, ready for JSON; pictures are left out."""
    sent = result.encoded
    return {
        "settings": result.settings.model_dump(mode="json"),
        "photo_size": list(sent.photo),
        "working_size": list(sent.working),
        "taxonomy": sent.taxonomy,
        "header_bytes": sent.header_bytes,
        "payloads": [vars(payload) for payload in sent.payloads],
        "channel_uses": sent.channel_uses,
        "channel_uses_per_pixel": sent.channel_uses_per_pixel,
        "draws": [vars(draw) for draw in result.propagated.draws],
        "lost": list(result.denoised.lost),
        "map_accuracy": {
            "received": result.received_accuracy,
            "denoised": result.denoised_accuracy,
        },
        "seconds": result.stages_s | {"total": result.total_s},
    }


def _lines(result: Result) -> list[tuple[str, str]]:
    sent = result.encoded
    lines = [
        ("photo", f"{sent.photo}, working picture {sent.working}"),
        (
            "sent",
            f"{sent.channel_uses:,} channel uses ({sent.channel_uses_per_pixel:.3g} per pixel)"
            f" and {sent.header_bytes} header bytes",
        ),
    ]
    for draw in result.propagated.draws:
        text = f"PSNR {draw.measured_psnr_db:.2f} dB, SNR {draw.measured_snr_db:.2f} dB, measured"
        lines.append((f"received {draw.name}", text))
    received, denoised = result.received_accuracy, result.denoised_accuracy
    lines.append(("map", f"{received:.1%} right as received, {denoised:.1%} denoised"))
    lines.append(("time", f"{result.total_s:.2f} s"))
    return lines
