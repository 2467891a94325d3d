"""What SQ-GAN's pictures lose when transport blocks of its tokens do not arrive.

    semlink bench erasures CAMVID

Blocks are erased where a channel does it: behind the radio, whose CRCs tell which are gone. The
share is exact over the blocks of all photos together; which ones they are, the seed decides, and
a larger share erases all that a smaller one does.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Collection, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
from rich.box import SIMPLE_HEAD
from rich.table import Table

from semlink.channel.models import propagate
from semlink.core.events import Lost, Reconstructed
from semlink.core.phy.demodulation import demodulate
from semlink.core.pictures import photo_digest
from semlink.core.received import Received, ReceivedBits
from semlink.core.settings import ReceiverSettings, TransmissionSettings, settings_from_fields
from semlink.core.transmission import Transmission
from semlink.lab.bench_semantics import SEGMENTER, spread
from semlink.lab.console import print_json, wide_console
from semlink.lab.data import open_labelled
from semlink.lab.markdown import markdown_table
from semlink.lab.semantic_score import Fidelity, Judge, View, pooled
from semlink.lab.streams import NOTHING
from semlink.receiver.device import pick_device
from semlink.receiver.receiver import Receiver
from semlink.receiver.schemes.job import Job
from semlink.transmitter.segmentation import Segmenter
from semlink.transmitter.transmitter import Transmitter, served_name
from semlink.zoo import find

MASK, MAP, PICTURE = "mask", "map", "picture"
SHARES = (0.05, 0.2, 0.4)
CASES: tuple[tuple[tuple[str, ...], float], ...] = (
    ((PICTURE,), 0.0),
    *(((PICTURE,), share) for share in SHARES),
    *(((MAP, PICTURE), share) for share in SHARES),
    ((MAP, PICTURE), 1.0),
    ((MASK,), 1.0),
)


@dataclass(frozen=True)
class Row:
    """All photos with a share of their blocks erased.

    Attributes:
        payloads: whose blocks.
        share: of them that is erased, 0 .. 1.
        blocks: of all photos' payloads of these names.
        erased: how many of them did not arrive.
        photos: how many were sent.
        outages: how many came to no picture, which the receiver said.
        fidelity: of the pictures; None if there are none.
    """

    payloads: str
    share: float
    blocks: int
    erased: int
    photos: int
    outages: int
    fidelity: Fidelity | None


class Arrival(NamedTuple):
    """A photo's message behind the radio, whole."""

    view: View
    received: Received
    transmission: Transmission


class Block(NamedTuple):
    """A transport block of one of the photos."""

    photo: int
    payload: str
    place: int


def measure(
    data: Path,
    *,
    network: str,
    fraction: float,
    split: str = "test",
    photos: int | None = None,
    seed: int = 0,
    device: str | None = None,
) -> list[Row]:
    """Sends photos of CamVid and takes blocks away from what arrives.

    Args:
        data: CamVid's folder.
        network: SQ-GAN's, a name of the zoo or a folder.
        fraction: of both grids' tokens that is sent; more tokens are more blocks.
        split: train, val or test.
        photos: how many, evenly spread; None for all.
        seed: of the choice of blocks.
        device: as torch names it; None for the best there is.

    Raises:
        SemlinkError: there is no such data set or network, or whatever stopped a transmission.
    """
    pictures = open_labelled("camvid", data, split)
    folder = str(find(network).resolve())
    name = served_name(folder)
    settings = settings_from_fields(
        {"scheme": "sqgan", "network": name, "tokenizer": name, "psnr_db": math.inf}
        | {"map_fraction": fraction, "picture_fraction": fraction}
    )
    judge = Judge(Segmenter.load(find(SEGMENTER), device=pick_device(device)))
    views = [
        judge.view(*pictures[index], settings.size) for index in spread(len(pictures), photos)
    ]
    transmitter = Transmitter.load((SEGMENTER,), device, tokenizers=(folder,))
    arrived = [arrival(transmitter, view, settings) for view in views]
    receiver = Receiver.load((folder,), device)
    return [erase(receiver, judge, arrived, settings.receiver, case, seed) for case in CASES]


