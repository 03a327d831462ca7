"""The files of a run, ``runs/NAME/``: refuse a folder of another run, begin, cut back, clear.

recipe.json, stats.jsonl, metrics.csv, metrics.jsonl, real.png, samples/, snapshots/, curves.png,
tensorboard/, checkpoint.safetensors and the one before.  Only process 0 calls these.
"""

import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import torch

import visavis
from visavis import files
from visavis.data import AnySet
from visavis.errors import UserError
from visavis.models import snapshot
from visavis.recipes.recipe import Recipe, validated
from visavis.report.logs import RunLog
from visavis.report.sheets import real_sheet

_FOLDERS = {
    "samples": re.compile(r"\d{12}\.png"),
    "snapshots": re.compile(r"\d{12}\.safetensors"),
    "tensorboard": re.compile(r"events\.out\.tfevents\..*"),
}
"""The folders of a run, and what the names of its own files in them are."""
_FILES = (  # in the order in which they may go: a folder half cleared is still a run, and has no checkpoint
    snapshot.PREVIOUS,
    snapshot.CHECKPOINT,
    "stats.jsonl",
    "metrics.csv",
    "metrics.jsonl",
    "real.png",
    "curves.png",
    snapshot.BEST,
    "report.html",
    "recipe.json",
)


def continued(folder: Path, recipe: Recipe) -> Recipe:
    """The recipe with what ``auto`` became when the run in ``folder`` began, if one stands there."""
    try:
        channels = files.read_json(folder / "recipe.json")["data"]["channels"]
    except (UserError, KeyError, TypeError):
        return recipe
    return recipe.model_copy(update={"data": recipe.data.settled(channels)})


def standing_recipe(folder: Path) -> Recipe | None:
    """The recipe of the run that stands in ``folder``; None where there is none."""
    described = folder / "recipe.json"
    if not described.is_file():
        return None
    try:
        return validated(files.read_json(described)["recipe"])
    except (KeyError, TypeError) as error:
        raise UserError(
            f"'{described}' is not what this version of visavis writes; name a recipe, and give --fresh to "
            "start over there"
        ) from error


CHANGEABLE = ("adam", "batch_size", "average", "objective", "tick")
"""Fields of a recipe that a run may change while it goes on, where that is asked for: weights, optimisers and
averages stay what they are."""


def refuse_another(
    folder: Path, recipe: Recipe, data: AnySet, init: Path | None, fresh: bool, change: bool = False
) -> None:
    """Raise :class:`UserError` for a folder that holds another run, or something that is no run.

    ``change``: other settings of what is :data:`CHANGEABLE` are the same run's.
    """
    if folder.exists() and not folder.is_dir():
        raise UserError(f"'{folder}' is a file; give --out a folder")
    standing = folder / "recipe.json"
    if change and (fresh or not standing.exists()):
        why = "--fresh starts over" if fresh else f"none stands in '{folder}'"
        raise UserError(f"--change goes on with a run, and {why}; leave it out, or give the run as --out")
    if not standing.exists():
        if folder.exists() and any(not entry.name.startswith(".") for entry in folder.iterdir()):
            raise UserError(f"'{folder}' is not empty and holds no run; give --out another folder")
        return
    if fresh:
        return
    mend = "give --out another folder, or --fresh to start over there"
    try:
        others = list(_differences(files.read_json(standing), recipe, data, init))
    except (KeyError, TypeError) as error:
        raise UserError(f"'{standing}' is not what this version of visavis writes; {mend}") from error
    may = [_changeable(what) for what, _, _ in others]
    if others and not (change and all(may)):
        what, before, now = others[may.index(False)] if change else others[0]
        also = "to go on with the change give --change; else " if all(may) else ""
        raise UserError(
            f"'{folder}' holds a run with {what} = {before}, and this one has {now}; {also}{mend}, "
            f"or begin another run with its weights: --out NEW --init {folder}"
        )


def _changeable(what: str) -> bool:
    return what.split(".")[0] in CHANGEABLE and what != "objective.kind"


