"""What a source finds in one split, before classes are chosen and images are decoded."""

import hashlib
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from visavis import errors
from visavis.data import encoded
from visavis.data.account import LeftOut, composed, merged, printable
from visavis.data.encoded import Encoded
from visavis.errors import UserError


@dataclass(frozen=True)
class Found:
    """Images, uint8 ``[N, H, W, C]`` or still encoded, and their labels."""

    images: NDArray[np.uint8] | Encoded
    labels: NDArray[np.int64] | None
    classes: tuple[str, ...]
    digest: str
    """Hash of the contents."""
    left_out: tuple[LeftOut, ...] = ()
    """What the source holds besides, and why it is not here."""
    notes: tuple[str, ...] = ()
    """What was decided about values, layout or labels."""
    stored: str = ""
    """Of arrays, what type they were."""

    def __len__(self) -> int:
        return len(self.images)


Splits = Mapping[str, Callable[[], Found]]
"""A source: the names of its splits, and how to read each."""

PARTS = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("val", "valid", "validation", "dev", "development"), "val"),
    **dict.fromkeys(("test", "testing"), "test"),
}
"""What a split may be called, in any case -> its name here."""


def part_of(name: str) -> str | None:
    """The split that a folder or file of this name holds: ``train``, ``val`` or ``test``; None if none."""
    return PARTS.get(name.lower())


def digest_of(*parts: str | NDArray[Any]) -> str:
    """Hash of texts and arrays, 32 hex digits; an array counts with its type and shape."""
    total = hashlib.blake2b(digest_size=16)
    for part in parts:
        text = part if isinstance(part, str) else f"{part.dtype.str}{part.shape}"
        data = text.encode("utf-8", "surrogateescape")  # as names of files that are no UTF-8 are
        total.update(len(data).to_bytes(8, "little") + data)
        if not isinstance(part, str):
            total.update(np.ascontiguousarray(part).reshape(-1).view(np.uint8).data)
    return total.hexdigest()


def of_arrays(images: NDArray[np.uint8], labels: NDArray[np.int64] | None, classes: tuple[str, ...]) -> Found:
    """Images that are decoded already."""
    parts = [images] if labels is None else [images, labels]
    return Found(images, labels, classes, digest_of("arrays", *parts, *classes))


def read_splits(splits: Splits, wanted: str) -> Found:
    """The splits that ``wanted`` names (``train``, ``train+test``), joined in that order.

    Raises :class:`UserError` for one that is not there or is named twice.
    """
    names = [part.strip() for part in wanted.split("+")]
    if len(set(names)) < len(names):
        raise UserError(f"split '{wanted}' names a part twice (allowed: {', '.join(splits)}, joined by +)")
    found = []
    for name in names:
        found.append(splits[present_split(name, splits)]())
    return found[0] if len(found) == 1 else _join(found, wanted)


def present_split(name: str, splits: Collection[str]) -> str:
    """The split ``name`` as the source calls it; raises :class:`UserError` where it has none."""
    if name in splits:
        return name
    for other in splits:
        if part_of(name) is not None and part_of(other) == part_of(name):
            return other
    raise errors.unknown("split", name, splits)


def _join(found: Sequence[Found], wanted: str) -> Found:
    first = found[0]
    if any(
        other.classes != first.classes or (other.labels is None) != (first.labels is None) for other in found
    ):
        raise UserError(
            f"split '{wanted}' joins parts whose classes differ (allowed: equal ones); give one of them"
        )
    images = [one.images for one in found]
    labels = [one.labels for one in found if one.labels is not None]
    whole: NDArray[np.uint8] | Encoded
    if isinstance(first.images, Encoded):
        whole = encoded.join([one for one in images if isinstance(one, Encoded)])
    else:
        whole = np.concatenate([one for one in images if isinstance(one, np.ndarray)])
    digest = digest_of("joined", *(one.digest for one in found))
    return replace(
        first,
        images=whole,
        labels=np.concatenate(labels) if labels else None,
        digest=digest,
        left_out=merged(part for one in found for part in one.left_out),
        notes=tuple(dict.fromkeys(note for one in found for note in one.notes)),
    )


def keep_classes(found: Found, classes: tuple[str, ...]) -> Found:
    """Only the images of ``classes``, renumbered in that order; all when it is empty.

    Raises :class:`UserError` for an unknown class, one without images, and a set without labels.
    """
    if not classes:
        return found
    given, classes = ",".join(classes), tuple(composed(name) for name in classes)
    if found.labels is None:
        why = f" ({'; '.join(found.notes)})" if found.notes else ""
        raise UserError(
            f"classes '{given}' asked of images without labels{why} (allowed: none); give --classes ''"
        )
    if len(set(classes)) < len(classes):
        raise UserError(f"classes '{given}' name one twice (allowed: each once); remove it from --classes")
    renumber = np.full(len(found.classes), -1, np.int64)
    for new, name in enumerate(classes):
        known = [composed(each) for each in found.classes]
        if name not in known:
            raise errors.unknown("class", name, found.classes, "mend --classes, or keep all: --classes ''")
        renumber[known.index(name)] = new
    labels = renumber[found.labels]
    kept = np.flatnonzero(labels >= 0)
    need_images(labels[kept], classes)
    images = found.images.take(kept) if isinstance(found.images, Encoded) else found.images[kept]
    others = LeftOut("of other classes", len(found) - len(kept), "", doubtful=False)
    return replace(
        found,
        images=images,
        labels=labels[kept],
        classes=classes,
        digest=digest_of("classes", found.digest, *classes),
        left_out=(*found.left_out, *([others] if others.count else [])),
    )


def need_images(labels: NDArray[np.int64], classes: tuple[str, ...]) -> None:
    """Raise :class:`UserError` for the first of ``classes`` that has no label."""
    for name, count in zip(classes, np.bincount(labels, minlength=len(classes)), strict=True):
        if count == 0:
            raise UserError(
                f"class '{name}' has no images (allowed: classes with images); leave it out of --classes"
            )


def drop(found: Found, indices: NDArray[np.int64]) -> Found:
    """Everything but the images at ``indices``."""
    if not len(indices):
        return found
    kept = np.delete(np.arange(len(found)), indices)
    images = found.images.take(kept) if isinstance(found.images, Encoded) else found.images[kept]
    labels = None if found.labels is None else found.labels[kept]
    named = printable(found.images.name(int(indices[0]))) if isinstance(found.images, Encoded) else ""
    broken = LeftOut("broken", len(indices), named)
    return replace(found, images=images, labels=labels, left_out=(*found.left_out, broken))
