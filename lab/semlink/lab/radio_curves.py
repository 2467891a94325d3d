"""Error rates of coded bits: our chain beside the same chain made of Sionna's blocks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from jaxtyping import Bool, Int64

from semlink.channel.models import propagate
from semlink.core.channel_settings import ChannelModel, ChannelSettings
from semlink.core.choices import Csi
from semlink.core.frame import Frame, Stream
from semlink.core.noise import NoiseKind
from semlink.core.phy.coding import decode_bits, encode_blocks
from semlink.core.phy.equalisation import equalise
from semlink.core.phy.layouts import CodedLayout, coded_layout
from semlink.core.schemes import Scheme
from semlink.core.transmission import Transmission

BLOCK_BYTES = 126  # 1024 bits with the CRC
BATCH = 50  # blocks at a time
CONFIDENCE = 0.99

# Eb/N0 in dB around the threshold, for blocks of that size. Rayleigh: a gain for each symbol.
EBNO_DB: dict[ChannelModel, dict[str, tuple[float, ...]]] = {
    ChannelModel.AWGN: {
        "qpsk-1/2": (0.5, 0.9, 1.2, 1.5),
        "16qam-1/2": (2.7, 3.0, 3.3, 3.6),
        "64qam-2/3": (7.2, 7.6, 8.0, 8.4),
    },
    ChannelModel.RAYLEIGH: {
        "qpsk-1/2": (2.6, 2.9, 3.2, 3.5),
        "16qam-1/2": (4.8, 5.2, 5.6, 6.0),
        "64qam-2/3": (9.8, 10.3, 10.8, 11.3),
    },
}

BitErrors = Int64[np.ndarray, "blocks"]
Failures = Bool[np.ndarray, "blocks"]


@dataclass(frozen=True)
class Errors:
    """What a run at one noise level found.

    Attributes:
        bit_errors: of each block.
        failures: which blocks have a wrong bit, or a CRC that says so.
        bits: of one block that were compared; Sionna's chain compares those of the CRC, too.
    """

    bit_errors: BitErrors
    failures: Failures
    bits: int

    @property
    def blocks(self) -> int:
        """How many were sent."""
        return self.bit_errors.size

    @property
    def failed(self) -> int:
        """How many failed."""
        return int(np.sum(self.failures))

    @property
    def bler(self) -> float:
        """Block error rate."""
        return self.failed / self.blocks

    @property
    def ber(self) -> float:
        """Bit error rate."""
        return float(np.mean(self.bit_errors)) / self.bits

    @cached_property
    def bler_interval(self) -> tuple[float, float]:
        """Binomial interval of 99 %."""
        return _binomial_interval(float(self.failed), float(self.blocks))

    @cached_property
    def ber_interval(self) -> tuple[float, float]:
        """Interval of 99 %, from that of the block errors, as bit errors come in blocks.

        How much they differ from block to block makes the sample smaller than it is (Korn and
        Graubard, Survey Methodology 24, 1998).
        """
        sizes = self.bit_errors[self.bit_errors > 0]
        if not sizes.size:
            return 0.0, self.bler_interval[1]
        mean = float(np.mean(sizes))
        effect = 1 + float(np.var(sizes)) / mean**2
        low, high = _binomial_interval(sizes.size / effect, self.blocks / effect)
        return low * mean / self.bits, high * mean / self.bits


def _binomial_interval(failed: float, trials: float) -> tuple[float, float]:
    """Clopper and Pearson's."""
    from scipy.stats import beta

    tail = (1 - CONFIDENCE) / 2
    low = beta.ppf(tail, failed, trials - failed + 1) if failed > 0 else 0.0
    high = beta.ppf(1 - tail, failed + 1, trials - failed) if failed < trials else 1.0
    return float(low), float(high)


