"""What can be set for the receiver service, from the environment."""

from __future__ import annotations

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from semlink.core.environment import Names


class ReceiverServerSettings(BaseSettings):
    """Read from SEMLINK_RECEIVER_HOST and so on."""

    model_config = SettingsConfigDict(env_prefix="SEMLINK_RECEIVER_", frozen=True)

    host: str = Field(default="127.0.0.1", description="Address to bind.")
    port: int = Field(default=50053, ge=0, le=65535, description="Port, or 0 for any free one.")
    networks: Names = Field(
        default=("gesco-camvid", "spic-camvid", "sgc-camvid", "sqgan-camvid"),
        min_length=1,
        description="Networks to serve: zoo names or folders, with commas between them.",
    )
    device: str | None = Field(
        default=None, description="Device as torch names it; the best there is where not set."
    )
    queue: int = Field(
        default=16,
        ge=1,
        le=1024,
        description="Transmissions in flight, uploads included, 1 .. 1024.",
    )
    upload_timeout_s: float = Field(
        default=60.0,
        gt=0.0,
        le=3600.0,
        description="Seconds that a caller may take to hand over its frame, up to 3600.",
    )
