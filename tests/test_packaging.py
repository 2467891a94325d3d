"""The lists in pyproject.toml against the folders on disk, and what ends up in the wheel."""

from __future__ import annotations

import importlib
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parent.parent
ROOTS = sorted(path.parent.name for path in ROOT.glob("*/semlink"))
PYPROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())
TOOL: dict[str, Any] = PYPROJECT["tool"]
WHEEL: dict[str, Any] = TOOL["hatch"]["build"]["targets"]["wheel"]
SDIST: dict[str, Any] = TOOL["hatch"]["build"]["targets"]["sdist"]
OWN_CODE = sorted(set(ROOTS) - {"protos"})  # protos holds generated stubs

LISTS: dict[str, list[str]] = {
    "wheel": [name.removesuffix("/semlink") for name in WHEEL["packages"]],
    "editable": WHEEL["dev-mode-dirs"],
    "mypy_path": TOOL["mypy"]["mypy_path"],
    "pytest": TOOL["pytest"]["ini_options"]["pythonpath"],
}


@pytest.mark.parametrize("name", LISTS)
def test_every_root_is_listed(name: str) -> None:
    assert sorted(LISTS[name]) == ROOTS


@pytest.mark.parametrize(
    "listed",
    [
        pytest.param(TOOL["mypy"]["files"], id="mypy files"),
        pytest.param([name.strip("/") for name in SDIST["include"]], id="sdist"),
        pytest.param(TOOL["ruff"]["src"], id="ruff src"),
    ],
)
def test_own_code_is_listed(listed: list[str]) -> None:
    assert set(OWN_CODE) <= set(listed)


def test_semlink_is_a_namespace() -> None:
    assert list(ROOT.glob("*/semlink/__init__.py")) == []  # one such file hides all other roots


@pytest.mark.parametrize("root", ROOTS)
def test_each_root_holds_its_own_package(root: str) -> None:
    portion = ROOT / root / "semlink"
    packages = [path.name for path in portion.iterdir() if path.name != "__pycache__"]
    assert packages == [root]
    assert (portion / root / "py.typed").is_file()
    importlib.import_module(f"semlink.{root}")


@pytest.mark.parametrize("script", PYPROJECT["project"]["scripts"])
def test_scripts_exist(script: str) -> None:
    module, function = PYPROJECT["project"]["scripts"][script].split(":")
    assert callable(getattr(importlib.import_module(module), function))


@pytest.mark.slow
def test_wheel_holds_the_namespace_and_the_weights(tmp_path: Path) -> None:
    names = built_wheel_names(tmp_path)
    tops = {name.split("/")[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"semlink"}
    assert [name for name in names if "__pycache__" in name] == []
    assert {name for name in names if name.startswith("semlink/")} == names_on_disk()


def built_wheel_names(folder: Path) -> list[str]:
    build = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--quiet", "-w", str(folder)]
    subprocess.run([*build, str(ROOT)], check=True, cwd=folder)
    (wheel,) = folder.glob("semlink-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        return archive.namelist()


def names_on_disk() -> set[str]:
    """Paths inside the wheel of every file under the roots, weights included."""
    paths = {path for root in ROOTS for path in (ROOT / root / "semlink").rglob("*")}
    files = {path for path in paths if path.is_file() and "__pycache__" not in path.parts}
    return {path.relative_to(ROOT).as_posix().split("/", 1)[1] for path in files}