@dataclass(frozen=True)
class Point:
    """One noise level.

    Attributes:
        ebno_db: Eb/N0.
        ours: errors of our chain.
        sionna: errors that `sim_ber` found.
    """

    ebno_db: float
    ours: Errors
    sionna: Errors

    @property
    def agrees(self) -> bool:
        """Whether our block error rate lies in Sionna's interval."""
        low, high = self.sionna.bler_interval
        return low <= self.ours.bler <= high

    @property
    def ber_agrees(self) -> bool:
        """Whether our bit error rate lies in Sionna's interval."""
        low, high = self.sionna.ber_interval
        return low <= self.ours.ber <= high


@dataclass(frozen=True)
class Curve:
    """One modulation and coding scheme over one medium."""

    model: ChannelModel
    mcs: str
    points: tuple[Point, ...]


def measure_curves(*, blocks: int, our_blocks: int, seed: int = 0) -> list[Curve]:
    """All of the table above; arguments as `measure_curve`. Each curve has draws of its own."""
    places = [(model, mcs) for model, codes in EBNO_DB.items() for mcs in codes]
    return [
        measure_curve(
            model,
            mcs,
            EBNO_DB[model][mcs],
            blocks=blocks,
            our_blocks=our_blocks,
            seed=seed * len(places) + index,
        )
        for index, (model, mcs) in enumerate(places)
    ]


def measure_curve(
    model: ChannelModel,
    mcs: str,
    ebno_db: Sequence[float],
    *,
    blocks: int,
    our_blocks: int,
    block_bytes: int = BLOCK_BYTES,
    seed: int = 0,
) -> Curve:
    """Both chains at each level.

    Args:
        model: AWGN, or Rayleigh with an independent gain for each symbol, which both receivers
            know.
        mcs: of the code.
        ebno_db: levels.
        blocks: that `sim_ber` sends per level, a multiple of 50.
        our_blocks: that our chain sends per level, a multiple of 50. Our own chance error adds
            to Sionna's; the more blocks, the less.
        block_bytes: payload of one block.
        seed: of data and channel.
    """
    layout = coded_layout(block_bytes, mcs)
    theirs = sionna_errors(model, layout, ebno_db, blocks, seed)
    points = [
        Point(level, our_errors(model, layout, level, our_blocks, seed), found)
        for level, found in zip(ebno_db, theirs, strict=True)
    ]
    return Curve(model, mcs, tuple(points))


# Our chain


def our_errors(
    model: ChannelModel, layout: CodedLayout, ebno_db: float, blocks: int, seed: int
) -> Errors:
    """Payloads of one block through encoder, channel, equaliser and decoder."""
    settings = ChannelSettings(
        model=model, noise=NoiseKind.EBNO_DB, level=ebno_db, coherence_uses=1
    )
    counted = [
        _batch_errors(layout, settings, Transmission(f"{start}", seed, f"{start}"))
        for start in range(0, blocks, BATCH)
    ]
    bit_errors, failures = (np.concatenate(found) for found in zip(*counted, strict=True))
    return Errors(bit_errors, failures, 8 * layout.payload_bytes)


def _batch_errors(
    layout: CodedLayout, settings: ChannelSettings, transmission: Transmission
) -> tuple[BitErrors, Failures]:
    rng = np.random.default_rng(transmission.seed_for("data"))
    payloads = [rng.bytes(layout.payload_bytes) for _ in range(BATCH)]
    streams = tuple(
        Stream(f"{index}", encode_blocks(data, layout), None, 1.0, layout)
        for index, data in enumerate(payloads)
    )
    arrived = propagate(Frame(Scheme.GESCO, b"", streams), settings, transmission)
    errors, failures = np.empty(BATCH, np.int64), np.empty(BATCH, bool)
    for index, data in enumerate(payloads):
        equalised = equalise(
            arrived.frame.streams[index],
            arrived.draws[index].noise_power,
            arrived.gains[index],
            None,
            Csi.PERFECT,
        )
        bits, holds = decode_bits(equalised.symbols, equalised.noise_variance, layout)
        errors[index] = np.sum(bits[0] != np.unpackbits(np.frombuffer(data, np.uint8)))
        failures[index] = errors[index] > 0 or not holds[0]
    return errors, failures


