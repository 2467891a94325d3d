"""What the REST interface takes, as its schema shows it."""

from __future__ import annotations

from typing import Any

from fastapi import UploadFile
from pydantic import ConfigDict, Field

from semlink.core.channel_settings import ChannelModel, ChannelSettings
from semlink.core.noise import GESCO_TABLE
from semlink.core.settings import (
    PhotoSettings,
    ReceiverSettings,
    TransmissionSettings,
    settings_from_fields,
)

_CHANNEL: dict[str, Any] = ChannelSettings.model_fields
_TABLE = ", ".join(f"{level:g}" for level in GESCO_TABLE)


class ReconstructionForm(PhotoSettings, ReceiverSettings):
    """A photo and the settings of its transmission, by their flat names.

    State the noise by one of `psnr_db`, `snr_db`, `ebno_db`, `sigma` and `gesco_table_db`;
    where none is given it is a PSNR of 10 dB. Of the budgets `bpp` and `cpp` state one at most.
    """

    # What is unknown is refused by `settings_from_fields`, which lists what is known.
    model_config = ConfigDict(extra="allow")

    photo: UploadFile = Field(
        description="The photo, as JPEG, PNG, WebP, BMP, TIFF or PPM: at least 16 pixels a side, "
        "at most 32 MiB and 40 megapixels, at most four times as long as wide."
    )
    channel: ChannelModel = _CHANNEL["model"]
    psnr_db: float | None = Field(
        default=None,
        description="Noise level as peak signal-to-noise ratio of samples, and as Es/N0 of coded "
        "bits, -30 .. 200 dB, or inf for no noise.",
        examples=[10.0],
    )
    snr_db: float | None = Field(
        default=None,
        description="Noise level as mean signal-to-noise ratio, -30 .. 200 dB, or inf.",
        examples=[5.0],
    )
    ebno_db: float | None = Field(
        default=None,
        description="Noise level as Eb/N0 per information bit, -30 .. 200 dB; only for what "
        "travels as coded bits.",
        examples=[6.0],
    )
    sigma: float | None = Field(
        default=None,
        description="Noise level as standard deviation per real dimension, "
        "in units of the peak, 0 .. 100.",
        examples=[0.36],
    )
    gesco_table_db: float | None = Field(
        default=None,
        description=f"Noise level by its label in the published GESCO code: one of {_TABLE}.",
        examples=[10.0],
    )
    pilots: int | None = _CHANNEL["pilots"]
    coherence_uses: int = _CHANNEL["coherence_uses"]
    k_factor: float = _CHANNEL["k_factor"]
    delay_spread_ns: float = _CHANNEL["delay_spread_ns"]
    speed_mps: float = _CHANNEL["speed_mps"]
    carrier_ghz: float = _CHANNEL["carrier_ghz"]
    subcarrier_spacing_khz: float = _CHANNEL["subcarrier_spacing_khz"]
    subcarriers: int = _CHANNEL["subcarriers"]
    erasure_rate: float = _CHANNEL["erasure_rate"]
    packet_uses: int = _CHANNEL["packet_uses"]
    burst_packets: float = _CHANNEL["burst_packets"]
    timeout_s: float = Field(
        default=300.0,
        ge=0.1,
        le=3600.0,
        allow_inf_nan=False,
        description="Seconds after which the transmission is given up, 0.1 .. 3600.",
        examples=[60.0],
    )

    def settings(self) -> TransmissionSettings:
        """The settings alone.

        Raises:
            InvalidInput: an unknown name, two noise levels, or a value out of range.
        """
        given = self.model_dump(exclude={"photo", "timeout_s"}, exclude_unset=True)
        return settings_from_fields(given)