def arrival(transmitter: Transmitter, view: View, settings: TransmissionSettings) -> Arrival:
    """What the radio hands over of a photo."""
    frame, _ = transmitter.encode(view.photo, settings)
    transmission = Transmission("erasures", settings.seed, photo_digest(view.photo))
    propagation = propagate(frame, settings.channel, transmission)
    return Arrival(view, demodulate(propagation, settings.receiver.csi), transmission)


def erase(
    receiver: Receiver,
    judge: Judge,
    arrived: Sequence[Arrival],
    settings: ReceiverSettings,
    case: tuple[tuple[str, ...], float],
    seed: int,
) -> Row:
    """What becomes of the photos without a share of the blocks of some payloads."""
    payloads, share = case
    blocks = [
        Block(photo, name, index)
        for photo, one in enumerate(arrived)
        for name in payloads
        for index in range(len(one.received.bits(name).blocks_ok))
    ]
    order = np.random.default_rng(seed).permutation(len(blocks))
    gone = [blocks[index] for index in order[: round(share * len(blocks))]]
    endings = []
    for photo, one in enumerate(arrived):
        left = _without(one.received, [block for block in gone if block.photo == photo])
        endings.append(_ending(receiver, Job(left, settings, one.transmission, receiver.network)))
    verdicts = [
        judge.verdict(one.view, ending.working_picture)
        for one, ending in zip(arrived, endings, strict=True)
        if isinstance(ending, Reconstructed)
    ]
    return Row(
        payloads=" and ".join(payloads),
        share=share,
        blocks=len(blocks),
        erased=len(gone),
        photos=len(arrived),
        outages=len(arrived) - len(verdicts),
        fidelity=pooled(verdicts) if verdicts else None,
    )


def _without(received: Received, gone: Collection[Block]) -> Received:
    payloads = [
        _emptied(one, {block.place for block in gone if block.payload == one.name})
        if isinstance(one, ReceivedBits)
        else one
        for one in received.payloads
    ]
    return replace(received, payloads=tuple(payloads))


def _emptied(bits: ReceivedBits, gone: Collection[int]) -> ReceivedBits:
    """As the radio hands over a payload some of whose blocks fail their CRC."""
    data, size = bytearray(bits.data), bits.block_bytes
    for index in gone:
        kept = data[index * size : (index + 1) * size]
        data[index * size : (index + 1) * size] = bytes(len(kept))
    verdicts = (ok and index not in gone for index, ok in enumerate(bits.blocks_ok))
    return replace(bits, data=bytes(data), blocks_ok=tuple(verdicts))


def _ending(receiver: Receiver, job: Job) -> Reconstructed | Lost:
    *_, last = receiver.decode(job)
    assert isinstance(last, Reconstructed | Lost), "a decoder ends in one of them"
    return last


def _score(pick: Callable[[Fidelity], str]) -> Callable[[Row], str]:
    return lambda row: pick(row.fidelity) if row.fidelity else NOTHING


COLUMNS: dict[str, Callable[[Row], str]] = {
    "erased": lambda row: f"{row.share:.0%} of {row.payloads}" if row.share else "nothing",
    "blocks": lambda row: f"{row.erased} of {row.blocks}",
    "pictures": lambda row: f"{row.photos - row.outages} of {row.photos}",
    "mIoU %": _score(lambda score: f"{100 * score.miou:.1f}"),
    "accuracy %": _score(lambda score: f"{100 * score.accuracy:.1f}"),
    "true mIoU %": _score(lambda score: f"{100 * score.truth_miou:.1f}"),
    "PSNR dB": _score(lambda score: f"{score.psnr_db:.2f}"),
    "segmenter feature distance": _score(lambda score: f"{score.distance:.3f}"),
}


def tell(rows: Sequence[Row], *, json: bool, markdown: bool) -> None:
    """Prints the rows on stdout."""
    if json:
        print_json({"rows": [asdict(row) for row in rows]})
    elif markdown:
        sys.stdout.write(markdown_table(COLUMNS, rows))
    else:
        table = Table(title="SQ-GAN's pictures without some transport blocks", box=SIMPLE_HEAD)
        for name in COLUMNS:
            table.add_column(name.replace(" ", "\n"), justify="right", no_wrap=True)
        for row in rows:
            table.add_row(*(cell(row) for cell in COLUMNS.values()))
        wide_console().print(table)
