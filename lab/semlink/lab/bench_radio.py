"""What the radio costs: channel, serialisation and decoding beside bare Sionna."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from statistics import median
from typing import Any, ClassVar

import numpy as np
from rich.console import Console
from rich.table import Table

from semlink.channel.models import propagate
from semlink.core.channel_settings import ChannelModel, ChannelSettings
from semlink.core.frame import Frame, Stream, Symbols
from semlink.core.frame_serde import FrameAssembler, frame_head_to_proto, symbol_chunks
from semlink.core.noise import NoiseKind
from semlink.core.phy.coding import decode_blocks, encode_blocks
from semlink.core.phy.layouts import CodedLayout, SamplesLayout, coded_layout
from semlink.core.phy.ldpc import ITERATIONS, ITERATIONS_BETWEEN_CHECKS
from semlink.core.phy.scrambling import scrambling_sequence
from semlink.core.schemes import Scheme
from semlink.core.transmission import Transmission
from semlink.lab.console import print_json
from semlink.protos.v1 import types_pb2 as pb

REPEATS = 9
SLOT = 14 * 72  # resource elements of the default grid
SYMBOLS = (65 * SLOT, 1000 * SLOT)  # about 65,536 and a million
NOISE_DB = 10.0
Arrived = tuple[Symbols, Any]  # equalised symbols and their noise variances

TRANSMISSION = Transmission("bench", 0, "bench")

MCS = "16qam-1/2"
SNR_DB = (7.0, 9.0)  # near the threshold of its code, and 2 dB above
PAYLOADS = {254: 16, 8424: 1}  # bytes, and how many payloads are decoded, one after the other


@dataclass(frozen=True)
class Speed:
    """One measurement: medians of runs that alternate between the two.

    Attributes:
        name: of what was measured.
        unit: of the speeds, per second.
        ours: speed of this program.
        bare: speed of Sionna alone, doing the same; None where it has nothing like it.
        our_errors: blocks that failed here; None where there are none.
        bare_errors: blocks that failed there.
    """

    name: str
    unit: str
    ours: float
    bare: float | None = None
    our_errors: int | None = None
    bare_errors: int | None = None

    @property
    def ratio(self) -> float | None:
        """Times as fast as Sionna alone."""
        return self.ours / self.bare if self.bare else None


@dataclass(frozen=True)
class RadioBench:
    """All measurements.

    Attributes:
        repeats: runs of which each speed is the median.
        threads: that PyTorch used.
        speeds: in order.
    """

    repeats: int
    threads: int
    speeds: tuple[Speed, ...]


def measure(repeats: int = REPEATS) -> RadioBench:
    """Channel, serialisation and decoding, beside bare Sionna; some minutes.

    Args:
        repeats: runs of each, at least 1.
    """
    import torch

    speeds = [*_channel_speeds(repeats), *_serde_speeds(repeats), *_decoder_speeds(repeats)]
    return RadioBench(repeats, torch.get_num_threads(), tuple(speeds))


def tell(result: RadioBench, *, json: bool) -> None:
    """Prints the measurements on stdout."""
    if json:
        speeds = [asdict(speed) | {"ratio": speed.ratio} for speed in result.speeds]
        print_json({"repeats": result.repeats, "threads": result.threads, "speeds": speeds})
        return
    table = Table("", title=f"Medians of {result.repeats}, {result.threads} threads")
    for column in ("per second", "here", "Sionna", "ratio", "failed"):
        table.add_column(column, justify="right")
    for speed in result.speeds:
        table.add_row(
            speed.name,
            speed.unit,
            f"{speed.ours:,.1f}",
            f"{speed.bare:,.1f}" if speed.bare else "",
            f"{speed.ratio:.2f}" if speed.ratio else "",
            "" if speed.our_errors is None else f"{speed.our_errors}, {speed.bare_errors}",
        )
    Console(highlight=False).print(table)


def alternated(jobs: dict[str, Callable[[], object]], repeats: int) -> dict[str, float]:
    """Median seconds of each job, after one run of each to warm up."""
    for job in jobs.values():
        job()
    seconds: dict[str, list[float]] = {name: [] for name in jobs}
    for _ in range(repeats):
        for name, job in jobs.items():
            start = time.perf_counter()
            job()
            seconds[name].append(time.perf_counter() - start)
    return {name: median(values) for name, values in seconds.items()}


# Channel


def _channel_speeds(repeats: int) -> Iterator[Speed]:
    for model, bare in _BARE_CHANNELS.items():
        for count in SYMBOLS:
            settings = ChannelSettings(
                model=model, noise=NoiseKind.SNR_DB, level=NOISE_DB, coherence_uses=1
            )
            frame = _frame(count, settings)
            jobs: dict[str, Callable[[], object]] = {
                "ours": partial(propagate, frame, settings, TRANSMISSION),
                "bare": bare(frame.streams[0].symbols, settings),
            }
            taken = alternated(jobs, repeats)
            name = f"{model}, {count:,}"
            yield Speed(name, "Msymbol", count / taken["ours"] / 1e6, count / taken["bare"] / 1e6)


def _frame(count: int, settings: ChannelSettings) -> Frame:
    parts = np.random.default_rng(0).standard_normal(2 * count).astype(np.float32)
    grid = settings.grid(estimated=False)
    data = grid.data_uses(count) if grid else count
    symbols = parts.view(np.complex64) * np.float32(np.sqrt(0.5))
    stream = Stream("picture", symbols, 8.0, 1.0, SamplesLayout((2 * data,)))
    return Frame(Scheme.GESCO, b"", (stream,), grid)


def _bare_awgn(symbols: Symbols, settings: ChannelSettings) -> Callable[[], object]:
    import torch
    from sionna.phy.channel import AWGN

    channel, sent = AWGN(precision="single", device="cpu"), torch.from_numpy(symbols)
    return lambda: channel(sent, 10 ** (-NOISE_DB / 10))


def _bare_rayleigh(symbols: Symbols, settings: ChannelSettings) -> Callable[[], object]:
    import torch
    from sionna.phy.channel import FlatFadingChannel

    channel = FlatFadingChannel(1, 1, return_channel=True, precision="single", device="cpu")
    sent = torch.from_numpy(symbols)[:, None]
    no = torch.tensor(10 ** (-NOISE_DB / 10))
    return lambda: channel(sent, no)


def _bare_tdl(symbols: Symbols, settings: ChannelSettings) -> Callable[[], object]:
    """The same realisations of at most 100 slots as a batch."""
    import torch
    from sionna.phy.channel import OFDMChannel
    from sionna.phy.channel.tr38901 import TDL
    from sionna.phy.ofdm import ResourceGrid

    single: dict[str, Any] = {"precision": "single", "device": "cpu"}
    slots = symbols.size // SLOT
    realisations = -(-slots // 100)
    rows = 14 * slots // realisations
    grid = ResourceGrid(rows, 72, settings.subcarrier_spacing_khz * 1e3, **single)
    model = TDL(
        "A",
        settings.delay_spread_ns * 1e-9,
        settings.carrier_ghz * 1e9,
        min_speed=settings.speed_mps,
        **single,
    )
    channel = OFDMChannel(model, grid, return_channel=True, **single)
    sent = torch.from_numpy(symbols).reshape(realisations, 1, 1, rows, 72)
    no = torch.tensor(10 ** (-NOISE_DB / 10))
    return lambda: channel(sent, no)


_BARE_CHANNELS: dict[ChannelModel, Callable[[Symbols, ChannelSettings], Callable[[], object]]] = {
    ChannelModel.AWGN: _bare_awgn,
    ChannelModel.RAYLEIGH: _bare_rayleigh,
    ChannelModel.TDL_A: _bare_tdl,
}


# Serialisation


def _serde_speeds(repeats: int) -> Iterator[Speed]:
    for count in SYMBOLS:
        frame = _frame(count, ChannelSettings())
        taken = alternated({"ours": partial(_there_and_back, frame)}, repeats)
        name = f"protobuf and back, {count:,}"
        yield Speed(name, "Msymbol", count / taken["ours"] / 1e6)


def _there_and_back(frame: Frame) -> Frame:
    head = frame_head_to_proto(frame).SerializeToString()
    chunks = [chunk.SerializeToString() for chunk in symbol_chunks(frame)]
    assembler = FrameAssembler(pb.FrameHead.FromString(head))
    for chunk in chunks:
        assembler.add(pb.SymbolChunk.FromString(chunk))
    return assembler.frame()


# Decoder


def _decoder_speeds(repeats: int) -> Iterator[Speed]:
    for size, count in PAYLOADS.items():
        layout = coded_layout(size, MCS)
        stock, stopped = _StockDecoder(layout), _StoppedDecoder(layout)
        payloads = [np.random.default_rng(index).bytes(size) for index in range(count)]
        for snr_db in SNR_DB:
            arrived = [_received(data, layout, snr_db) for data in payloads]
            jobs: dict[str, Callable[[], object]] = {
                "ours": partial(_each, partial(decode_blocks, layout=layout), arrived),
                "bare": partial(_each, stock, arrived),
                "stopped": partial(_each, stopped, arrived),
            }
            taken = alternated(jobs, repeats)
            blocks = f"{count * layout.blocks} of {layout.info_bits}"
            failed = sum(decode_blocks(*a, layout)[1].count(False) for a in arrived)
            stock_failed = sum(map(stock.failed, arrived, payloads))
            kbit = 8 * size * count / 1e3
            name, bare = f"{MCS}, {snr_db:g} dB, {blocks}", kbit / taken["bare"]
            yield Speed(name, "kbit", kbit / taken["ours"], bare, failed, stock_failed)
            yield Speed(f"{name}, Sionna's stopped", "kbit", kbit / taken["stopped"], bare)


def _each(decoder: Callable[..., object], arrived: Sequence[Arrived]) -> None:
    for symbols, variance in arrived:
        decoder(symbols, variance)


def _received(data: bytes, layout: CodedLayout, snr_db: float) -> Arrived:
    symbols = encode_blocks(data, layout)
    settings = ChannelSettings(noise=NoiseKind.SNR_DB, level=snr_db)
    frame = Frame(Scheme.GESCO, b"", (Stream("picture", symbols, None, 1.0, layout),))
    arrived = propagate(frame, settings, Transmission("bench", 0, data[:8].hex()))
    noise_power = np.float32(arrived.draws[0].noise_power)
    return arrived.frame.streams[0].symbols, np.full(symbols.shape, noise_power)


class _StockDecoder:
    """Sionna's demapper and decoder of 20 iterations, on all blocks of a payload at once."""

    OPTIONS: ClassVar[dict[str, Any]] = {}

    def __init__(self, layout: CodedLayout):
        import torch
        from sionna.phy.fec.ldpc import LDPC5GDecoder, LDPC5GEncoder
        from sionna.phy.mapping import Demapper

        single: dict[str, Any] = {"precision": "single", "device": "cpu"}
        order = layout.scheme.bits_per_symbol
        encoder = LDPC5GEncoder(layout.info_bits, layout.coded_bits, order, **single)
        self._layout = layout
        self._decoder = LDPC5GDecoder(encoder, **self.OPTIONS, **single)
        self._demapper = Demapper("maxlog", "qam", order, **single)
        scrambling = scrambling_sequence(layout.blocks * layout.coded_bits)
        self._signs = (
            1 - 2 * torch.from_numpy(scrambling.reshape(layout.blocks, -1).copy()).float()
        )

    def __call__(self, received: Symbols, variance: Any) -> Any:
        """Information bits of each block."""
        return self._decoder(self._ratios(received, variance))

    def _ratios(self, received: Symbols, variance: Any) -> Any:
        import torch

        shape = (self._layout.blocks, self._layout.block_uses)
        symbols = torch.from_numpy(received).reshape(shape)
        return self._demapper(symbols, torch.from_numpy(variance).reshape(shape)) * self._signs

    def failed(self, arrived: Arrived, data: bytes) -> int:
        """Blocks with a wrong bit."""
        found = self(*arrived).numpy()[:, : -self._layout.crc_bits]
        sent = np.unpackbits(np.frombuffer(data, np.uint8))
        wrong = found.reshape(-1)[: sent.size] != sent
        padded = np.pad(wrong, (0, found.size - sent.size)).reshape(found.shape)
        return int(padded.any(axis=1).sum())


