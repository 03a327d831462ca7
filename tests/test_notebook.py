"""The notebook of the docs runs from beginning to end, and each of its cells shows something."""

from pathlib import Path

import pytest

BOOK = Path(__file__).parents[1] / "docs" / "notebook.ipynb"


def test_it_runs_from_beginning_to_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    nbformat, nbclient = pytest.importorskip("nbformat"), pytest.importorskip("nbclient")
    monkeypatch.setenv("NOTEBOOK_IMAGES", "640")
    book = nbformat.read(BOOK, as_version=4)
    assert all(not cell.get("outputs") for cell in book.cells), "commit it without outputs"
    nbclient.NotebookClient(book, timeout=240, resources={"metadata": {"path": str(tmp_path)}}).execute()
    code = [cell for cell in book.cells if cell.cell_type == "code"]
    shown = [
        "image/png" if "image/png" in out.get("data", {}) else "text"
        for c in code[1:]
        for out in c.outputs[-1:]
    ]
    assert shown == ["text", "image/png", "image/png", "image/png", "text", "image/png"]
    assert "'images': 640" in code[1].outputs[-1]["data"]["text/plain"]
