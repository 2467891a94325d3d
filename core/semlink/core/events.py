"""What happens to a transmission, in the order in which it happens.

The same events come out of the in-process link, flow back through the services, and feed the
progress bars. A transmission ends with `Reconstructed`, with `Lost` where the radio lost too much,
or with an error of `core.errors`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from semlink.core.errors import PictureLost
from semlink.core.frame import StreamDraw
from semlink.core.phy.radio import HEADER
from semlink.core.pictures import LabelMap, Rgb, Size


@dataclass(frozen=True)
class PayloadAccount:
    """What one stream costs.

    Attributes:
        name: of the payload, or "header".
        samples: real numbers sent, 0 for bits.
        payload_bytes: bytes sent, 0 for samples.
        channel_uses: complex symbols, pilots included.
        mcs: name of the modulation and coding scheme; empty for samples.
        code_rate: information bits, CRC included, per coded bit; 0 for samples.
        blocks: transport blocks, 0 for samples.
        container_bytes: how many of the bytes are the file format's framing.
    """

    name: str
    samples: int
    payload_bytes: int
    channel_uses: int
    mcs: str = ""
    code_rate: float = 0.0
    blocks: int = 0
    container_bytes: int = 0


@dataclass(frozen=True)
class Encoded:
    """The transmitter has turned the photo into a frame.

    Attributes:
        photo: size of the photo.
        working: size of the working picture.
        taxonomy: whose labels the map uses; empty without a map.
        header_bytes: size of the side information, control information included.
        payloads: what each stream costs, the header's first unless it is free.
        sent_map: labels of the working picture; None for schemes without a map.
        segment_s: seconds of the segmentation network.
        encode_s: seconds of everything else at the transmitter.
    """

    photo: Size
    working: Size
    taxonomy: str
    header_bytes: int
    payloads: tuple[PayloadAccount, ...]
    sent_map: LabelMap | None
    segment_s: float
    encode_s: float

    @property
    def channel_uses(self) -> int:
        """Complex symbols of all payloads."""
        return sum(payload.channel_uses for payload in self.payloads)

    @property
    def channel_uses_per_pixel(self) -> float:
        """Complex symbols per pixel of the working picture."""
        return self.channel_uses / self.working.pixels

    @property
    def sent_bytes(self) -> int:
        """Bytes of header and payloads; samples have none."""
        payloads = [item for item in self.payloads if item.name != HEADER]
        return self.header_bytes + sum(item.payload_bytes for item in payloads)

    @property
    def bits_per_pixel(self) -> float:
        """Bits sent per pixel of the working picture, before channel coding."""
        return 8 * self.sent_bytes / self.working.pixels


@dataclass(frozen=True)
class Propagated:
    """The frame has crossed the channel.

    Attributes:
        draws: what the channel did to each stream.
        propagate_s: seconds.
    """

    draws: tuple[StreamDraw, ...]
    propagate_s: float


@dataclass(frozen=True)
class PayloadVerdict:
    """What became of one stream.

    Attributes:
        name: of the payload, or "header".
        blocks: transport blocks; 0 for samples.
        blocks_lost: how many of them failed their CRC.
        lost: nothing of it can be used.
    """

    name: str
    blocks: int
    blocks_lost: int
    lost: bool


@dataclass(frozen=True)
class Demodulated:
    """The receiver has equalised, demapped and decoded the frame.

    Attributes:
        payloads: what became of each stream, in order.
        demodulate_s: seconds.
    """

    payloads: tuple[PayloadVerdict, ...]
    demodulate_s: float

    @property
    def blocks_lost(self) -> int:
        """Transport blocks that failed, of all streams."""
        return sum(payload.blocks_lost for payload in self.payloads)


@dataclass(frozen=True)
class Denoised:
    """The receiver has cleaned the map; only schemes with a map have this event.

    Attributes:
        received_map: most likely label per pixel before denoising.
        denoised_map: and after it.
        denoise_s: seconds.
    """

    received_map: LabelMap
    denoised_map: LabelMap
    denoise_s: float


@dataclass(frozen=True)
class Progress:
    """One timestep of the reverse process is done.

    Attributes:
        step: 1 .. steps.
        steps: timesteps in all.
        preview: present estimate of the working picture, where one was asked for.
    """

    step: int
    steps: int
    preview: Rgb | None = None


@dataclass(frozen=True)
class Reconstructed:
    """The picture is painted.

    Attributes:
        lost: names of payloads that arrived in part or not at all; the picture was made of what
            did arrive.
        picture: at the size of the photo.
        working_picture: at the working size, before scaling.
        network_s: seconds inside networks.
        sample_s: seconds of the whole reconstruction, networks included.
        finish_s: seconds of scaling to the photo's size.
    """

    picture: Rgb
    working_picture: Rgb
    network_s: float
    sample_s: float
    finish_s: float
    lost: tuple[str, ...] = ()


class Outcome(StrEnum):
    """How a transmission ended."""

    RECONSTRUCTED = "reconstructed"  # all of it arrived
    PARTIAL = "partial"  # a picture was made of what arrived
    LOST = "lost"  # a payload without which there is no picture did not arrive
    OUTAGE = "outage"  # the header did not arrive


@dataclass(frozen=True)
class Lost:
    """There is no picture: too little arrived.

    Attributes:
        outcome: LOST or OUTAGE.
        payloads: names of what did not arrive.
    """

    outcome: Outcome
    payloads: tuple[str, ...]

    @property
    def error(self) -> PictureLost:
        """What this is to a caller who wanted the picture."""
        names = ", ".join(self.payloads)
        return PictureLost(
            f"no picture can be made: the radio lost the {names}.",
            field="outcome",
            value=self.outcome.value,
            cure="Send with more power, or with a stronger mcs.",
        )


Event = Encoded | Propagated | Demodulated | Denoised | Progress | Reconstructed | Lost
