from __future__ import annotations

import json
import socket

import pytest

from semlink.lab import doctor
from semlink.lab.doctor import Check, examine, tell


@pytest.fixture
def free_ports(monkeypatch: pytest.MonkeyPatch) -> dict[str, int]:
    """Ports that nobody uses, in place of the usual ones."""
    with (
        socket.create_server(("127.0.0.1", 0)) as one,
        socket.create_server(("127.0.0.1", 0)) as two,
    ):
        ports = {"channel": one.getsockname()[1], "receiver": two.getsockname()[1]}
    monkeypatch.setattr(doctor, "PORTS", ports)
    return ports


def by_name(checks: list[Check]) -> dict[str, Check]:
    return {check.name: check for check in checks}


def test_this_machine_can_run_the_link(free_ports: dict[str, int]) -> None:
    checks = by_name(examine("cpu"))

    for name in ("python", "torch", "sionna-no-rt", "device", "channel", "receiver"):
        assert checks[name].level == "ok", checks[name]
    assert checks["device"].found.startswith("cpu, networks in ")
    assert str(free_ports["channel"]) in checks["channel"].found


def test_a_device_that_is_not_there_fails_with_the_cure(free_ports: dict[str, int]) -> None:
    check = by_name(examine("abacus"))["device"]

    assert check.level == "fail"
    assert "Use cpu" in check.found


def test_services_that_run_are_told_from_other_programs(
    free_ports: dict[str, int], link_address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = int(link_address.rpartition(":")[2])
    with socket.create_server(("127.0.0.1", 0)) as stranger:
        ports = {"transmitter": port, "channel": stranger.getsockname()[1]}
        monkeypatch.setattr(doctor, "PORTS", ports)
        checks = by_name(examine("cpu"))

    assert checks["transmitter"] == Check("transmitter", "ok", f"serving at {link_address}")
    assert checks["channel"].level == "warn"
    assert checks["channel"].cure


def test_the_report_is_plain_text_without_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    tell([Check("memory", "warn", "1.0 GiB", "Buy [more].")], json=False)

    assert capsys.readouterr().out.split() == ["warn", "memory", "1.0", "GiB", "Buy", "[more]."]


def test_the_report_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    tell([Check("memory", "ok", "8.0 GiB")], json=True)

    (check,) = json.loads(capsys.readouterr().out)["checks"]
    assert check == {"name": "memory", "level": "ok", "found": "8.0 GiB", "cure": ""}
