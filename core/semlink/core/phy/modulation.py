"""From a message to complex baseband."""

from __future__ import annotations

import numpy as np

from semlink.core.errors import InvalidInput
from semlink.core.frame import Frame, Stream, Symbols
from semlink.core.message import BitsPayload, Message, Payload, SamplesPayload
from semlink.core.phy.coding import encode_blocks
from semlink.core.phy.layouts import CodedLayout, SamplesLayout, coded_layout
from semlink.core.phy.mcs import mcs_named
from semlink.core.phy.radio import CONTROL_BYTES, HEADER, Radio, impossible_budget
from semlink.core.phy.samples import samples_to_symbols


def modulate(message: Message, radio: Radio) -> Frame:
    """The frame of a message: the header first, then one stream per payload, in order.

    Where channel uses are granted and a payload of bits is the last, its code is made as strong
    as fills them (rate matching).

    Raises:
        InvalidInput: a payload has samples beyond its peak, or the budget does not suffice.
    """
    layouts = _layouts(message, radio)
    streams = [_stream(p, layout, radio) for p, layout in zip(message.payloads, layouts, strict=True)]
    free = message.header if radio.free_header else None
    if not radio.free_header:
        streams.insert(0, _header_stream(message, layouts, radio))
    frame = Frame(message.scheme, free, tuple(streams), radio.grid)
    _check_budget(message, frame, radio)
    return frame


def control_information(layouts: tuple[CodedLayout | SamplesLayout, ...]) -> bytes:
    """What the header says of the payloads of bits: index of the MCS and length of each."""
    return b"".join(
        bytes([mcs_named(layout.mcs).index]) + layout.payload_bytes.to_bytes(3, "little")
        for layout in layouts
        if isinstance(layout, CodedLayout)
    )


def sent_bytes(message: Message, radio: Radio) -> int:
    """Bytes of header, control information and payloads."""
    payloads = [p for p in message.payloads if isinstance(p, BitsPayload)]
    control = 0 if radio.free_header else CONTROL_BYTES * len(payloads)
    return len(message.header) + control + sum(len(payload.data) for payload in payloads)


def _layouts(message: Message, radio: Radio) -> tuple[CodedLayout | SamplesLayout, ...]:
    nominal = [_nominal(payload, radio) for payload in message.payloads]
    last = message.payloads[-1] if message.payloads else None
    if radio.granted_uses is None or not isinstance(last, BitsPayload):
        return tuple(nominal)
    bits_payloads = sum(isinstance(layout, CodedLayout) for layout in nominal)
    header = radio.header_layout(len(message.header), bits_payloads)
    others = ([header] if header else []) + nominal[:-1]
    spent = sum(radio.air_uses(layout.channel_uses) for layout in others)
    left = radio.data_uses(radio.granted_uses - spent)
    return (*nominal[:-1], coded_layout(len(last.data), radio.mcs(last.name, last.mcs), left))


def _nominal(payload: Payload, radio: Radio) -> CodedLayout | SamplesLayout:
    if isinstance(payload, SamplesPayload):
        return SamplesLayout(payload.samples.shape)
    return coded_layout(len(payload.data), radio.mcs(payload.name, payload.mcs))


def _header_stream(
    message: Message, layouts: tuple[CodedLayout | SamplesLayout, ...], radio: Radio
) -> Stream:
    data = message.header + control_information(layouts)
    bits_payloads = sum(isinstance(layout, CodedLayout) for layout in layouts)
    layout = radio.header_layout(len(message.header), bits_payloads)
    assert layout is not None, "a header that is free is not a stream"
    return _stream(BitsPayload(HEADER, data), layout, radio)


def _stream(payload: Payload, layout: CodedLayout | SamplesLayout, radio: Radio) -> Stream:
    if isinstance(payload, BitsPayload):
        assert isinstance(layout, CodedLayout)
        return Stream(
            payload.name, _placed(encode_blocks(payload.data, layout), 1.0, radio), None, 1.0, layout
        )
    _check_peak(payload)
    symbols = samples_to_symbols(payload.samples)
    mean_power = _mean_power(symbols)
    placed = _placed(symbols, mean_power, radio)
    return Stream(payload.name, placed, payload.peak, mean_power, layout)


def _placed(symbols: Symbols, mean_power: float, radio: Radio) -> Symbols:
    return radio.grid.place(symbols, mean_power) if radio.grid else symbols


def _mean_power(symbols: Symbols) -> float:
    return float(np.mean(np.abs(symbols) ** 2, dtype=np.float64)) if symbols.size else 0.0


def _check_peak(payload: SamplesPayload) -> None:
    largest = float(np.max(np.abs(payload.samples), initial=0.0))
    if not largest <= payload.peak:
        raise InvalidInput(
            f"payload {payload.name} has samples up to {largest:g}, beyond its peak.",
            field="peak",
            value=f"{payload.peak:g}",
            cure="State the largest absolute value the payload can take.",
        )


def _check_budget(message: Message, frame: Frame, radio: Radio) -> None:
    total = sent_bytes(message, radio)
    if radio.most_bytes is not None and total > radio.most_bytes:
        raise impossible_budget(f"the message takes {total} bytes.", radio)
    uses = sum(frame.channel_uses(stream) for stream in frame.streams)
    if radio.granted_uses is not None and uses > radio.granted_uses:
        raise impossible_budget(f"the message takes {uses} channel uses.", radio)
