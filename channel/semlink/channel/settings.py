"""What can be set for the channel service, from the environment."""

from __future__ import annotations

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class ChannelServerSettings(BaseSettings):
    """Read from SEMLINK_CHANNEL_HOST and so on."""

    model_config = SettingsConfigDict(env_prefix="SEMLINK_CHANNEL_", frozen=True)

    host: str = Field(default="127.0.0.1", description="Address to bind.")
    port: int = Field(default=50052, ge=0, le=65535, description="Port, or 0 for any free one.")
    receiver_address: str = Field(
        default="127.0.0.1:50053",
        pattern=r"^[^\s/]+:\d{1,5}$",
        description="HOST:PORT of the next hop.",
    )
    calls: int = Field(
        default=16,
        ge=1,
        le=1024,
        description="Transmissions in flight, waiting at the receiver included, 1 .. 1024.",
    )
    upload_timeout_s: float = Field(
        default=60.0,
        gt=0.0,
        le=3600.0,
        description="Seconds that a caller may take to hand over its frame, up to 3600.",
    )
