"""``visavis report``: the page of runs, its tables and figures, written; nothing is overwritten untold."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from visavis.errors import UserError
from visavis.files import write_atomic
from visavis.report.page import MARK, make_page, saved
from visavis.report.runfiles import RunFiles, open_runs
from visavis.report.sentences import Diagnose
from visavis.report.series import Axis

NAME = "report.html"


@dataclass(frozen=True)
class Where:
    """Where a report goes.  ``out``: the page; ``folder``: for tables and figures as files, where wanted."""

    out: Path
    folder: Path | None = None


def place(runs: Sequence[RunFiles], out: Path | None, folder: Path | None, force: bool) -> Where:
    """Where the report goes, or a :class:`UserError` for a place that holds something.

    By default one run's page is its own ``report.html``, which is replaced as its curves are; several runs'
    is ``report.html`` here.
    """
    own = runs[0].folder / NAME if len(runs) == 1 else None
    page = out or own or Path(NAME)
    if page.suffix.lower() not in (".html", ".htm"):
        raise UserError(f"--out '{page}' is no page (allowed: a name that ends in .html)")
    if page.exists() and not force and not (page == own and _ours(page)):
        raise UserError(f"'{page}' exists; give another --out, or --force to replace it")
    if folder is not None and folder.exists():
        if not folder.is_dir():
            raise UserError(f"--files '{folder}' is a file; give a folder")
        if not force and any(folder.iterdir()):
            raise UserError(
                f"--files '{folder}' is not empty; give another folder, or --force to write there"
            )
    return Where(page, folder)


def _ours(page: Path) -> bool:
    if not page.is_file():
        return False
    with page.open("rb") as file:
        return MARK.encode() in file.read(200)


def write(
    folders: Sequence[Path],
    where: Where,
    *,
    axis: Axis = "images",
    diagnose: Diagnose | None = None,
    reload_seconds: float | None = None,
) -> dict[str, Any]:
    """Make the page anew from what the runs' folders hold now; what ``visavis report --json`` prints."""
    page = make_page(open_runs(folders), axis=axis, diagnose=diagnose, reload_seconds=reload_seconds)
    data = page.html.encode()
    write_atomic(where.out, data)
    written = 0
    if where.folder is not None:
        for path, text in saved(page, where.folder):
            write_atomic(path, text.encode())
            written += 1
    return {
        "out": str(where.out),
        "runs": [str(folder) for folder in folders],
        "bytes": len(data),
        "files": written,
        "verdict": page.verdicts,
    }
