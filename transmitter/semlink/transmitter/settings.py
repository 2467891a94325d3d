"""What can be set for the transmitter service, from the environment."""

from __future__ import annotations

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from semlink.core.environment import Names
from semlink.core.pictures import DEFAULT_LIMITS, PictureLimits


class TransmitterServerSettings(BaseSettings):
    """Read from SEMLINK_TRANSMITTER_HOST and so on."""

    model_config = SettingsConfigDict(env_prefix="SEMLINK_TRANSMITTER_", frozen=True)

    host: str = Field(default="127.0.0.1", description="Address to bind, for gRPC and for REST.")
    port: int = Field(
        default=50051, ge=0, le=65535, description="Port of gRPC, or 0 for any free one."
    )
    rest_port: int = Field(
        default=8080, ge=0, le=65535, description="Port of REST, or 0 for any free one."
    )
    channel_address: str = Field(
        default="127.0.0.1:50052",
        pattern=r"^[^\s/]+:\d{1,5}$",
        description="HOST:PORT of the next hop.",
    )
    segmenters: Names = Field(
        default=("segmenter-camvid",),
        min_length=1,
        description="Networks to serve: zoo names, folders or hub ids, with commas between them.",
    )
    tokenizers: Names = Field(
        default=("sqgan-camvid",),
        description="Networks that make tokens, to serve as well: zoo names or folders.",
    )
    device: str | None = Field(
        default=None, description="Device as torch names it; the best there is where not set."
    )
    queue: int = Field(
        default=8, ge=0, le=1024, description="Photos that may wait for the device, 0 .. 1024."
    )
    calls: int = Field(
        default=16,
        ge=1,
        le=1024,
        description="Transmissions in flight, uploads and waiting included, 1 .. 1024.",
    )
    upload_timeout_s: float = Field(
        default=60.0,
        gt=0.0,
        le=3600.0,
        description="Seconds that a caller may take to hand over its photo, up to 3600.",
    )
    upload_bytes: int = Field(
        default=DEFAULT_LIMITS.upload_bytes, ge=1, description="Largest file of a photo in bytes."
    )
    pixels: int = Field(
        default=DEFAULT_LIMITS.pixels,
        ge=1,
        le=DEFAULT_LIMITS.pixels,
        description="Largest photo in pixels, up to 40 million.",
    )
    timeout_s: float = Field(
        default=3600.0,
        gt=0.0,
        le=86400.0,
        description="Seconds that a gRPC call may take that states no deadline, up to 86400.",
    )

    @property
    def limits(self) -> PictureLimits:
        """Of the photos."""
        return PictureLimits(upload_bytes=self.upload_bytes, pixels=self.pixels)