def take_change(folder: Path, recipe: Recipe, images: int) -> dict[str, list[str]]:
    """Let the run in ``folder`` go on as ``recipe`` from ``images`` on; field -> what it was and is.

    recipe.json holds the recipe as it is now, and all changes.
    """
    described = files.read_json(folder / "recipe.json")
    unequal = _unequal(validated(described["recipe"]).identity(), recipe.identity())
    fields = {what: [str(before), str(now)] for what, before, now in unequal}
    if fields:
        changes = [*described.get("changes", []), {"images": images, "fields": fields}]
        plain = recipe.model_dump(mode="json")
        files.write_json(folder / "recipe.json", {**described, "recipe": plain, "changes": changes})
    return fields


def _differences(
    old: Any, recipe: Recipe, data: AnySet, init: Path | None
) -> Iterator[tuple[str, object, object]]:
    """What tells the run that stands there from this one; fields of a later version have their defaults."""
    yield from _unequal(validated(old["recipe"]).identity(), recipe.identity())
    if old["data"]["digest"] != data.digest:
        before, now = (f"{n} images of {r} px" for n, r in _sizes(old["data"], data))
        same = before == now
        yield "other images", before, f"{now}, which differ" if same else now
    if init is not None and old.get("init", str(init.resolve())) != str(init.resolve()):
        yield "init", old["init"], init


def _sizes(old: Any, data: AnySet) -> list[tuple[int, int]]:
    return [(old["images"], old["resolution"]), (len(data), data.resolution)]


def _unequal(old: Any, new: Any, path: str = "") -> Iterator[tuple[str, object, object]]:
    if isinstance(old, dict) and isinstance(new, dict):
        for key in [*old, *(k for k in new if k not in old)]:
            yield from _unequal(old.get(key), new.get(key), f"{path}.{key}" if path else key)
    elif old != new:
        yield path, repr(old), repr(new)


@contextmanager
def held(folder: Path) -> Iterator[None]:
    """Keep the folder to this process while the block runs; a process that dies lets go of it."""
    try:
        import fcntl
    except ImportError:  # not on Windows
        yield
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(handle)
        raise UserError(f"another process trains in '{folder}'; wait for it or give another --out") from None
    except OSError:  # a network file system without locks
        pass
    try:
        yield
    finally:
        os.close(handle)


def in_training(folder: Path) -> bool:
    """Whether a process trains in the folder now; False where the system has no locks."""
    try:
        with held(folder):
            return False
    except UserError:
        return True


def begin(
    folder: Path, recipe: Recipe, data: AnySet, init: Path | None, begun_with: Sequence[str] = ()
) -> None:
    """The first files of a run."""
    shape = data.shape
    described = {
        "recipe": recipe.model_dump(mode="json"),
        "data": {
            "name": data.name,
            "images": len(data),
            "channels": shape.channels,
            "resolution": shape.resolution,
            "classes": list(data.classes),
            "digest": data.digest,
            "skipped": data.skipped,
            "accounts": [account.as_json() for account in data.accounts],
        },
        "init": None if init is None else str(init.resolve()),
        "begun_with": list(begun_with),
        "version": visavis.__version__,
        "torch": torch.__version__,
    }
    files.write_json(folder / "recipe.json", described)
    real_sheet(data).save(folder / "real.png")


def cut_back(folder: Path, log: RunLog, images: int) -> None:
    """Remove what a run wrote after ``images`` images (-1: everything), which it will write again."""
    files.sweep(folder)
    log.cut_back(images)
    files.JsonLines(folder / "metrics.jsonl").cut_back(images)
    for name in ("samples", "snapshots"):
        for path in (folder / name).glob("*"):
            if _FOLDERS[name].fullmatch(path.name) and int(path.stem) > images:
                path.unlink()


def clear(folder: Path) -> None:
    """Remove a run's own files, and nothing else that may stand beside them."""
    with files.writing(folder):
        for name in _FILES[:2]:
            (folder / name).unlink(missing_ok=True)
        for name, own in _FOLDERS.items():
            for path in (folder / name).glob("*"):
                if own.fullmatch(path.name):
                    path.unlink(missing_ok=True)
            with suppress(OSError):  # it holds what is not the run's, or is not there
                (folder / name).rmdir()
        for name in _FILES:
            (folder / name).unlink(missing_ok=True)
