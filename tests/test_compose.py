"""The compose file, the Dockerfile and what they name, as data."""

from __future__ import annotations

import re
import tomllib
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic_settings import BaseSettings

ROOT = Path(__file__).resolve().parent.parent
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
PYPROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())
DOCKERFILE = (ROOT / "Dockerfile").read_text()
PORT = 50051  # of every container

PARTS = ("transmitter", "channel", "receiver")
NEXT_HOP = {
    "transmitter": ("channel_address", "channel"),
    "channel": ("receiver_address", "receiver"),
}


def settings_class(part: str) -> type[BaseSettings]:
    module = import_module(f"semlink.{part}.settings")
    kind: type[BaseSettings] = getattr(module, f"{part.capitalize()}ServerSettings")
    return kind


def dockerfile_environment() -> dict[str, str]:
    return dict(re.findall(r"(SEMLINK_\w+)=(\S+)", DOCKERFILE))


def container_settings(part: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The settings that the part's program reads inside its container."""
    environment = dockerfile_environment() | SERVICES[part].get("environment", {})
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    return settings_class(part)()


def test_services_are_the_parts_of_the_link() -> None:
    assert set(SERVICES) == {*PARTS, "receiver-gpu"}


@pytest.mark.parametrize("part", PARTS)
def test_image_installs_an_extra_and_runs_a_script_that_exist(part: str) -> None:
    assert SERVICES[part]["build"]["args"]["SERVICE"] == part
    assert part in PYPROJECT["project"]["optional-dependencies"]
    assert f"semlink-{part}" in PYPROJECT["project"]["scripts"]
    assert 'CMD exec "semlink-${SERVICE}"' in DOCKERFILE


@pytest.mark.parametrize("part", PARTS)
def test_every_variable_is_a_setting(part: str) -> None:
    given = dockerfile_environment() | SERVICES[part].get("environment", {})
    prefix = f"SEMLINK_{part.upper()}_"
    names = {name.removeprefix(prefix).lower() for name in given if name.startswith(prefix)}
    assert names <= set(settings_class(part).model_fields)


@pytest.mark.parametrize("part", PARTS)
def test_the_health_check_asks_where_the_service_listens(
    part: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = container_settings(part, monkeypatch)
    assert (settings.host, settings.port) == ("0.0.0.0", PORT)
    check = f"python -m semlink.core.healthcheck 127.0.0.1:{PORT}"
    assert SERVICES[part]["healthcheck"]["test"] == check
    assert check.replace(" ", '", "') in DOCKERFILE
    assert f"EXPOSE {PORT}" in DOCKERFILE


@pytest.mark.parametrize("part", NEXT_HOP)
def test_each_part_knows_its_next_hop_and_waits_for_it(
    part: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    field, hop = NEXT_HOP[part]
    assert getattr(container_settings(part, monkeypatch), field) == f"{hop}:{PORT}"
    waits_for = SERVICES[part]["depends_on"]
    assert hop in waits_for
    assert {need["condition"] for need in waits_for.values()} == {"service_healthy"}


def test_only_the_transmitter_is_published_and_on_loopback(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    settings = container_settings("transmitter", monkeypatch)
    published = SERVICES["transmitter"]["ports"]
    assert published == [
        f"127.0.0.1:{port}:{port}" for port in (settings.rest_port, settings.port)
    ]
    assert [part for part in PARTS if "ports" in SERVICES[part]] == ["transmitter"]


@pytest.mark.parametrize("part", PARTS)
def test_containers_are_confined(part: str) -> None:
    service = SERVICES[part]
    assert service["read_only"]
    assert service["tmpfs"] == ["/tmp"]
    assert service["cap_drop"] == ["ALL"]
    assert re.fullmatch(r"\dg", service["mem_limit"])
    assert service["restart"] == "unless-stopped"
    assert re.search(r"^USER semlink$", DOCKERFILE, re.MULTILINE)


def test_profiles_choose_one_receiver() -> None:
    on_cpu, on_gpu = SERVICES["receiver"], SERVICES["receiver-gpu"]
    assert (on_cpu["profiles"], on_gpu["profiles"]) == (["cpu"], ["gpu"])
    assert "COMPOSE_PROFILES=cpu" in (ROOT / ".env").read_text().splitlines()
    assert on_gpu["networks"]["default"]["aliases"] == ["receiver"]
    assert on_gpu["environment"] == {"SEMLINK_RECEIVER_DEVICE": "cuda"}
    (device,) = on_gpu["deploy"]["resources"]["reservations"]["devices"]
    assert device["capabilities"] == ["gpu"]
    assert "device" in settings_class("receiver").model_fields


def test_the_build_sees_what_the_wheel_is_made_of() -> None:
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    seen = {line.removeprefix("!") for line in ignored if line.startswith("!")}
    packages = PYPROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
    files = {"pyproject.toml", "constraints.txt", "README.md", "LICENSE"}
    assert "*" in ignored
    assert seen == files | {package.split("/")[0] for package in packages}