# Sionna's chain


@dataclass
class SionnaChain:
    """A model for `sim_ber`: source, LDPC, QAM, channel, demapper, stock decoder.

    Attributes:
        model: AWGN, or Rayleigh with an independent gain for each symbol.
        layout: of the code.
        counted: bit errors of each block, batch after batch.
    """

    model: ChannelModel
    layout: CodedLayout
    counted: list[BitErrors] = field(default_factory=list)

    def __post_init__(self) -> None:
        from sionna.phy.fec.ldpc import LDPC5GDecoder, LDPC5GEncoder
        from sionna.phy.mapping import BinarySource, Demapper, Mapper

        single: dict[str, Any] = {"precision": "single", "device": "cpu"}
        order = self.layout.scheme.bits_per_symbol
        code = (self.layout.info_bits, self.layout.coded_bits, order)
        self._source = BinarySource(**single)
        self._encoder = LDPC5GEncoder(*code, **single)
        self._decoder = LDPC5GDecoder(self._encoder, **single)
        self._mapper = Mapper("qam", order, **single)
        self._demapper = Demapper("maxlog", "qam", order, **single)
        self._channel = _CHANNELS[self.model](single)

    def __call__(self, batch_size: int, ebno_db: Any) -> tuple[Any, Any]:
        """Bits as sent and as decoded."""
        from sionna.phy.utils import ebnodb2no

        order = self.layout.scheme.bits_per_symbol
        sent = self._source([batch_size, self.layout.info_bits])
        rate = self.layout.info_bits / self.layout.coded_bits
        no = ebnodb2no(ebno_db, order, rate, precision="single", device="cpu")
        received, variance = self._channel(self._mapper(self._encoder(sent)), no)
        decoded = self._decoder(self._demapper(received, variance))
        self.counted.append((sent != decoded).sum(dim=1).numpy())
        return sent, decoded


def _awgn(single: dict[str, Any]) -> Callable[[Any, Any], tuple[Any, Any]]:
    from sionna.phy.channel import AWGN

    channel = AWGN(**single)
    return lambda symbols, no: (channel(symbols, no), no)


def _rayleigh(single: dict[str, Any]) -> Callable[[Any, Any], tuple[Any, Any]]:
    from sionna.phy.channel import FlatFadingChannel

    channel = FlatFadingChannel(1, 1, return_channel=True, **single)

    def cross(symbols: Any, no: Any) -> tuple[Any, Any]:
        received, gains = channel(symbols.reshape(-1, 1), no)
        gains = gains.reshape(symbols.shape)
        return received.reshape(symbols.shape) / gains, no / gains.abs().square()

    return cross


_CHANNELS = {ChannelModel.AWGN: _awgn, ChannelModel.RAYLEIGH: _rayleigh}


def sionna_errors(
    model: ChannelModel, layout: CodedLayout, ebno_db: Sequence[float], blocks: int, seed: int
) -> list[Errors]:
    """What `sionna.phy.utils.sim_ber` finds; it draws from Sionna's generator of the process."""
    import torch
    from sionna.phy import config
    from sionna.phy.utils import sim_ber

    config.seed = seed
    chain = SionnaChain(model, layout)
    _, bler = sim_ber(
        chain,
        torch.tensor(ebno_db),
        batch_size=BATCH,
        max_mc_iter=blocks // BATCH,
        early_stop=False,
        verbose=False,
        precision="single",
        device="cpu",
    )
    found = np.split(np.concatenate(chain.counted), len(ebno_db))
    errors = [Errors(counted, counted > 0, layout.info_bits) for counted in found]
    assert np.allclose([point.bler for point in errors], bler.numpy())
    return errors
