"""Denoisers of a received map side by side: how much of a data set's maps they bring back.

    semlink bench denoisers CAMVID --photos 40 --psnr-db 0 --psnr-db 10 --channel rayleigh

Every label map of a split crosses the channel as GESCO sends it, but its header is free:
behind a lost one there is nothing to denoise.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Int64, UInt8
from PIL import Image
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.progress import track
from rich.table import Table

from semlink.channel.models import propagate
from semlink.core.choices import Denoiser
from semlink.core.headers import MapHeader
from semlink.core.message import Message, SamplesPayload
from semlink.core.phy.demodulation import demodulate
from semlink.core.phy.modulation import modulate
from semlink.core.phy.radio import Radio
from semlink.core.pictures import LabelMap, Size, working_size
from semlink.core.received import ReceivedSamples
from semlink.core.schemes import Scheme
from semlink.core.settings import MULTIPLE, TransmissionSettings, settings_from_fields
from semlink.core.taxonomy import TAXONOMIES
from semlink.core.transmission import Transmission
from semlink.lab.console import print_json, wide_console
from semlink.lab.data import LabelledPictures, open_labelled
from semlink.receiver.denoising import DENOISERS
from semlink.transmitter.schemes.gesco import PAYLOAD, one_hot

LEVELS_DB = (1.0, 5.0, 10.0, 15.0, 20.0, 30.0)
Counts = Int64[np.ndarray, "sent found"]


@dataclass(frozen=True)
class Score:
    """One denoiser at one level, over all maps.

    Attributes:
        denoiser: its name.
        psnr_db: noise level.
        accuracy: share of the pixels with the class that was sent.
        miou: mean over the classes that were sent of intersection over union.
        processor_ms: processor time of all threads per map.
    """

    denoiser: Denoiser
    psnr_db: float
    accuracy: float
    miou: float
    processor_ms: float


def measure_set(
    root: Path,
    *,
    split: str,
    photos: int | None = None,
    levels_db: Sequence[float] = (),
    channel: str = "awgn",
) -> tuple[str, list[Score]]:
    """`measure` over CamVid.

    Args:
        root: its folder.
        split: whose maps.
        photos: how many, evenly spread; None for all.
        levels_db: peak power over noise; LEVELS_DB where there are none.
        channel: name of the medium.

    Returns:
        What was measured, in words, and the scores.
    """
    pictures = open_labelled("camvid", root, split)
    count = min(photos or len(pictures), len(pictures))
    chosen = np.linspace(0, len(pictures) - 1, count).round().astype(int).tolist()
    scores = measure(pictures, chosen, levels_db or LEVELS_DB, channel)
    return f"{count} maps of CamVid's {split} split over {channel}", scores


def measure(
    data: LabelledPictures, chosen: Sequence[int], levels_db: Sequence[float], channel: str
) -> list[Score]:
    """Every denoiser at every level; all see the same noise.

    Args:
        data: a data set whose maps are sent.
        chosen: which of them.
        levels_db: peak power over noise.
        channel: name of the medium.
    """
    maps = [_working_map(data.labels(index)) for index in chosen]
    scores: list[Score] = []
    console = Console(stderr=True)
    for level in track(levels_db, "sending", console=console, disable=not console.is_terminal):
        settings = settings_from_fields({"psnr_db": level, "channel": channel})
        scores += _scores(maps, data.taxonomy, settings)
    return scores


def _scores(
    maps: Sequence[LabelMap], taxonomy: str, settings: TransmissionSettings
) -> Iterator[Score]:
    classes = len(TAXONOMIES[taxonomy].classes)
    counts = {name: np.zeros((classes, classes), np.int64) for name in Denoiser}
    seconds = dict.fromkeys(Denoiser, 0.0)
    for index, labels in enumerate(maps):
        present, payload = _crossed(labels, taxonomy, settings, f"map {index}")
        for name in Denoiser:
            found, taken = _denoised(name, payload)
            counts[name] += _pairs(labels, present[found], classes)
            seconds[name] += taken
    for name in Denoiser:
        accuracy, miou = _agreement(counts[name])
        ms = 1000 * seconds[name] / len(maps)
        yield Score(name, settings.channel.level, accuracy, miou, ms)


def _working_map(labels: LabelMap) -> LabelMap:
    """At the size at which a photo is sent by default."""
    size = working_size(Size(*labels.shape), TransmissionSettings().size, MULTIPLE)
    picture = Image.fromarray(labels)
    return np.array(picture.resize((size.width, size.height), Image.Resampling.NEAREST))


def _crossed(
    labels: LabelMap, taxonomy: str, settings: TransmissionSettings, name: str
) -> tuple[UInt8[np.ndarray, "present"], ReceivedSamples]:
    """The classes that are present, and what arrives of their maps."""
    present, size = np.unique(labels), Size(*labels.shape)
    classes = tuple(present.tolist())
    header = MapHeader(size, size, taxonomy, len(TAXONOMIES[taxonomy].classes), classes)
    payload = SamplesPayload(PAYLOAD, one_hot(labels, classes), peak=1.0)
    message = Message(Scheme.GESCO, header.to_bytes(), (payload,))
    frame = modulate(message, replace(Radio.of(settings, size), free_header=True))
    propagation = propagate(frame, settings.channel, Transmission(name, settings.seed, name))
    return present, demodulate(propagation, settings.receiver.csi).samples(PAYLOAD)


def _denoised(
    name: Denoiser, payload: ReceivedSamples
) -> tuple[Int64[np.ndarray, "height width"], float]:
    """Which of the present classes each pixel has, and the seconds that it took."""
    maps = torch.from_numpy(payload.samples.copy())
    variance = torch.from_numpy(payload.noise_variance.copy())
    started = time.process_time()
    denoised = DENOISERS[name](maps, variance)
    taken = time.process_time() - started
    return denoised.argmax(0).numpy(), taken


def _pairs(sent: LabelMap, found: LabelMap, classes: int) -> Counts:
    pairs = sent.astype(np.int64) * classes + found
    return np.bincount(pairs.ravel(), minlength=classes**2).reshape(classes, classes)


def _agreement(counts: Counts) -> tuple[float, float]:
    """Pixel accuracy, and mean intersection over union."""
    both = np.diagonal(counts)
    either = counts.sum(0) + counts.sum(1) - both
    sent = counts.sum(1) > 0
    return float(both.sum() / counts.sum()), float(np.mean(both[sent] / either[sent]))


def tell(scores: Sequence[Score], title: str, *, json: bool) -> None:
    """Prints the scores on stdout."""
    if json:
        print_json({"title": title, "scores": [asdict(score) for score in scores]})
        return
    table = Table(title=title, box=SIMPLE_HEAD, title_justify="left")
    for column in ("PSNR dB", "denoiser", "accuracy %", "mIoU %", "processor ms"):
        table.add_column(column, justify="left" if column == "denoiser" else "right")
    for score in scores:
        percent = (f"{100 * share:.2f}" for share in (score.accuracy, score.miou))
        table.add_row(f"{score.psnr_db:g}", score.denoiser, *percent, f"{score.processor_ms:.0f}")
    wide_console().print(table)
