"""What the head of a frame announces, checked before any of its symbols come.

Every bound is far beyond what our own encoders and channels make, and low enough that no sum or
quotient of the receiver's leaves the range of float32.
"""

from __future__ import annotations

import numpy as np

from semlink.core.errors import CorruptData, InvalidInput, TooLarge
from semlink.core.frame import Frame, Gains, Stream
from semlink.core.phy.grid import OFDM_SYMBOLS_PER_SLOT, ResourceGrid
from semlink.core.phy.layouts import CodedLayout, SamplesLayout, check_coded, check_decoding
from semlink.core.phy.radio import HEADER
from semlink.core.schemes import Scheme
from semlink.core.serde import MAX_NAME, scalars
from semlink.protos.v1 import types_pb2 as pb

MAX_SYMBOLS = 1 << 24  # of a frame: 128 MiB, and as much for the gains of its symbols
MAX_STREAMS = 16
MAX_DIMENSIONS = 8
PEAKS = (1e-3, 1e3)
MEAN_POWERS = (1e-12, 2e6)  # or 0
MAX_ROWS = 1 << 20
MAX_SUBCARRIERS = 3300
MAX_PILOTS = 4096
MAX_SPACING_HZ = 1e7
MAX_DELAY_SPREAD_S = 1e-3
MAX_DOPPLER_HZ = 1e6


def announced_frame(head: pb.FrameHead) -> Frame:
    """The frame, its symbols still to come.

    Raises:
        TooLarge: it would exceed the bounds of `check_size`.
        CorruptData: the head is inconsistent, or no encoder of ours makes such a frame.
    """
    if head.scheme not in list(Scheme):
        raise bad_frame(f"its scheme {head.scheme[:40]!r} is unknown here")
    check_size(head)
    _check_names(head)
    grid = _grid(head.grid) if head.HasField("grid") else None
    streams = tuple(_stream(stream, grid) for stream in head.streams)
    check_decoding(stream.layout for stream in streams)
    header = head.header if head.HasField("header") else None
    return Frame(Scheme(head.scheme), header, streams, grid)


def check_size(head: pb.FrameHead) -> None:
    """Refuses frames that would take too much memory.

    Raises:
        TooLarge: more than MAX_STREAMS streams or MAX_SYMBOLS symbols.
    """
    if len(head.streams) > MAX_STREAMS:
        raise _too_large(f"{MAX_STREAMS} streams", len(head.streams))
    symbols = sum(stream.symbols for stream in head.streams)
    if symbols > MAX_SYMBOLS:
        raise _too_large(f"{MAX_SYMBOLS} symbols", symbols)


def check_gains(stream: pb.StreamHead, gains: pb.GainsHead) -> None:
    """Refuses gains that are not one for every run of `hold` symbols.

    Raises:
        CorruptData: they are not.
    """
    if not gains.hold or gains.count != Gains.count(stream.symbols, gains.hold):
        raise bad_frame(f"the gains of stream {stream.name[:40]!r} do not fit it")


def bad_frame(reason: str) -> CorruptData:
    """The error for a frame that does not follow the format."""
    return CorruptData(
        f"{reason}.", field="frame", cure="Use the same version on both ends of the link."
    )


def _too_large(bound: str, announced: int) -> TooLarge:
    return TooLarge(
        f"the frame exceeds {bound}.",
        field="frame",
        value=str(announced),
        cure="Send a smaller picture, or grant less.",
    )


def _check_names(head: pb.FrameHead) -> None:
    names = [stream.name for stream in head.streams]
    if not all(0 < len(name) <= MAX_NAME and name.isprintable() for name in names):
        raise bad_frame(f"the name of a stream is not 1 to {MAX_NAME} printable characters")
    if len(set(names)) < len(names):
        raise bad_frame("two streams have one name, which would give them one draw")
    beside = head.HasField("header")
    if not names or [name == HEADER for name in names] != [not beside] + [False] * len(names[1:]):
        raise bad_frame("the header has to be either beside the streams or the first of them")


def _stream(head: pb.StreamHead, grid: ResourceGrid | None) -> Stream:
    if not (head.mean_power == 0 or _within(head.mean_power, *MEAN_POWERS)):
        raise bad_frame(f"the power of stream {head.name[:40]!r} is out of bounds")
    layout = _coded(head) if head.WhichOneof("layout") == "coded" else _samples(head)
    data = layout.channel_uses
    if not 0 < (grid.slots(data) * grid.size if grid else data) == head.symbols:
        raise bad_frame(f"the layout of stream {head.name[:40]!r} does not fit its symbols")
    peak = head.peak if head.HasField("peak") else None
    return Stream(head.name, np.empty(0, np.complex64), peak, head.mean_power, layout)


def _samples(head: pb.StreamHead) -> SamplesLayout:
    if head.name == HEADER or not _within(head.peak, *PEAKS):
        raise bad_frame(f"the peak of stream {head.name[:40]!r} is out of bounds")
    if len(head.samples.shape) > MAX_DIMENSIONS:
        raise bad_frame(f"the shape of stream {head.name[:40]!r} is out of bounds")
    return SamplesLayout(tuple(head.samples.shape))


def _coded(head: pb.StreamHead) -> CodedLayout:
    layout = CodedLayout(**scalars(head.coded))
    try:
        check_coded(layout)
    except InvalidInput as error:
        raise bad_frame(f"the code of stream {head.name[:40]!r} is impossible") from error
    if head.HasField("peak"):
        raise bad_frame(f"the coded stream {head.name[:40]!r} has a peak")
    return layout


def _grid(message: pb.ResourceGrid) -> ResourceGrid:
    grid = ResourceGrid(**scalars(message))
    ofdm = grid.rows == OFDM_SYMBOLS_PER_SLOT and 0 < grid.subcarriers <= MAX_SUBCARRIERS
    single_carrier = 0 < grid.rows <= MAX_ROWS and grid.subcarriers == 1
    if not (ofdm if grid.is_ofdm else single_carrier):
        raise bad_frame(f"a slot of {grid.rows} x {grid.subcarriers} is out of bounds")
    if not grid.pilots < grid.rows or grid.pilots > MAX_PILOTS:
        raise bad_frame(f"{grid.pilots} pilot rows are out of bounds")
    if not (
        _within(grid.subcarrier_spacing_hz, 0.0, MAX_SPACING_HZ)
        and _within(grid.delay_spread_s, 0.0, MAX_DELAY_SPREAD_S)
        and _within(grid.doppler_hz, 0.0, MAX_DOPPLER_HZ)
    ):
        raise bad_frame("the statistics of the resource grid are out of bounds")
    return grid


def _within(value: float, low: float, high: float) -> bool:
    return low <= value <= high  # a NaN is not
