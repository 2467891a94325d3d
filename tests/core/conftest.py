from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from semlink.core.channel_settings import ChannelModel, ChannelSettings
from semlink.core.choices import Csi, Denoiser, Preset, Sampler, Transport
from semlink.core.frame import Frame, Gains, Layout, Propagation, Stream, StreamDraw
from semlink.core.noise import GESCO_TABLE, NoiseKind
from semlink.core.phy.grid import ResourceGrid
from semlink.core.phy.layouts import CodedLayout, SamplesLayout, coded_layout
from semlink.core.phy.mcs import MCS
from semlink.core.presets import PAPER
from semlink.core.schemes import Scheme
from semlink.core.settings import ReceiverSettings, TransmissionSettings
from semlink.core.taxonomy import TAXONOMIES

levels_db = st.floats(allow_nan=False)
names = st.text(st.characters(categories=["L", "N", "P"]), min_size=1, max_size=12)


@st.composite
def _coded_layouts(draw: DrawFn) -> CodedLayout:
    payload_bytes, mcs = draw(st.integers(1, 3000)), draw(st.sampled_from(sorted(MCS)))
    least = coded_layout(payload_bytes, mcs).channel_uses
    return coded_layout(payload_bytes, mcs, least + draw(st.integers(0, 3 * least)))


@st.composite
def _grids(draw: DrawFn) -> ResourceGrid:
    if draw(st.booleans()):
        statistics = draw(st.tuples(st.floats(1, 1e6), st.floats(0, 1e-4), st.floats(0, 1e5)))
        return ResourceGrid(14, draw(st.integers(1, 72)), draw(st.integers(0, 13)), *statistics)
    rows = draw(st.integers(1, 300))
    return ResourceGrid(rows, 1, draw(st.integers(0, rows - 1)))


samples_layouts = st.builds(SamplesLayout, st.lists(st.integers(1, 6), max_size=4).map(tuple))
layouts = samples_layouts | _coded_layouts()


@st.composite
def _propagations(draw: DrawFn) -> Propagation:
    """Whatever may arrive: every layout, gains of every shape; symbols are any numbers."""
    grid = draw(st.none() | _grids())
    random = np.random.default_rng(draw(st.integers(0, 1 << 32)))
    header = draw(st.none() | st.binary(max_size=40))
    named = draw(st.lists(st.tuples(names, layouts), max_size=3, unique_by=lambda n: n[0]))
    if header is None:
        named.insert(0, ("header", draw(_coded_layouts())))
    elif not named:
        named.append(("map", SamplesLayout((2, 3))))
    streams = [_stream(draw, name, layout, grid, random) for name, layout in named]
    frame = Frame(draw(st.sampled_from(Scheme)), header, tuple(streams), grid)
    gains = [_gains(draw, stream.symbols.size, random) for stream in streams]
    draws = [_draw(draw, stream.name) for stream in streams]
    return Propagation(frame, tuple(draws), tuple(gains))


def _complex(size: int, random: np.random.Generator) -> np.ndarray[Any, np.dtype[np.complex64]]:
    return random.standard_normal((size, 2), np.float32).view(np.complex64).reshape(-1)


def _stream(
    draw: DrawFn,
    name: str,
    layout: Layout,
    grid: ResourceGrid | None,
    random: np.random.Generator,
) -> Stream:
    uses = layout.channel_uses
    symbols = _complex(grid.slots(uses) * grid.size if grid else uses, random)
    coded = isinstance(layout, CodedLayout)
    peak = None if coded else draw(st.floats(1e-3, 1e3))
    mean_power = 1.0 if coded else draw(st.just(0.0) | st.floats(1e-12, 2e6))
    return Stream(name, symbols, peak, mean_power, layout)


def _gains(draw: DrawFn, symbols: int, random: np.random.Generator) -> Gains:
    hold = draw(st.sampled_from([1, 2, 7, max(1, symbols - 1), symbols, symbols + 1, 1 << 40]))
    values = _complex(Gains.count(symbols, hold), random)
    values[random.random(values.size) < draw(st.sampled_from([0.0, 0.3, 1.0]))] = 0
    return Gains(values, hold)


def _draw(draw: DrawFn, name: str) -> StreamDraw:
    powers = draw(st.tuples(*[st.floats(0, 1e12)] * 2))
    return StreamDraw(name, *powers, *draw(st.tuples(*[levels_db] * 3)))


@pytest.fixture(scope="session")
def propagations() -> SearchStrategy[Propagation]:
    return _propagations()


