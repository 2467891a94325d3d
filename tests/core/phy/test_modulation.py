from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from semlink.core.errors import InvalidInput, TooLarge
from semlink.core.frame import Frame
from semlink.core.message import BitsPayload, Message, Payload, SamplesPayload
from semlink.core.phy.grid import ResourceGrid
from semlink.core.phy.layouts import CodedLayout, check_coded
from semlink.core.phy.mcs import MCS, protection
from semlink.core.phy.modulation import header_bytes, modulate, sent_bytes, stream_layouts
from semlink.core.phy.radio import Radio
from semlink.core.schemes import Scheme

OFDM = ResourceGrid(14, 72, 2, 30e3)
BLOCK = ResourceGrid(256, 1, 8)
GRIDS = [None, OFDM, BLOCK]
MAP = SamplesPayload("map", np.linspace(-2, 2, 999, dtype=np.float32), 2.0)
TOKENS = BitsPayload("tokens", bytes(range(250)), "16qam-1/2")


def message(*payloads: Payload) -> Message:
    return Message(Scheme.GESCO, b"side information", payloads)


def total_uses(frame: Frame) -> int:
    return sum(frame.channel_uses(stream) for stream in frame.streams)


def test_streams_are_the_header_and_the_payloads_in_order() -> None:
    frame = modulate(message(TOKENS, MAP), Radio())
    assert [stream.name for stream in frame.streams] == ["header", "tokens", "map"]
    assert frame.header is None
    assert frame.streams[0].layout == Radio().header_layout(16, [len(TOKENS.data)])


def test_a_free_header_rides_beside_the_streams() -> None:
    frame = modulate(message(TOKENS), Radio(free_header=True))
    assert [stream.name for stream in frame.streams] == ["tokens"]
    assert frame.header == b"side information"


@pytest.mark.parametrize("free", [True, False])
def test_a_message_without_payloads_is_its_header(free: bool) -> None:
    frame = modulate(message(), Radio(free_header=free, granted_uses=5000))
    assert [stream.name for stream in frame.streams] == ([] if free else ["header"])


@pytest.mark.parametrize("grid", GRIDS)
def test_a_stream_says_its_power_and_its_peak(grid: ResourceGrid | None) -> None:
    header, tokens, samples = modulate(message(TOKENS, MAP), Radio(grid=grid)).streams
    assert (header.peak, tokens.peak, samples.peak) == (None, None, 2.0)
    assert header.mean_power == tokens.mean_power == 1.0
    energy = np.sum(MAP.samples.astype(np.float64) ** 2)
    assert samples.mean_power == pytest.approx(energy / 500, rel=1e-6)
    for stream in (tokens, samples):
        symbols, uses = stream.symbols, stream.layout.channel_uses
        data = grid.extract(symbols, uses) if grid else symbols
        assert data.size == uses
        measured = np.mean(np.abs(data) ** 2)
        assert measured == pytest.approx(stream.mean_power, rel=1e-5 if stream is samples else 0.1)


@pytest.mark.parametrize("grid", [OFDM, BLOCK])
def test_a_grid_makes_whole_slots_and_counts_what_is_used(grid: ResourceGrid) -> None:
    frame = modulate(message(TOKENS, MAP), Radio(grid=grid))
    assert frame.grid == grid
    for stream in frame.streams:
        assert stream.symbols.size % grid.size == 0
        assert frame.channel_uses(stream) == np.count_nonzero(stream.symbols)


def test_bytes_are_counted_with_the_header_and_control_information() -> None:
    sent = message(TOKENS, MAP)
    assert header_bytes(sent, Radio()) == 16 + 3
    assert header_bytes(sent, Radio(free_header=True)) == 16
    assert sent_bytes(sent, Radio()) == 16 + 3 + 250
    header = modulate(sent, Radio()).streams[0].layout
    assert isinstance(header, CodedLayout)
    assert header.payload_bytes == header_bytes(sent, Radio())


# Budgets


def layout_uses(sent: Message, radio: Radio) -> int:
    return sum(radio.air_uses(layout.channel_uses) for layout in stream_layouts(sent, radio))


def radio_with(field: str, budget: int, grid: ResourceGrid | None, pixels: int = 0) -> Radio:
    if field == "bpp":
        return Radio(grid=grid, most_bytes=budget, pixels=pixels)
    return Radio(grid=grid, granted_uses=budget, pixels=pixels)


@given(
    st.sampled_from(GRIDS), st.sampled_from(list(MCS)), st.integers(1, 4000), st.floats(1.0, 8.0)
)
def test_a_grant_is_met_from_below_as_far_as_the_code_allows(
    grid: ResourceGrid | None, mcs: str, payload_bytes: int, generosity: float
) -> None:
    sent = message(MAP, BitsPayload("tokens", bytes(payload_bytes), mcs))
    granted = math.ceil(generosity * layout_uses(sent, Radio(grid=grid)))
    radio = Radio(grid=grid, granted_uses=granted)
    layout = stream_layouts(sent, radio)[-1]
    assert isinstance(layout, CodedLayout)
    check_coded(layout)
    unspent = granted - layout_uses(sent, radio)
    assert unspent >= 0
    if layout.block_uses < layout.most_block_uses:  # one more symbol per block does not fit
        pilots = grid.size - grid.data_size if grid else 0
        assert unspent < layout.blocks + pilots


@pytest.mark.parametrize("grid", GRIDS)
@pytest.mark.parametrize(("cpp", "payload_bytes"), [(0.1, 1200), (0.25, 3000), (0.6, 11_000)])
def test_a_usual_grant_is_met_within_three_percent(
    grid: ResourceGrid | None, cpp: float, payload_bytes: int
) -> None:
    granted = math.floor(cpp * 192 * 256)
    sent = message(BitsPayload("picture", bytes(payload_bytes), "64qam-2/3"))
    used = layout_uses(sent, Radio(grid=grid, granted_uses=granted))
    assert 0.97 * granted <= used <= granted


