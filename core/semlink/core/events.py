"""What happens to a transmission, in the order in which it happens.

The same events come out of the in-process link, flow back through the services, and feed the
progress bars. A transmission ends with `Reconstructed`, or with an error of `core.errors`.
"""

from __future__ import annotations

from dataclasses import dataclass

from semlink.core.frame import StreamDraw
from semlink.core.pictures import LabelMap, Rgb, Size


@dataclass(frozen=True)
class PayloadAccount:
    """What one payload costs.

    Attributes:
        name: of the payload.
        samples: real numbers sent, 0 for bits.
        payload_bytes: bytes sent, 0 for samples.
        channel_uses: complex symbols.
    """

    name: str
    samples: int
    payload_bytes: int
    channel_uses: int


@dataclass(frozen=True)
class Encoded:
    """The transmitter has turned the photo into a frame.

    Attributes:
        photo: size of the photo.
        working: size of the working picture.
        taxonomy: whose labels the map uses.
        header_bytes: size of the side information.
        payloads: what each payload costs.
        sent_map: labels of the working picture.
        segment_s: seconds of the segmentation network.
        encode_s: seconds of everything else at the transmitter.
    """

    photo: Size
    working: Size
    taxonomy: str
    header_bytes: int
    payloads: tuple[PayloadAccount, ...]
    sent_map: LabelMap
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
class Denoised:
    """The receiver has demodulated the frame and cleaned the map.

    Attributes:
        received_map: most likely label per pixel before denoising.
        denoised_map: and after it.
        lost: names of payloads that did not arrive.
        denoise_s: seconds of demodulation and denoising.
    """

    received_map: LabelMap
    denoised_map: LabelMap
    lost: tuple[str, ...]
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
        picture: at the size of the photo.
        working_picture: at the working size, before scaling.
        network_s: seconds inside the diffusion network.
        sample_s: seconds of the whole reverse process, network included.
        finish_s: seconds of scaling to the photo's size.
    """

    picture: Rgb
    working_picture: Rgb
    network_s: float
    sample_s: float
    finish_s: float


Event = Encoded | Propagated | Denoised | Progress | Reconstructed
