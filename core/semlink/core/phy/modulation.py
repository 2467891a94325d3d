"""From a message to complex baseband."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from semlink.core.errors import InvalidInput, TooLarge
from semlink.core.frame import Frame, Layout, Stream, Symbols
from semlink.core.message import BitsPayload, Message, Payload, SamplesPayload
from semlink.core.phy.coding import encode_blocks
from semlink.core.phy.layouts import (
    MAX_PAYLOAD_BYTES,
    CodedLayout,
    SamplesLayout,
    check_decoding,
    coded_layout,
)
from semlink.core.phy.radio import HEADER, Radio, exceeded_budget, impossible_budget
from semlink.core.phy.samples import samples_to_symbols
from semlink.core.varint import varint


def modulate(message: Message, radio: Radio) -> Frame:
    """The frame of a message: the header first, then one stream per payload, in order.

    Where channel uses are granted and the last payload is one of bits, its code is made as strong
    as fills them (rate matching).

    Raises:
        InvalidInput: two payloads have one name, a payload is empty, too large or has samples
            beyond its peak, protection is asked for a payload that is not there, or the budget
            does not suffice.
        TooLarge: decoding would take too long, see `layouts.check_decoding`.
    """
    layouts = stream_layouts(message, radio)
    payloads = list(message.payloads)
    if not radio.free_header:
        payloads.insert(0, BitsPayload(HEADER, message.header + control_information(layouts[1:])))
    streams = tuple(_stream(p, layout, radio) for p, layout in zip(payloads, layouts, strict=True))
    free = message.header if radio.free_header else None
    return Frame(message.scheme, free, streams, radio.grid)


def stream_layouts(message: Message, radio: Radio) -> list[Layout]:
    """Layouts of a message's streams, the header's first unless it is free.

    Raises:
        InvalidInput: as `modulate`.
    """
    _check_payloads(message.payloads)
    _check_asked(message.payloads, radio)
    layouts = [_nominal(payload, radio) for payload in message.payloads]
    header = radio.header_layout(len(message.header), _coded_bytes(message))
    if header:
        layouts.insert(0, header)
    _check_budget(message, layouts, radio)
    filled = _filled(layouts, radio)
    check_decoding(filled)
    return filled


def control_information(layouts: Sequence[Layout]) -> bytes:
    """What the header says of the payloads of bits: MCS, number of blocks and length of each.

    The first byte has the MCS's index in its lower half and one less than the least number of
    blocks in its upper half; the length follows in one to four bytes, see `core.varint`.
    """
    return b"".join(
        bytes([layout.scheme.index | layout.least_blocks - 1 << 4]) + varint(layout.payload_bytes)
        for layout in layouts
        if isinstance(layout, CodedLayout)
    )


def header_bytes(message: Message, radio: Radio) -> int:
    """Bytes of the header, control information included."""
    return len(message.header) + radio.control_bytes(_coded_bytes(message))


def sent_bytes(message: Message, radio: Radio) -> int:
    """Bytes of header, control information and payloads."""
    return header_bytes(message, radio) + sum(_coded_bytes(message))


def _coded_bytes(message: Message) -> list[int]:
    """Sizes of the payloads of bits."""
    return [len(p.data) for p in message.payloads if isinstance(p, BitsPayload)]


def _nominal(payload: Payload, radio: Radio) -> Layout:
    """The layout at the nominal rate."""
    if isinstance(payload, SamplesPayload):
        return SamplesLayout(payload.samples.shape)
    mcs = radio.mcs(payload.name, payload.mcs)
    return coded_layout(len(payload.data), mcs, least_blocks=payload.least_blocks)


def _filled(layouts: list[Layout], radio: Radio) -> list[Layout]:
    """With the last as strong as the granted channel uses allow, if it is coded."""
    last = layouts[-1] if layouts else None
    if radio.granted_uses is None or not isinstance(last, CodedLayout):
        return layouts
    left = radio.data_uses(radio.granted_uses - _air_uses(layouts[:-1], radio))
    strong = coded_layout(last.payload_bytes, last.mcs, left, least_blocks=last.least_blocks)
    return [*layouts[:-1], strong]


def _stream(payload: Payload, layout: Layout, radio: Radio) -> Stream:
    if isinstance(layout, CodedLayout):
        assert isinstance(payload, BitsPayload)
        symbols, peak, mean_power = encode_blocks(payload.data, layout), None, 1.0
    else:
        assert isinstance(payload, SamplesPayload)
        symbols, peak = samples_to_symbols(payload.samples), payload.peak
        mean_power = float(np.mean(np.abs(symbols) ** 2, dtype=np.float64))
    placed: Symbols = radio.grid.place(symbols, mean_power) if radio.grid else symbols
    return Stream(payload.name, placed, peak, mean_power, layout)


def _check_payloads(payloads: tuple[Payload, ...]) -> None:
    names = {HEADER}
    for payload in payloads:
        if payload.name in names:
            raise _refused(payload, "the name is taken by another stream.")
        names.add(payload.name)
        if isinstance(payload, SamplesPayload):
            _check_samples(payload)
        elif len(payload.data) > MAX_PAYLOAD_BYTES:
            raise TooLarge(
                f"a payload has at most {MAX_PAYLOAD_BYTES} bytes.",
                field="payload",
                value=f"{payload.name}, {len(payload.data)} bytes",
            )


def _check_asked(payloads: tuple[Payload, ...], radio: Radio) -> None:
    """Whether every payload that the user protects by name is there."""
    coded = [payload.name for payload in payloads if isinstance(payload, BitsPayload)]
    unknown = set(radio.asked) - {"", HEADER, *coded}
    if unknown:
        raise InvalidInput(
            "the message has no payload of bits of that name.",
            field="mcs",
            value=min(unknown)[:40],
            cure=f"Name {', '.join([HEADER, *coded])}.",
        )


def _check_samples(payload: SamplesPayload) -> None:
    if not payload.samples.size:
        raise _refused(payload, "a payload of no samples cannot be sent.")
    largest = float(np.max(np.abs(payload.samples)))
    if not (largest <= payload.peak and payload.peak > 0):
        raise InvalidInput(
            f"payload {payload.name} has samples up to {largest:g}, beyond its peak.",
            field="peak",
            value=f"{payload.peak:g}",
            cure="State the largest absolute value the payload can take, above 0.",
        )


def _refused(payload: Payload, reason: str) -> InvalidInput:
    return InvalidInput(reason, field="payload", value=payload.name)


def _check_budget(message: Message, layouts: list[Layout], radio: Radio) -> None:
    """Whether all fits at the nominal rates."""
    if radio.most_bytes is not None:
        if any(isinstance(layout, SamplesLayout) for layout in layouts):
            raise impossible_budget("samples have no bits.", radio, "Use cpp.")
        if sent_bytes(message, radio) > radio.most_bytes:
            raise exceeded_budget(radio, sent_bytes(message, radio))
    elif radio.granted_uses is not None and _air_uses(layouts, radio) > radio.granted_uses:
        raise exceeded_budget(radio, _air_uses(layouts, radio))


def _air_uses(layouts: list[Layout], radio: Radio) -> int:
    return sum(radio.air_uses(layout.channel_uses) for layout in layouts)
