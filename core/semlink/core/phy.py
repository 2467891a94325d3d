"""Modulation and demodulation: payloads to complex baseband and back."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float32

from semlink.core.errors import InvalidInput
from semlink.core.frame import Frame, Propagation, SamplesLayout, Stream, StreamDraw, Symbols
from semlink.core.message import BitsPayload, Message, Payload, SamplesPayload
from semlink.core.received import Received, ReceivedSamples


def modulate(message: Message) -> Frame:
    """The frame of a message: one stream per payload, in the same order.

    Raises:
        InvalidInput: a payload carries bits, for which there is no coded transport yet, or
            samples beyond their peak.
    """
    streams = tuple(_stream(payload) for payload in message.payloads)
    return Frame(message.scheme, message.header, streams)


def demodulate(propagation: Propagation) -> Received:
    """What the receiver can know of the message, given the channel's draws."""
    frame = propagation.frame
    pairs = zip(frame.streams, propagation.draws, strict=True)
    payloads = tuple(_received_samples(stream, draw) for stream, draw in pairs)
    return Received(frame.scheme, frame.header, payloads)


def samples_to_symbols(samples: Float32[np.ndarray, "..."]) -> Symbols:
    """Two samples per complex symbol, in C order, amplitudes unchanged."""
    flat = samples.reshape(-1)
    if flat.size % 2:
        flat = np.append(flat, np.float32(0))
    return np.ascontiguousarray(flat).view(np.complex64)


def symbols_to_samples(symbols: Symbols, layout: SamplesLayout) -> Float32[np.ndarray, "..."]:
    """Inverse of `samples_to_symbols`."""
    flat = np.ascontiguousarray(symbols).view(np.float32)
    return flat[: layout.sample_count].reshape(layout.shape)


def _stream(payload: Payload) -> Stream:
    if isinstance(payload, BitsPayload):
        raise InvalidInput(
            "the radio carries samples only; coded transport of bits is not part of this version.",
            field="payload",
            value=payload.name,
            cure="Choose a scheme that sends samples.",
        )
    _check_peak(payload)
    symbols = samples_to_symbols(payload.samples)
    mean_power = float(np.mean(np.abs(symbols) ** 2, dtype=np.float64)) if symbols.size else 0.0
    layout = SamplesLayout(payload.samples.shape)
    return Stream(payload.name, symbols, payload.peak, mean_power, layout)


def _check_peak(payload: SamplesPayload) -> None:
    largest = float(np.max(np.abs(payload.samples), initial=0.0))
    if not largest <= payload.peak:
        raise InvalidInput(
            f"payload {payload.name} has samples up to {largest:g}, beyond its peak.",
            field="peak",
            value=f"{payload.peak:g}",
            cure="State the largest absolute value the payload can take.",
        )


def _received_samples(stream: Stream, draw: StreamDraw) -> ReceivedSamples:
    samples = symbols_to_samples(stream.symbols, stream.layout)
    return ReceivedSamples(stream.name, samples, draw.noise_power / 2.0)