@pytest.mark.parametrize("grid", GRIDS)
def test_frames_are_as_large_as_their_layouts_say(grid: ResourceGrid | None) -> None:
    radio = Radio(grid=grid, granted_uses=3000)
    sent = message(MAP, TOKENS)
    frame = modulate(sent, radio)
    assert [stream.layout for stream in frame.streams] == stream_layouts(sent, radio)
    assert total_uses(frame) == layout_uses(sent, radio)
    assert 2800 < total_uses(frame) <= 3000


@given(
    st.sampled_from(GRIDS),
    st.sampled_from(list(MCS)),
    st.integers(1500, 30_000),
    st.sampled_from(["bpp", "cpp"]),
)
def test_the_largest_payload_of_a_budget_can_be_sent_and_no_larger(
    grid: ResourceGrid | None, mcs: str, budget: int, field: str
) -> None:
    radio = radio_with(field, budget, grid)
    most = radio.most_payload_bytes(16, mcs)
    assert most
    stream_layouts(message(BitsPayload("picture", bytes(most), mcs)), radio)
    with pytest.raises(InvalidInput, match=r"the message takes \d+"):
        stream_layouts(message(BitsPayload("picture", bytes(most + 1), mcs)), radio)


@pytest.mark.parametrize("grid", GRIDS)
@pytest.mark.parametrize(("field", "per_pixel"), [("bpp", 8), ("cpp", 1)])
def test_the_cure_of_an_exceeded_budget_cures(
    grid: ResourceGrid | None, field: str, per_pixel: int
) -> None:
    pixels = 192 * 256
    with pytest.raises(InvalidInput) as caught:
        modulate(message(TOKENS), radio_with(field, 30, grid, pixels))
    assert caught.value.field == field
    assert float(caught.value.value) == pytest.approx(30 * per_pixel / pixels, rel=1e-3)
    enough = float(caught.value.cure.removeprefix("Grant at least ").rstrip("."))
    granted, less = (math.floor(x * pixels / per_pixel) for x in (enough, enough - 2e-4))
    stream_layouts(message(TOKENS), radio_with(field, granted, grid, pixels))
    with pytest.raises(InvalidInput):
        stream_layouts(message(TOKENS), radio_with(field, less, grid, pixels))


def test_samples_do_not_fit_a_budget_of_bits() -> None:
    with pytest.raises(InvalidInput, match=r"bpp=9000 bytes: samples have no bits\. Use cpp\."):
        modulate(message(TOKENS, MAP), Radio(most_bytes=9000))


def test_a_budget_of_bytes_leaves_the_code_as_it_is() -> None:
    radios = Radio(), Radio(most_bytes=5000)
    free, limited = (stream_layouts(message(TOKENS), radio) for radio in radios)
    assert free == limited


def test_the_users_scheme_is_used() -> None:
    radio = Radio(asked=protection("tokens=qpsk-1/3"))
    layout = stream_layouts(message(TOKENS), radio)[1]
    assert isinstance(layout, CodedLayout)
    assert layout.mcs == "qpsk-1/3"


# Refusals


@pytest.mark.parametrize("value", [2.5, -2.5, math.nan, math.inf])
def test_samples_beyond_their_peak_are_refused(value: float) -> None:
    samples = np.array([0, value], np.float32)
    with pytest.raises(InvalidInput, match=r"peak=2: payload p has samples up to"):
        modulate(message(SamplesPayload("p", samples, 2.0)), Radio())


def test_a_peak_of_zero_is_refused() -> None:
    with pytest.raises(InvalidInput, match="peak=0"):
        modulate(message(SamplesPayload("p", np.zeros(3, np.float32), 0.0)), Radio())


@pytest.mark.parametrize("name", ["header", "tokens"])
@pytest.mark.parametrize("free", [True, False])
def test_a_name_that_is_taken_is_refused(name: str, free: bool) -> None:
    twin = SamplesPayload(name, np.zeros(3, np.float32), 1.0)
    with pytest.raises(InvalidInput, match=f"payload={name}: the name is taken"):
        modulate(message(TOKENS, twin), Radio(free_header=free))


def test_empty_payloads_and_headers_are_refused() -> None:
    with pytest.raises(InvalidInput, match=r"payload.*no bytes"):
        modulate(message(BitsPayload("p", b"")), Radio())
    with pytest.raises(InvalidInput, match=r"payload=p.*no samples"):
        modulate(message(SamplesPayload("p", np.zeros((3, 0), np.float32), 1.0)), Radio())
    with pytest.raises(InvalidInput, match="no header"):
        modulate(Message(Scheme.GESCO, b"", (MAP,)), Radio())


def test_a_payload_whose_length_the_header_cannot_say_is_refused() -> None:
    with pytest.raises(TooLarge, match="payload=p, 16777216 bytes"):
        modulate(message(BitsPayload("p", bytes(1 << 24))), Radio())


def test_protection_of_a_payload_that_is_not_there_is_refused() -> None:
    modulate(message(TOKENS), Radio(asked=protection("qpsk-1/2,header=qpsk-1/3")))
    with pytest.raises(InvalidInput, match=r"mcs=picture.*Name header, tokens") as caught:
        modulate(message(TOKENS, MAP), Radio(asked=protection("picture=qpsk-1/2")))
    assert caught.value.cure


def test_what_would_take_too_long_to_decode_is_not_sent() -> None:
    huge = BitsPayload("tokens", bytes(1 << 18), "qpsk-1/5")
    with pytest.raises(TooLarge, match="coded bits"):
        modulate(message(huge), Radio())
