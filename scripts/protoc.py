"""Makes the Python stubs of protos/**/*.proto, or checks that the checked-in ones are fresh.

python scripts/protoc.py          write them
python scripts/protoc.py --check  say which are stale, exit 1 if any is
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from grpc_tools import protoc

ROOT = Path(__file__).resolve().parent.parent / "protos"
PLUGINS = ("mypy", "mypy_grpc")
OUTPUTS = ("python", "grpc_python", *PLUGINS)


def generate(target: Path) -> None:
    """Writes every stub under `target`. The path below ROOT is the package path."""
    scripts = Path(sys.executable).parent  # a venv that is not activated is not on PATH
    plugins = [f"--plugin=protoc-gen-{name}={scripts}/protoc-gen-{name}" for name in PLUGINS]
    outputs = [f"--{name}_out={target}" for name in OUTPUTS]
    sources = [str(path) for path in sorted(ROOT.rglob("*.proto"))]
    if protoc.main(["protoc", f"-I{ROOT}", *plugins, *outputs, *sources]) != 0:
        raise SystemExit("protoc failed")


def stale() -> list[str]:
    """Stubs whose bytes differ from what the .proto files give, or that should not exist."""
    with tempfile.TemporaryDirectory() as folder:
        fresh = Path(folder)
        generate(fresh)
        names = {path.relative_to(fresh) for path in fresh.rglob("*_pb2*")}
        names |= {path.relative_to(ROOT) for path in ROOT.rglob("*_pb2*.py*") if path.is_file()}
        names = {name for name in names if "__pycache__" not in name.parts}
        return sorted(str(name) for name in names if not _same(fresh / name, ROOT / name))


def _same(one: Path, other: Path) -> bool:
    return one.exists() and other.exists() and one.read_bytes() == other.read_bytes()


def main() -> int:
    """Exit status."""
    if "--check" not in sys.argv[1:]:
        generate(ROOT)
        return 0
    names = stale()
    for name in names:
        print(f"stale: {name}")
    return 1 if names else 0


if __name__ == "__main__":
    raise SystemExit(main())
