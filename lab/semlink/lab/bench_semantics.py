"""What the semantic schemes are worth: meaning kept per bit, beside the best image codecs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np
from rich.console import Console
from rich.progress import track

from semlink.core.choices import Preset, Transport
from semlink.core.events import Encoded
from semlink.core.phy.radio import HEADER
from semlink.core.schemes import GENERATIVE, Scheme
from semlink.core.settings import PhotoSettings, settings_from_fields
from semlink.lab.data import open_labelled
from semlink.lab.link import Link
from semlink.lab.nearest_rate import send_near
from semlink.lab.semantic_score import Fidelity, Judge, Verdict, View, pooled
from semlink.receiver.device import pick_device
from semlink.transmitter.segmentation import Segmenter
from semlink.zoo import find, names

SEGMENTER = "segmenter-camvid"
LEVEL_DB = 20.0  # nothing is lost: the figures are about what is sent, not about the channel
RATES = (0.075, 0.1, 0.125, 0.15, 0.175, 0.2)  # bits per pixel, the first about what a map takes
SLOW_STEPS = 100  # a scheme of more steps sends fewer photos
OVER = 1.01  # a message of more than this many times the budget exceeds it, rounding apart

MAP = "map"
UNSENT = "the photo at working size"

Fields = dict[str, Any]

CASES: dict[str, Fields] = {
    "gesco, analog map": {"scheme": Scheme.GESCO},
    "gesco, paper preset": {"scheme": Scheme.GESCO, "preset": Preset.PAPER},
    "gesco, digital map": {"scheme": Scheme.GESCO, "transport": Transport.DIGITAL},
    "spic": {"scheme": Scheme.SPIC},
    "spic, paper preset": {"scheme": Scheme.SPIC, "preset": Preset.PAPER},
    "sgc": {"scheme": Scheme.SGC},
    "sgc, paper preset": {"scheme": Scheme.SGC, "preset": Preset.PAPER},
    "sgc, map 24, colours 12": {"scheme": Scheme.SGC, "map_side": 24, "colour_side": 12},
    "sgc, map 48, colours 16": {"scheme": Scheme.SGC, "map_side": 48, "colour_side": 16},
    "sgc, map 48, colours 24": {"scheme": Scheme.SGC, "map_side": 48, "colour_side": 24},
}
RATED = (Scheme.SPIC, Scheme.AVIF, Scheme.HEIC, Scheme.JPEGXL)
OWN_RATES: dict[Scheme, tuple[float, ...]] = {  # whatever rates are asked for
    Scheme.SQGAN: (0.08, 0.04, 0.02, 0.012),
    Scheme.AVIF: (0.012,),  # which none of the codecs reaches: its lowest
    Scheme.HEIC: (0.012,),
    Scheme.JPEGXL: (0.012,),
}


@dataclass(frozen=True)
class Bits:
    """Bits per pixel of the working picture, before channel coding.

    Attributes:
        map: of the label map.
        picture: of all other payloads: a coarse picture, or an image codec's file.
        header: side information and control information.
    """

    map: float
    picture: float
    header: float

    @property
    def total(self) -> float:
        """All that is sent."""
        return self.map + self.picture + self.header


@dataclass(frozen=True)
class Row:
    """One scheme at one setting; means over the photos.

    Attributes:
        name: of the setting.
        scheme: of the link; None for a picture that was not sent.
        photos: how many were sent.
        bits: what they took; None where something travels as samples, or nothing at all.
        channel_uses: complex symbols per pixel of the working picture; None for nothing sent.
        fidelity: of what came out.
        beyond: photos that the scheme could not send at the rate, and sent at its lowest.
    """

    name: str
    scheme: Scheme | None
    photos: int
    bits: Bits | None
    channel_uses: float | None
    fidelity: Fidelity
    beyond: int = 0


@dataclass(frozen=True)
class _Sent:
    encoded: Encoded
    verdict: Verdict
    beyond: bool


def measure(
    data: Path,
    *,
    split: str = "test",
    photos: int | None = None,
    slow_photos: int = 4,
    rates: Sequence[float] = (),
    device: str | None = None,
) -> list[Row]:
    """Sends photos of CamVid by every scheme and looks at what comes out with one segmenter.

    Args:
        data: CamVid's folder.
        split: train, val or test.
        photos: how many, evenly spread; None for all.
        slow_photos: how many of these go by a scheme of more than `SLOW_STEPS` steps.
        rates: budgets in bits per pixel; none for `RATES`.
        device: as torch names it; None for the best there is.

    Returns:
        The unsent picture first, then what travels as samples, then by bits per pixel.

    Raises:
        SemlinkError: there is no such data set, or whatever stopped a transmission.
    """
    pictures = open_labelled("camvid", data, split)
    judge = Judge(Segmenter.load(find(SEGMENTER), device=pick_device(device)))
    indices = spread(len(pictures), photos)
    views = [judge.view(*pictures[index], PhotoSettings().size) for index in indices]
    wanted = served(cases(rates or RATES), names())
    rows = compare(Link.local(device), judge, views, wanted, slow_photos)
    rows.insert(0, ceiling(judge, views))
    return sorted(rows, key=lambda row: row.bits.total if row.bits else 0.0)


def cases(rates: Sequence[float]) -> dict[str, Fields]:
    """Settings by name: those of `CASES`, then schemes at rates, best first.

    Those of `RATED` at each rate, and those of `OWN_RATES` at theirs.
    """
    asked = {scheme: set(rates) for scheme in RATED}
    for scheme, own in OWN_RATES.items():
        asked[scheme] = asked.get(scheme, set()) | set(own)
    return CASES | {
        f"{scheme} at {rate:g}": {"scheme": scheme, "bpp": rate}
        for scheme, together in asked.items()
        for rate in sorted(together, reverse=True)
    }


def served(wanted: Mapping[str, Fields], networks: Sequence[str]) -> dict[str, Fields]:
    """What can be measured with these networks; what cannot, and why, is said on stderr."""
    missing = {name: _missing(fields, networks) for name, fields in wanted.items()}
    for network in dict.fromkeys(filter(None, missing.values())):
        out = "; ".join(name for name in wanted if missing[name] == network)
        Console(stderr=True, soft_wrap=True, highlight=False).print(
            f"Left out, as network {network} is not there: {out}.", style="yellow", markup=False
        )
    return {name: fields for name, fields in wanted.items() if missing[name] is None}


def _missing(fields: Fields, networks: Sequence[str]) -> str | None:
    settings = settings_from_fields(fields)
    if settings.scheme not in GENERATIVE or settings.receiver.network in networks:
        return None
    return settings.receiver.network


def spread(count: int, wanted: int | None) -> list[int]:
    """Indices of so many of `count` things, evenly spread, with the first and the last."""
    chosen = np.linspace(0, count - 1, min(wanted or count, count)).round()
    return [int(index) for index in chosen]


def ceiling(judge: Judge, views: Sequence[View]) -> Row:
    """What a scheme would score that brings the working picture back without loss."""
    verdicts = [judge.verdict(view, view.picture) for view in views]
    return Row(UNSENT, None, len(views), None, None, pooled(verdicts))


def compare(
    link: Link,
    judge: Judge,
    views: Sequence[View],
    wanted: Mapping[str, Fields],
    slow_photos: int,
) -> list[Row]:
    """Every photo by every setting, in order.

    Where a scheme can send no photo at several of the rates, one row stands for them all.
    """
    todo = [
        (name, fields, view)
        for name, fields in wanted.items()
        for view in _affordable(views, fields, slow_photos)
    ]
    console = Console(stderr=True)
    sent: dict[str, list[_Sent]] = {name: [] for name in wanted}
    for name, fields, view in track(
        todo, "sending", console=console, disable=not console.is_terminal
    ):
        sent[name].append(_send(link, judge, view, fields))
    rows = (_row(name, wanted[name]["scheme"], sent[name]) for name in wanted)
    return list(_without_repeats(rows))


def _affordable(views: Sequence[View], fields: Fields, slow_photos: int) -> Sequence[View]:
    slow = settings_from_fields(fields).receiver.steps > SLOW_STEPS
    return [views[index] for index in spread(len(views), slow_photos)] if slow else views


def _send(link: Link, judge: Judge, view: View, fields: Fields) -> _Sent:
    settings = settings_from_fields({"psnr_db": LEVEL_DB} | fields)
    result = send_near(link, view, settings)
    verdict = judge.verdict(view, result.reconstructed.working_picture)
    beyond = settings.bpp is not None and result.bits_per_pixel > OVER * settings.bpp
    return _Sent(result.encoded, verdict, beyond)


def _row(name: str, scheme: Scheme, sent: Sequence[_Sent]) -> Row:
    encoded = [one.encoded for one in sent]
    return Row(
        name,
        scheme,
        len(sent),
        _bits(encoded),
        fmean(one.channel_uses_per_pixel for one in encoded),
        pooled([one.verdict for one in sent]),
        sum(one.beyond for one in sent),
    )


def _bits(encoded: Sequence[Encoded]) -> Bits | None:
    if any(payload.samples for one in encoded for payload in one.payloads):
        return None
    means = (fmean(map(share, encoded)) for share in (_map_bits, _picture_bits, _header_bits))
    return Bits(*means)


def _map_bits(encoded: Encoded) -> float:
    sent_bytes = sum(item.payload_bytes for item in encoded.payloads if item.name == MAP)
    return 8 * sent_bytes / encoded.working.pixels


def _picture_bits(encoded: Encoded) -> float:
    others = (item for item in encoded.payloads if item.name not in (MAP, HEADER))
    return 8 * sum(item.payload_bytes for item in others) / encoded.working.pixels


def _header_bits(encoded: Encoded) -> float:
    return 8 * encoded.header_bytes / encoded.working.pixels


def _without_repeats(rows: Iterable[Row]) -> Iterator[Row]:
    at_lowest: set[Scheme | None] = set()
    for row in rows:
        lowest = row.beyond == row.photos
        if not (lowest and row.scheme in at_lowest):
            yield row
        if lowest:
            at_lowest.add(row.scheme)