levels = st.one_of(
    st.tuples(
        st.sampled_from([NoiseKind.PSNR_DB, NoiseKind.SNR_DB, NoiseKind.EBNO_DB]),
        st.floats(-30, 200) | st.just(math.inf),
    ),
    st.tuples(st.just(NoiseKind.SIGMA), st.floats(0, 100)),
    st.tuples(st.just(NoiseKind.GESCO_TABLE_DB), st.sampled_from(sorted(GESCO_TABLE))),
)


@st.composite
def _channel_settings(draw: DrawFn) -> ChannelSettings:
    noise, level = draw(levels)
    model = draw(st.sampled_from(ChannelModel))
    coherence_uses = draw(st.integers(9, 1 << 20))
    rows = 14 if model.needs_ofdm else coherence_uses
    rate = draw(st.floats(0, 1))
    run = 1.0 if rate == 1 else max(1.0, rate / (1 - rate))
    return ChannelSettings(
        model=model,
        noise=noise,
        level=level,
        pilots=draw(st.none() | st.integers(1, min(rows - 1, 4096))),
        coherence_uses=coherence_uses,
        k_factor=draw(st.floats(0, 1e6)),
        delay_spread_ns=draw(st.floats(0, 5000)),
        speed_mps=draw(st.floats(0, 300)),
        carrier_ghz=draw(st.floats(0.5, 100)),
        subcarrier_spacing_khz=draw(st.floats(1, 960)),
        subcarriers=draw(st.integers(12, 3300)),
        erasure_rate=rate if run <= 1e6 else 1.0,
        packet_uses=draw(st.integers(1, 1 << 20)),
        burst_packets=min(run, 1e6),
    )


_receiver_settings = st.builds(
    ReceiverSettings,
    csi=st.sampled_from(Csi),
    network=st.sampled_from(["gesco-camvid", "somebody/network", "x" * 200]),
    sampler=st.sampled_from(Sampler),
    steps=st.integers(1, 1000),
    guidance=st.floats(0, 20),
    denoiser=st.sampled_from(Denoiser),
    preview_steps=st.integers(0, 1000),
)

_budgets: SearchStrategy[dict[str, float]] = st.one_of(
    st.just({}),
    st.fixed_dictionaries({"bpp": st.floats(1e-6, 64)}),
    st.fixed_dictionaries({"cpp": st.floats(1e-6, 64)}),
)


@st.composite
def _transmission_settings(draw: DrawFn) -> TransmissionSettings:
    preset = draw(st.sampled_from(Preset))
    budget = draw(_budgets)
    return TransmissionSettings(
        preset=preset,
        scheme=draw(st.sampled_from(list(PAPER if preset is Preset.PAPER else Scheme))),
        transport=draw(st.sampled_from(Transport)),
        segmenter=draw(st.sampled_from(["segmenter-camvid", "owner/name"])),
        taxonomy=draw(st.none() | st.sampled_from(list(TAXONOMIES))),
        min_region_px=draw(st.integers(0, 1000)),
        size=32 * draw(st.integers(2, 16)),
        mcs=draw(st.sampled_from(["", "16qam-1/2", "header=qpsk-1/3, map=256qam-5/6"])),
        seed=draw(st.integers(0, 2**63 - 1)),
        channel=draw(_channel_settings()),
        receiver=draw(_receiver_settings),
        bpp=budget.get("bpp"),
        cpp=budget.get("cpp"),
    )


@pytest.fixture(scope="session")
def transmission_settings() -> SearchStrategy[TransmissionSettings]:
    return _transmission_settings()


def _same_arrays(one: Any, other: Any) -> bool:
    return one.dtype == other.dtype and np.array_equal(one, other)


@pytest.fixture(scope="session")
def same_propagation() -> Callable[[Propagation, Propagation], bool]:
    """Equality, bit by bit."""

    def same(one: Propagation, other: Propagation) -> bool:
        ours, theirs = one.frame, other.frame
        described = [
            (s.name, s.peak, s.mean_power, s.layout) for s in (*ours.streams, *theirs.streams)
        ]
        half = len(described) // 2
        return (
            (ours.scheme, ours.header, ours.grid) == (theirs.scheme, theirs.header, theirs.grid)
            and described[:half] == described[half:]
            and one.draws == other.draws
            and [gains.hold for gains in one.gains] == [gains.hold for gains in other.gains]
            and all(
                _same_arrays(a.symbols, b.symbols)
                for a, b in zip(ours.streams, theirs.streams, strict=True)
            )
            and all(
                _same_arrays(a.values, b.values)
                for a, b in zip(one.gains, other.gains, strict=True)
            )
        )

    return same
