"""What a run's folder tells, read for a page: whatever is there, of whatever version, while it trains."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from visavis.errors import UserError
from visavis.files import JsonLines, Row, read_json
from visavis.models.results import results
from visavis.models.snapshot import find_snapshot, snapshots, split_name

GALLERY = "gallery"


@dataclass(frozen=True)
class RunFiles:
    """A run's folder.  ``name``: what the page calls it."""

    folder: Path
    name: str

    @property
    def told_as(self) -> str:
        """The folder as one types it: from where the program runs, else its name (a page travels)."""
        here = Path.cwd()
        return str(self.folder.relative_to(here)) if self.folder.is_relative_to(here) else self.name

    @cached_property
    def told(self) -> dict[str, Any]:
        """``recipe.json``."""
        found: dict[str, Any] = read_json(self.folder / "recipe.json")
        return found

    @property
    def recipe(self) -> dict[str, Any]:
        """The recipe's fields."""
        return dict(self.told.get("recipe") or {})

    @property
    def side(self) -> int:
        """Pixels of an image's side."""
        return int((self.told.get("data") or {}).get("resolution") or 0)

    @cached_property
    def task(self) -> str:
        """What it learns to do: generate, reconstruct or translate, as its data and networks tell."""
        networks = self.recipe.get("networks") or {}
        paired = "layout" in (self.recipe.get("data") or {})
        return "translate" if paired else "reconstruct" if "E" in networks else "generate"

    @cached_property
    def log(self) -> list[Row]:
        """All rows of the log, events among them."""
        return JsonLines(self.folder / "stats.jsonl").rows()

    @property
    def rows(self) -> list[Row]:
        """The ticks."""
        return [row for row in self.log if "event" not in row]

    @property
    def events(self) -> list[Row]:
        """What happened: resumes, divergence."""
        return [row for row in self.log if "event" in row]

    @cached_property
    def measured(self) -> list[Row]:
        """The figures taken while it trained and at its end."""
        return JsonLines(self.folder / "metrics.jsonl").rows()

    @property
    def images(self) -> int:
        """Images seen."""
        return max((int(row["images"]) for row in self.log if row.get("images") is not None), default=0)

    @property
    def seconds(self) -> float:
        """Seconds trained."""
        return max((float(row["seconds"]) for row in self.rows if row.get("seconds")), default=0.0)

    @property
    def snapshot(self) -> Path | None:
        """The newest snapshot."""
        return find_snapshot(self.folder) if snapshots(self.folder) else None

    @cached_property
    def samples(self) -> list[tuple[int, Path]]:
        """The sheets saved on the way, by images seen."""
        paths = sorted((self.folder / "samples").glob("*.png"))
        return [(int(path.stem), path) for path in paths if path.stem.isdecimal()]

    @cached_property
    def results(self) -> list[dict[str, Any]]:
        """What ``visavis evaluate --out`` left in the folder, the newest last."""
        return results(self.folder)

    @property
    def result(self) -> dict[str, Any] | None:
        """The newest judgement."""
        return self.results[-1] if self.results else None

    @property
    def galleries(self) -> list[Path]:
        """Sheets of ``visavis evaluate --gallery RUN/gallery``."""
        return sorted((self.folder / GALLERY).glob("*.png"))


def open_runs(folders: Sequence[Path]) -> list[RunFiles]:
    """The runs at ``folders``, each with a name of its own; :class:`UserError` for what is no run."""
    resolved = [folder.expanduser().resolve() for folder in folders]
    for given, folder in zip(folders, resolved, strict=True):
        if not (folder / "recipe.json").is_file():
            whole = split_name(given.expanduser())
            what = "is no run" if folder.exists() else "is not there"
            if whole is not None:
                what = f"names one snapshot, and a page is of a whole run: '{whole[0]}'"
            raise UserError(
                f"'{given}' {what} (allowed: folders that visavis train wrote, with a recipe.json)"
            )
    twice = next((given for i, given in enumerate(folders) if resolved[i] in resolved[:i]), None)
    if twice is not None:
        raise UserError(f"'{twice}' is given twice; give each run once")
    names = [folder.name for folder in resolved]
    runs = [
        RunFiles(folder, name if names.count(name) == 1 else f"{folder.parent.name}/{name}")
        for folder, name in zip(resolved, names, strict=True)
    ]
    for run in runs:
        if not isinstance(run.told, dict) or not run.recipe:
            raise UserError(
                f"'{run.folder / 'recipe.json'}' tells no recipe; give another run, or restore it"
            )
    return runs
