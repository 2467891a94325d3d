"""Whether a network still answers as it did when it was stored.

`check.json` beside the weights holds some numbers of its answer to a fixed input, computed on
the processor in float32. The input is made of integers and of PyTorch's generator with a fixed
seed, the same on every machine.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from semlink.core.errors import CorruptData
from semlink.core.sqgan.weights import load_sqgan
from semlink.receiver.diffusion.prepared import prepare
from semlink.receiver.diffusion.weights import load_diffusion
from semlink.receiver.latent.weights import load_latent
from semlink.receiver.sqgan.network import SqganDecoder
from semlink.transmitter.segmentation import Segmenter
from semlink.transmitter.sqgan.network import SqganEncoder

CHECK = "check.json"
PROBES = 16
TOLERANCE = 1e-3  # of the largest number, for other processors and other orders of summation
SIDE = 64

Verdict = Literal["as on record", "nothing on record"]


def record(folder: Path) -> Path | None:
    """Writes what a network answers, unless the record still holds; None if its kind has none."""
    with suppress(CorruptData):
        if examine(folder) == "as on record":
            return folder / CHECK
    answer = _answer(folder)
    if answer is None:
        return None
    text = json.dumps({"answer": [float(f"{value:.6g}") for value in answer.tolist()]})
    path = folder / CHECK
    path.write_text(text + "\n")
    return path


def examine(folder: Path) -> Verdict:
    """Compares what a network answers with what is on record.

    Raises:
        CorruptData: they differ, or a file cannot be read.
    """
    path = folder / CHECK
    if not path.exists() or (answer := _answer(folder)) is None:
        return "nothing on record"
    expected = _on_record(path)
    if len(expected) == len(answer):
        error = (answer - expected).abs().max().item()
        if error <= TOLERANCE * expected.abs().max().item():
            return "as on record"
    raise CorruptData(
        "the network does not answer as on record.",
        field="network",
        value=folder.name,
        cure="Install the program again; after training, run scripts/checksums.py.",
    )


def _on_record(path: Path) -> Tensor:
    try:
        return torch.tensor(json.loads(path.read_text())["answer"], dtype=torch.float32)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CorruptData(
            f"the record of its answer cannot be read: {error}.",
            field="network",
            value=path.parent.name,
            cure="Install the program again.",
        ) from error


@torch.inference_mode()
def _answer(folder: Path) -> Tensor | None:
    """`PROBES` numbers, evenly spread over the answer to the fixed input."""
    config = json.loads((folder / "config.json").read_text())
    kind = config.get("kind", "segmenter" if "id2label" in config else "")
    if kind not in _ANSWERS:
        return None
    answer = _ANSWERS[kind](folder).flatten()
    return answer[torch.linspace(0, len(answer) - 1, PROBES).long()]


def _diffusion_answer(folder: Path) -> Tensor:
    net, _ = load_diffusion(folder, torch.device("cpu"), torch.float32)
    shape, generator = net.config, torch.Generator().manual_seed(0)
    side = -(-SIDE // shape.multiple) * shape.multiple
    x = torch.randn(1, shape.image_channels, side, side, generator=generator)
    coarse = shape.low_res_channels
    low_res = torch.randn(1, coarse, side, side, generator=generator) if coarse else None
    maps = _stripes(shape.map_channels, side)
    return prepare(net, maps, low_res=low_res)(x, torch.tensor([500.0]))


def _latent_answer(folder: Path) -> Tensor:
    """Of the U-Net to a noise under stripes, and of the autoencoder to another noise."""
    models, _ = load_latent(folder)
    generator = torch.Generator().manual_seed(0)
    side = -(-SIDE // models.multiple) * models.multiple
    low = side // models.factor
    x = torch.randn(1, models.latent_channels, low, low, generator=generator)
    told = models.conditioning(_stripes(models.conditioning.map_channels, side), (low, low))
    answer = models.unet(torch.cat([x, told], 1), torch.tensor([500.0])).sample
    latent = models.autoencoder.encode(torch.randn(1, 3, side, side, generator=generator)).latents
    picture = models.autoencoder.decode(x, force_not_quantize=True).sample
    return torch.cat([part.flatten() for part in (answer, latent, picture)])


def _sqgan_answer(folder: Path) -> Tensor:
    """Of the encoders to a noise under stripes, and of the decoders to other noise."""
    encoder, config = load_sqgan(folder, SqganEncoder, torch.device("cpu"), torch.float32)
    decoder, _ = load_sqgan(folder, SqganDecoder, torch.device("cpu"), torch.float32)
    shape, generator = config.network, torch.Generator().manual_seed(0)
    side = -(-SIDE // shape.multiple) * shape.multiple
    rows = side // shape.multiple
    maps = _stripes(shape.map_channels, side)
    pixels = torch.randn(1, 3, side, side, generator=generator)
    words = torch.randn(1, shape.latent_channels, rows, rows, generator=generator)
    sent = (torch.arange(rows) % 2 == 0).expand(1, 1, rows, -1)
    answers = (
        encoder.map_features(maps).features,
        encoder.picture_features(pixels, maps).features,
        decoder.map_logits(words, sent),
        decoder.pictures(words, sent, maps),
    )
    return torch.cat([answer.flatten() for answer in answers])


def _stripes(classes: int, side: int) -> Tensor:
    """One-hot maps of vertical stripes."""
    stripes = torch.arange(side) * classes // side
    class_map = (stripes == torch.arange(classes)[:, None]).float()
    return class_map[None, :, None].expand(1, -1, side, -1)


def _segmenter_answer(folder: Path) -> Tensor:
    segmenter = Segmenter.load(folder)
    rows, columns = np.indices((SIDE, 2 * SIDE))
    photo = np.stack([4 * rows % 256, 2 * columns % 256, rows * columns % 256], -1)
    logits: Tensor = segmenter.model(segmenter.preprocessing(photo.astype(np.uint8))).logits
    return logits


_ANSWERS: dict[str, Callable[[Path], Tensor]] = {
    "spade-unet": _diffusion_answer,
    "latent-diffusion": _latent_answer,
    "sq-gan": _sqgan_answer,
    "segmenter": _segmenter_answer,
}
