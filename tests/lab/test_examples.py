"""The notebook runs from top to bottom, as a reader would run it."""

from __future__ import annotations

import base64
import io
from copy import deepcopy
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient
from PIL import Image
from traitlets.config import Config

NOTEBOOK = Path(__file__).parents[2] / "examples" / "semlink.ipynb"
OVER_FILES = Config({"KernelManager": {"transport": "ipc"}})  # in the working folder; no ports


@pytest.fixture(scope="module")
def notebook() -> Any:
    return nbformat.reads(NOTEBOOK.read_text(), as_version=4)  # type: ignore[no-untyped-call]


@pytest.fixture(scope="module")
def cells(notebook: Any, tmp_path_factory: pytest.TempPathFactory) -> list[Any]:
    """The code cells of the notebook after a run in an empty folder."""
    run = deepcopy(notebook)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("notebook"))
        NotebookClient(run, config=OVER_FILES, timeout=600, startup_timeout=300).execute()
    return [cell for cell in run.cells if cell.cell_type == "code"]


def test_the_notebook_is_kept_without_outputs(notebook: Any) -> None:
    nbformat.validate(notebook)
    assert all(not cell.get("outputs") for cell in notebook.cells)


def test_a_result_shows_its_picture(cells: list[Any]) -> None:
    (shown,) = (out for out in cells[1].outputs if out.output_type == "execute_result")

    with Image.open(io.BytesIO(base64.b64decode(shown.data["image/png"]))) as picture:
        assert picture.size == (640, 427)


def test_the_notebook_says_and_draws_what_it_promises(cells: list[Any]) -> None:
    texts = ["".join(output.get("text", "") for output in cell.outputs) for cell in cells]
    data = [output.get("data", {}) for cell in cells for output in cell.outputs]

    assert texts[2].startswith("reconstructed, PSNR")
    assert texts[5].count("\n") == 6
    assert "webp 0.0 lost None" in texts[5]
    assert sum("image/png" in shown for shown in data) == 3
    assert "index.html" in data[-1]["text/plain"]
