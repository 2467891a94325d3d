"""The pictures of a contact sheet and the figures below them."""

from __future__ import annotations

import colorsys
from dataclasses import dataclass

import numpy as np

from semlink.core.events import Encoded, Outcome, Reconstructed
from semlink.core.pictures import LabelMap, Rgb
from semlink.core.schemes import GENERATIVE, Scheme
from semlink.core.taxonomy import TAXONOMIES, Taxonomy
from semlink.lab.result import Result
from semlink.lab.streams import decibels

Rows = tuple[tuple[str, str], ...]

WHY_LOST = {
    Outcome.LOST: ("LOST", "too little arrived for a picture"),
    Outcome.OUTAGE: ("OUTAGE", "the header did not arrive"),
}


@dataclass(frozen=True)
class Panel:
    """One picture of the sheet.

    Attributes:
        title: above it.
        picture: in colour; None where there is none.
        smooth: whether it is a photograph; a map is not.
        rows: figures below it, name and value.
        says: what stands in the place of a picture: one loud line, one quiet one.
    """

    title: str
    picture: Rgb | None
    smooth: bool
    rows: Rows
    says: tuple[str, str] = ("", "")


def panels(result: Result) -> tuple[Panel, ...]:
    """From the photo to what became of it; for schemes with a map, the map on its way."""
    middle = _map_panels(result) if result.encoded.sent_map is not None else ()
    if not middle:
        middle = (Panel("Working picture", result.working_photo, True, _cost_rows(result)),)
    return (Panel("Photo", result.photo, True, _photo_rows(result)), *middle, _last(result))


def _map_panels(result: Result) -> tuple[Panel, ...]:
    sent, denoised = result.encoded.sent_map, result.denoised
    assert sent is not None
    paint = taxonomy_of(result.encoded, sent).colourise
    shown = (Panel("Sent map", paint(sent), False, _sent_rows(result, sent)),)
    if denoised is None:
        return shown
    received = Panel("Received map", paint(denoised.received_map), False, _received_rows(result))
    cleaned = Panel("Denoised map", paint(denoised.denoised_map), False, _denoised_rows(result))
    return (*shown, received, cleaned)


def _last(result: Result) -> Panel:
    if not isinstance(result.ending, Reconstructed):
        return Panel("Reconstruction", None, True, _lost_rows(result), WHY_LOST[result.outcome])
    partial = ", partial" if result.outcome is Outcome.PARTIAL else ""
    return Panel(f"Reconstruction{partial}", result.picture, True, _painted_rows(result))


# Figures


def _photo_rows(result: Result) -> Rows:
    sent, settings = result.encoded, result.settings
    segmenter = (("segmenter", settings.segmenter),) if settings.scheme in GENERATIVE else ()
    return (
        ("photo", f"{sent.photo}"),
        ("working picture", f"{sent.working}"),
        *segmenter,
        ("seed", str(settings.seed)),
    )


def _cost_rows(result: Result) -> Rows:
    sent = result.encoded
    framing = sum(payload.container_bytes for payload in sent.payloads)
    return (
        ("sent", f"{sent.sent_bytes:,} bytes"),
        ("of them framing", f"{framing:,} bytes"),
        ("bits per pixel", f"{sent.bits_per_pixel:.3g}"),
        ("channel uses per pixel", f"{sent.channel_uses_per_pixel:.3g}"),
    )


def _sent_rows(result: Result, sent_map: LabelMap) -> Rows:
    sent = result.encoded
    classes = taxonomy_of(sent, sent_map).classes
    return (
        ("classes present", f"{np.unique(sent_map).size} of {len(classes)}"),
        ("channel uses per pixel", f"{sent.channel_uses_per_pixel:.3g}"),
        ("bits per pixel", f"{sent.bits_per_pixel:.3g}"),
        ("header", f"{sent.header_bytes} bytes"),
    )


def _received_rows(result: Result) -> Rows:
    stream = result.streams[-1]
    return (
        ("SNR measured", decibels(stream.measured_snr_db)),
        ("PSNR measured", decibels(stream.measured_psnr_db)),
        ("pixels right", _percent(result.received_accuracy)),
    )


def _denoised_rows(result: Result) -> Rows:
    seconds = result.denoised.denoise_s if result.denoised else 0.0
    return (
        ("denoiser", result.settings.receiver.denoiser.value),
        ("seconds", f"{seconds:.3f}"),
        ("pixels right", _percent(result.denoised_accuracy)),
    )


def _painted_rows(result: Result) -> Rows:
    settings, quality = result.settings.receiver, result.psnr_db
    assert quality is not None, "a picture that was painted has a quality"
    rows: Rows = (("PSNR", decibels(quality)), ("seconds in all", f"{result.total_s:.2f}"))
    if result.lost:
        rows += (("damaged", ", ".join(result.lost)),)
    if result.settings.scheme not in GENERATIVE:
        return rows
    if result.settings.scheme is Scheme.SQGAN:
        return (("network", settings.network), *rows)
    sampler = f"{settings.sampler.value}, {settings.steps} steps, guidance {settings.guidance:g}"
    return (("network", settings.network), ("sampler", sampler), *rows)


def _lost_rows(result: Result) -> Rows:
    blocks = sum(stream.blocks for stream in result.streams)
    return (
        ("outcome", result.outcome.value),
        ("lost", ", ".join(result.lost)),
        ("blocks lost", f"{result.demodulated.blocks_lost} of {blocks}"),
        ("seconds in all", f"{result.total_s:.2f}"),
    )


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{share:.2%}"


# Classes


def taxonomy_of(sent: Encoded, labels: LabelMap) -> Taxonomy:
    """The map's taxonomy, or numbers and spread hues for a network's own classes."""
    return TAXONOMIES.get(sent.taxonomy) or numbered_taxonomy(1 + int(labels.max()))


def numbered_taxonomy(count: int) -> Taxonomy:
    """Names and colours for so many classes that have none."""
    hues = [(0.618034 * index) % 1.0 for index in range(count)]
    colours = [colorsys.hls_to_rgb(hue, 0.52, 0.5) for hue in hues]
    palette = np.round(255 * np.array(colours)).astype(np.uint8)
    return Taxonomy("numbered", tuple(f"class {index}" for index in range(count)), palette)
