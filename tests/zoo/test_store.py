from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from semlink.core.errors import CorruptData, NotFound
from semlink.zoo import find, names, store, verify


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    """Two networks, and a folder that is none."""
    for name in ("large", "small"):
        folder = tmp_path / name
        folder.mkdir()
        (folder / "config.json").write_text("{}")
        (folder / "model.safetensors").write_bytes(name.encode())
        (folder / "README.md").write_text("# card")
    (tmp_path / "unfinished").mkdir()
    store.write_checksums(tmp_path)
    return tmp_path


def test_names_are_the_complete_folders(weights: Path) -> None:
    assert names(weights) == ("large", "small")


def test_weights_may_lie_in_folders_of_parts(weights: Path) -> None:
    part = weights / "parts" / "unet"
    part.mkdir(parents=True)
    (part.parent / "config.json").write_text("{}")
    assert "parts" not in names(weights)
    (part / "model.safetensors").write_bytes(b"weights")
    assert names(weights) == ("large", "parts", "small")
    assert [path.parent.name for path in store.weight_files(part.parent)] == ["unet"]
    store.write_checksums(weights)
    verify("parts", weights)
    (part / "model.safetensors").write_bytes(b"others")
    with pytest.raises(CorruptData, match=r"parts/unet/model\.safetensors"):
        verify("parts", weights)


def test_names_of_a_missing_folder_are_none(tmp_path: Path) -> None:
    assert names(tmp_path / "nowhere") == ()


def test_untouched_weights_verify(weights: Path) -> None:
    for name in names(weights):
        verify(name, weights)


def test_cards_may_change(weights: Path) -> None:
    (weights / "small" / "README.md").write_text("# better card")
    verify("small", weights)


@pytest.mark.parametrize("file", ["config.json", "model.safetensors", "added.json"])
def test_a_changed_or_added_file_is_named(weights: Path, file: str) -> None:
    (weights / "small" / file).write_text("changed")
    verify("large", weights)
    with pytest.raises(CorruptData, match=f"small/{file}"):
        verify("small", weights)


def test_a_network_without_record_is_refused(weights: Path) -> None:
    (weights / store.CHECKSUMS).unlink()
    with pytest.raises(CorruptData, match=r"small/config\.json"):
        verify("small", weights)


def test_verify_lists_the_names(weights: Path) -> None:
    with pytest.raises(NotFound, match="large, small"):
        verify("unfinished", weights)


def test_find_takes_a_folder(weights: Path) -> None:
    assert find(str(weights / "small")) == weights / "small"


@pytest.mark.parametrize("name", ["no-such-network", "", "..", "/", "no\nsuch"])
def test_find_says_what_there_is(name: str) -> None:
    with pytest.raises(NotFound, match="Use") as caught:
        find(name)
    assert all(known in str(caught.value) for known in names())


@pytest.mark.parametrize("name", names())
def test_shipped_names_are_found(name: str) -> None:
    assert find(name) == store.WEIGHTS / name


def test_shipped_checksums_are_fresh() -> None:
    assert store.read_checksums() == store.checksums(), "run scripts/checksums.py"


def test_shipped_weights_stay_small() -> None:
    sizes = [path.stat().st_size for path in store.WEIGHTS.rglob("*") if path.is_file()]
    assert sum(sizes) < 40 << 20


def test_import_is_light() -> None:
    program = "import sys, semlink.zoo; print('torch' in sys.modules or 'numpy' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (done.stdout.strip(), done.stderr) == ("False", "")
