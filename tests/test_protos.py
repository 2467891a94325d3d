from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


def test_stubs_are_fresh() -> None:
    pytest.importorskip("grpc_tools")
    check = [sys.executable, str(ROOT / "scripts" / "protoc.py"), "--check"]
    run = subprocess.run(check, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