class _StoppedDecoder(_StockDecoder):
    """The same, in groups of iterations after which blocks whose CRC holds go no further."""

    OPTIONS: ClassVar[dict[str, Any]] = {
        "num_iter": ITERATIONS_BETWEEN_CHECKS,
        "return_state": True,
    }

    def __init__(self, layout: CodedLayout):
        from sionna.phy.fec.crc import CRCEncoder

        super().__init__(layout)
        self._crc = CRCEncoder({16: "CRC16", 24: "CRC24A"}[layout.crc_bits])

    def __call__(self, received: Symbols, variance: Any) -> Any:
        """Information bits of the blocks that went through all iterations or stopped last."""
        ratios, state = self._ratios(received, variance), None
        for _ in range(0, ITERATIONS, ITERATIONS_BETWEEN_CHECKS):
            info, state = self._decoder(ratios, msg_v2c=state)
            open_ = self._wrong(info)
            if not open_.any():
                break
            ratios, state = ratios[open_], state[open_]
        return info

    def _wrong(self, info: Any) -> Any:
        """Whether the CRC of each block, which travels inverted, does not hold."""
        data, crc = info[:, : -self._layout.crc_bits], info[:, -self._layout.crc_bits :]
        return (self._crc(data)[:, -self._layout.crc_bits :] == crc).any(dim=1)
