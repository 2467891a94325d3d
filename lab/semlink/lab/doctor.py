"""Looks over this machine: what would keep the link from running here, and the cure."""

from __future__ import annotations

import os
import platform
import socket
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Literal

from rich.console import Console

from semlink.core.errors import SemlinkError
from semlink.core.healthcheck import health_of
from semlink.lab.console import print_json

Verdict = Literal["ok", "warn", "fail"]

STYLES: dict[Verdict, str] = {"ok": "green", "warn": "yellow", "fail": "bold red"}
PACKAGES = {  # by the extra that brings them
    "torch": "receiver",
    "sionna-no-rt": "channel",
    "transformers": "transmitter",
    "constriction": "transmitter",
    "numba": "transmitter",
    "diffusers": "receiver",
    "pillow-heif": "transmitter",
    "pillow-jxl-plugin": "transmitter",
    "grpcio": "",
    "fastapi": "transmitter",
}
PORTS = {"transmitter": 50051, "REST": 8080, "channel": 50052, "receiver": 50053}
MEMORY_GIB = 4.0
HEALTH_S = 1.0
HOST = "127.0.0.1"


@dataclass(frozen=True)
class Check:
    """One line of the report.

    Attributes:
        name: what was looked at.
        level: whether it is well.
        found: what it is.
        cure: what to do about it, if something is to be done.
    """

    name: str
    level: Verdict
    found: str
    cure: str = ""


def examine(device: str | None = None) -> list[Check]:
    """Everything, in the order of the report.

    Args:
        device: as torch names it; None for the one that the link would choose.
    """
    return [
        Check("python", "ok", f"{platform.python_version()} on {platform.platform()}"),
        *_packages(),
        _device(device),
        _processor(),
        _memory(),
        *_weights(),
        *_services(),
    ]


def tell(checks: list[Check], *, json: bool) -> None:
    """Prints the report on stdout."""
    if json:
        print_json({"checks": [asdict(check) for check in checks]})
        return
    console = Console(highlight=False, soft_wrap=True)
    for check in checks:
        style = STYLES[check.level]
        console.print(f"[{style}]{check.level:>4}[/]  {check.name:<20}", end="")
        console.print(f"{check.found}  {check.cure}".rstrip(), markup=False)


def _packages() -> Iterator[Check]:
    for package, extra in PACKAGES.items():
        try:
            yield Check(package, "ok", version(package))
        except PackageNotFoundError:
            cure = f'Install it with pip install "semlink[{extra}]", or use a remote --link.'
            yield Check(package, "warn" if extra else "fail", "not installed", cure)


def _device(device: str | None) -> Check:
    try:
        from semlink.receiver.device import pick_device, pick_dtype

        chosen = pick_device(device)
    except (ImportError, SemlinkError) as error:
        return Check("device", "fail", str(error))
    return Check("device", "ok", f"{chosen}, networks in {str(pick_dtype(chosen))[6:]}")


def _processor() -> Check:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    info = Path("/proc/cpuinfo")
    flags = set(info.read_text().split()) if info.exists() else set()
    fast = [name for name in ("amx_bf16", "avx512_bf16") if name in flags]
    says = f"{cores} cores, {', '.join(fast) or 'no bfloat16 instructions'}"
    cure = "" if (cores or 1) > 1 else "One core is slow; ask for fewer --steps."
    return Check("processor", "warn" if cure else "ok", says, cure)


def _memory() -> Check:
    if not hasattr(os, "sysconf"):
        return Check("memory", "ok", "not known on this system")
    total_gib = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    low = total_gib < MEMORY_GIB
    cure = f"The link wants {MEMORY_GIB:g} GiB; close other programs." if low else ""
    return Check("memory", "warn" if low else "ok", f"{total_gib:.1f} GiB", cure)


def _weights() -> Iterator[Check]:
    from semlink.zoo import names, verify

    if not names():
        yield Check("weights", "fail", "none", "Install the program again, with its weights.")
    for name in names():
        try:
            verify(name)
            yield Check(name, "ok", "weights as on record")
        except SemlinkError as error:
            yield Check(name, "fail", f"{error.value}: {error.message}", error.cure)


def _services() -> Iterator[Check]:
    """Each service's usual port: free, or ours, or in the way."""
    for name, port in PORTS.items():
        if _is_free(port):
            yield Check(name, "ok", f"not running; port {port} is free")
        elif name == "REST":
            yield Check(name, "ok", f"something listens on port {port}")
        else:
            yield _health(name, f"{HOST}:{port}")


def _health(name: str, address: str) -> Check:
    status = health_of(address, HEALTH_S)
    if status == "SERVING":
        return Check(name, "ok", f"serving at {address}")
    if status == "NOT_SERVING":
        return Check(name, "warn", f"still loading at {address}", "Ask again in a moment.")
    cure = "Stop that program, or start ours on another port."
    return Check(name, "warn", f"another program listens on {address}", cure)


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True
