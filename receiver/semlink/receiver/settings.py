"""What can be set for the receiver service, from the environment."""

from __future__ import annotations

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class ReceiverServerSettings(BaseSettings):
    """Read from SEMLINK_RECEIVER_HOST and so on; lists are JSON, as in '["gesco-camvid"]'.

    Attributes:
        host: address to bind.
        port: 0 for any free one.
        networks: zoo names or folders; nothing else is ever loaded.
        device: as torch names it; None for the best there is.
        queue: transmissions in flight before callers are told that the receiver is busy.
        upload_timeout_s: how long a caller may take to hand over its frame.
    """

    model_config = SettingsConfigDict(env_prefix="SEMLINK_RECEIVER_", frozen=True)

    host: str = "127.0.0.1"
    port: int = Field(default=50053, ge=0, le=65535)
    networks: tuple[str, ...] = Field(default=("gesco-camvid",), min_length=1)
    device: str | None = None
    queue: int = Field(default=16, ge=1, le=1024)
    upload_timeout_s: float = Field(default=60.0, gt=0.0, le=3600.0)
