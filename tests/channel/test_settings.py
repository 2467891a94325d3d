from __future__ import annotations

import pytest

from semlink.channel.settings import ChannelServerSettings
from semlink.core.errors import InvalidInput
from semlink.core.serving import from_environment


def test_defaults_stay_on_this_machine() -> None:
    settings = ChannelServerSettings()
    assert settings.host == "127.0.0.1"
    assert settings.receiver_address == "127.0.0.1:50053"


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("PORT", "70000"),
        ("PORT", "http"),
        ("RECEIVER_ADDRESS", "receiver"),
        ("RECEIVER_ADDRESS", "http://receiver:50053"),
        ("CALLS", "0"),
        ("UPLOAD_TIMEOUT_S", "0"),
        ("UPLOAD_TIMEOUT_S", "nan"),
    ],
)
def test_a_wrong_variable_is_named(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    name = f"SEMLINK_CHANNEL_{variable}"
    monkeypatch.setenv(name, value)
    with pytest.raises(InvalidInput) as caught:
        from_environment(ChannelServerSettings)
    assert caught.value.field == name
    assert caught.value.cure


def test_variables_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEMLINK_CHANNEL_RECEIVER_ADDRESS", "receiver:50053")
    monkeypatch.setenv("SEMLINK_CHANNEL_CALLS", "3")
    settings = from_environment(ChannelServerSettings)
    assert (settings.receiver_address, settings.calls) == ("receiver:50053", 3)
