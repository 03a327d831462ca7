"""A folder or zip of pictures: of class folders, of train/ and test/ with these, or of pictures alone."""

import json
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np

from visavis.data.account import composed, left_out
from visavis.data.decode import SUFFIXES
from visavis.data.encoded import Encoded, workers
from visavis.data.found import Found, Splits, digest_of, part_of
from visavis.data.tree import Parts, Tree, walk
from visavis.errors import UserError


def open_tree(tree: Tree, classes: tuple[str, ...] = ()) -> Splits:
    """The splits of a folder: its subfolders when all are named as splits are; or ``train``, all of it.

    Names that no picture has and hidden ones are left out.  ``classes`` are the ones that will be kept: other
    folders may then be without pictures.  Raises :class:`UserError` where it is in doubt what is a split.
    """
    tops = tree.tops
    parts = {top: part for top in tops if (part := part_of(top)) is not None}
    if not parts or (len(parts) < len(tops) and len(parts) == 1):  # one class may be called train
        return {"train": partial(_read, tree, class_names([tree]), classes)}
    if len(parts) < len(tops) or len(set(parts.values())) < len(parts):
        others = [top for top in tops if top not in parts] or list(parts)
        raise UserError(
            f"folder '{tree.root}' holds the splits {', '.join(parts)} and also {', '.join(others)} "
            "(allowed: one folder for each of train, val, test and no other, or class folders only); give "
            "one of these folders, or move the others away"
        )
    below = {part: tree.below(top) for top, part in parts.items()}
    names = class_names(list(below.values()))  # of all splits, so that a label means one class in each
    return {part: partial(_read, inside, names, classes) for part, inside in sorted(below.items())}


def class_names(trees: list[Tree]) -> tuple[str, ...]:
    """The names of their top folders, accents composed."""
    return tuple(sorted({composed(top) for tree in trees for top in tree.tops}))


def subfolders(path: Path) -> list[Path]:
    """The visible folders in ``path``, in order."""
    return sorted(entry for entry in path.iterdir() if entry.is_dir() and not entry.name.startswith("."))


def pictures(path: Path) -> list[Path]:
    """The pictures in ``path`` and below, in the order of their paths."""
    return [path.joinpath(*parts) for parts in walk(path).pictures]


def _read(tree: Tree, names: tuple[str, ...], wanted: tuple[str, ...]) -> Found:
    if not names:
        return of_pictures(tree, tree.pictures)
    if loose := [parts for parts in tree.pictures if len(parts) == 1]:
        raise UserError(
            f"folder '{tree.root}' holds class folders and also pictures, such as '{loose[0][0]}' "
            "(allowed: one of both); move the pictures into a class folder"
        )
    places = {name: i for i, name in enumerate(names)}
    chosen = sorted(tree.pictures, key=lambda parts: (places[composed(parts[0])], parts))
    filled = {composed(parts[0]) for parts in chosen}
    asked = [composed(name) for name in wanted]
    for top in tree.tops:
        if composed(top) not in filled and (not wanted or composed(top) in asked):
            raise UserError(
                f"class '{top}' has no images in '{tree.root}/{top}' (allowed: {', '.join(SUFFIXES)}); "
                "remove the folder, or name the others with --classes"
            )
    return of_pictures(tree, tuple(chosen), [places[composed(parts[0])] for parts in chosen], names)


def of_pictures(
    tree: Tree, files: tuple[Parts, ...], labels: list[int] | None = None, classes: tuple[str, ...] = ()
) -> Found:
    """These pictures of a tree; raises :class:`UserError` where there is none."""
    beside = left_out({"/".join(parts): why for parts, why in tree.others.items()})
    if not files:
        seen = f"; it has {beside[0].count} {beside[0].why}" if beside else ""
        raise UserError(
            f"no images in folder '{tree.root}' (allowed: {', '.join(SUFFIXES)}{seen}); give another --data"
        )
    with ThreadPoolExecutor(workers()) as pool:
        hashes = list(pool.map(tree.digest, files))
    digest = digest_of("folder", *("/".join(parts) for parts in files), *hashes)
    images = Encoded(
        lambda row: tree.read(files[row]), lambda row: tree.path(files[row]), np.arange(len(files))
    )
    return Found(
        images, None if labels is None else np.array(labels, np.int64), classes, digest, left_out=beside
    )


def labelled(tree: Tree) -> Splits | None:
    """A zip whose ``dataset.json`` has the labels, as StyleGAN's tools write it; None for any other.

    ``{"labels": [["00000/img00000000.png", 6], ...]}``, or null for none: its folders are no classes.
    """
    listing = ("dataset.json",)
    if listing not in tree.others:
        return None
    try:
        rows = json.loads(tree.read(listing))["labels"]
        known = {tuple(name.split("/")): label for name, label in rows} if rows else {}
        labels = [int(known[parts]) for parts in tree.pictures] if known else None
    except (ValueError, KeyError, TypeError):
        return None
    classes = () if labels is None else tuple(str(label) for label in range(max(labels) + 1))
    return {"train": lambda: of_pictures(tree, tree.pictures, labels, classes)}
