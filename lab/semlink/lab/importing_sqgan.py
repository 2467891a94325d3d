"""Published checkpoints of SQ-GAN become folders that both ends load.

They are Lightning's: a dictionary with the tensors under `state_dict`, and with the states of
optimisers and discriminators, which are left out.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from semlink.core.errors import InvalidInput
from semlink.core.sqgan.config import SqganConfig
from semlink.core.sqgan.weights import UNREADABLE, SqganFolder, read_folder, save_sqgan
from semlink.lab.importing import (
    card,
    check_new,
    check_weights,
    checked_state,
    read_saved,
    write_folder,
)
from semlink.receiver.sqgan.network import SqganDecoder
from semlink.transmitter.sqgan.network import SqganEncoder

PAPER = "SQ-GAN (Pezone et al., arXiv:2502.09520)"
PUBLISHED = SqganFolder(network=SqganConfig(), taxonomy="cityscapes", height=256, width=512)

DEAD = (".cross_attention.", ".temb_proj.", ".codebook.cluster_size_ema", ".codebook.embed_ema")
"""Parts of the names of weights that answer nothing."""

PADDED = ("quantize.codebook.weight", "quantize_semantic.codebook.weight")
"""Codebooks, the last row of which is no codeword."""


def import_sqgan(checkpoint: Path, output: Path, config: Path | None = None) -> Path:
    """Writes a folder with config, weights in bf16, self-check and card; all of it or nothing.

    Args:
        checkpoint: the published file, of the last stage of training.
        output: the folder, which must not exist.
        config: a config.json of kind "sq-gan", for checkpoints of another shape than the
            published one.

    Raises:
        NotFound: there is no such file.
        CorruptData: the file is no checkpoint, or not one of that shape.
        InvalidInput: the folder cannot be written, or the config is wrong.
    """
    check_new(output)
    chosen = PUBLISHED if config is None else _read_config(config)
    saved = read_saved(checkpoint)
    inner = saved["state_dict"] if isinstance(saved, dict) and "state_dict" in saved else saved
    expected = _weights_of(chosen.network)
    state = live_weights(checked_state(inner, checkpoint), expected)
    check_weights(state, expected, "sqgan", checkpoint)
    write_folder(
        output,
        lambda folder: save_sqgan(folder, chosen, state),
        card(PAPER, checkpoint, output.name, state),
    )
    return output


def live_weights(
    published: Mapping[str, Tensor], expected: Mapping[str, Tensor]
) -> dict[str, Tensor]:
    """A checkpoint's tensors without the dead ones of the parts that are expected."""
    parts = {name.split(".")[0] for name in expected}
    live = {
        name: value
        for name, value in published.items()
        if name.split(".")[0] in parts and not any(part in name for part in DEAD)
    }
    return live | {name: live[name][:-1] for name in PADDED if name in live}


def _read_config(path: Path) -> SqganFolder:
    try:
        config = read_folder(json.loads(path.read_text()))
        _weights_of(config.network)
    except UNREADABLE as error:
        raise InvalidInput(
            f"it does not describe an SQ-GAN: {error}.",
            field="config",
            value=path,
            cure="Start from what `semlink models show` prints of a shipped network.",
        ) from error
    return config


def _weights_of(network: SqganConfig) -> dict[str, Tensor]:
    """Names and shapes of both ends; no numbers."""
    with torch.device("meta"):
        return SqganEncoder(network).state_dict() | SqganDecoder(network).state_dict()
