"""Figures by class: which are missing, how diverse each is, how each compares with the real one."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from visavis.errors import UserError
from visavis.judge.figures import Measured, Measures, absent, balls, frechet_name
from visavis.judge.quality import class_overlap
from visavis.judge.reference import Real
from visavis.judge.seen import Seen
from visavis.metrics.bootstrap import mean_interval
from visavis.metrics.collapse import class_balance, class_diversity
from visavis.metrics.frechet import frechet_distance
from visavis.metrics.kernel import kernel_distance
from visavis.metrics.manifold import K_DENSITY

MOST_SEEN = 100
"""Classes that an extractor may tell apart by itself: of more there are too few images of each."""
INTRA = "intra_"
"""Before the name of a distance: its mean over the classes."""


class Classes(NamedTuple):
    """The classes that images are told apart by: ``given`` with the images, or else the extractor's."""

    names: tuple[str, ...]
    given: bool

    def of(self, x: Seen) -> Tensor:
        """int64 ``[N]``."""
        labels = x.labels if self.given else x.predicted
        assert labels is not None
        return labels


def classes_of(x: Seen, real: Real) -> Classes | None:
    """Labels that came with both sides, or the extractor's, or None."""
    sides = [x, real.reference, *([] if real.held_out is None else [real.held_out])]
    if all(side.labels is not None for side in sides) and len(real.classes) > 1:
        return Classes(real.classes, given=True)
    if x.logits is not None and 1 < len(real.extractor.classes) <= MOST_SEEN:
        return Classes(tuple(real.extractor.classes), given=False)
    return None


def need_classes(x: Seen, real: Real) -> Classes:
    """:func:`classes_of`, or :class:`UserError` where there is only one."""
    found = classes_of(x, real)
    if found is None or len(_present(found, x, real)) < 2:
        raise UserError(
            "figures per class were asked for, and there are no two classes: give images and a reference "
            "with labels, or --features that classify; or leave --per-class out"
        )
    return found


def by_class(x: Seen, real: Real, classes: Classes | None, intervals: bool, seed: int) -> Measures:
    """Diversity, share, per-class figures and the mean of their distances.

    Nothing but the diversity of all where there are no classes.
    """
    found = _diversity(x, real, classes, seed)
    if x.predicted is not None and len(real.extractor.classes) > 1 and real.few.predicted is not None:
        overlap = class_overlap(x.predicted, real.few.predicted, len(real.extractor.classes))
        found[("classes", "overlap")] = Measured(overlap, None, "no interval: see the quality's")
    if classes is None:
        return found
    if classes.given:
        found |= _label_accuracy(x, real, intervals, seed)
    labels, of_real, of_few = (classes.of(side) for side in (x, real.reference, real.few))
    names = _present(classes, x, real)
    for index, name in enumerate(classes.names):
        if name not in names or len(names) < 2:
            continue
        own, all_real, few_real = (
            side.part((which == index).nonzero()[:, 0].numpy())
            for side, which in ((x, labels), (real.reference, of_real), (real.few, of_few))
        )
        found |= {("per_class", name, *p): m for p, m in _one(own, all_real, few_real, real, intervals, seed)}
    return found | _intra(found, frechet_name(real.extractor.name), classes, real)


def _intra(found: Measures, distance: str, classes: Classes, real: Real) -> Measures:
    """The mean of the classes' Fréchet distances, each class counting as much as any other.

    Source: Miyato and Koyama 2018, "cGANs with projection discriminator" (intra FID).  A class without
    enough images on a side is in no mean, and is named.
    """
    rows = {path[1]: row for path, row in found.items() if path[0] == "per_class" and path[2:] == (distance,)}
    if not rows:
        return {}
    values = {name: row.value for name, row in rows.items() if row.value is not None}
    missing = [name for name in classes.names if name not in values]
    by = "" if classes.given else f" that '{real.extractor.name}' sees"
    told = f"of {len(values)} of {len(classes.names)} classes{by}"
    if missing:
        told += f", too few images of {shortened(missing)}"
    if any("bias" in (rows[name].why or "") for name in values):
        told += ", mostly bias where a class has no more images than dimensions"
    if not values:
        return {(INTRA + distance,): absent(told)}
    mean = math.fsum(values.values()) / len(values)
    return {(INTRA + distance,): Measured(mean, None, f"no interval: the mean {told}")}


def shortened(names: Sequence[str], most: int = 5) -> str:
    """The first few names, and how many more there are."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return f"{', '.join(names[:most])}{more}"


def _one(
    x: Seen, all_real: Seen, few_real: Seen, real: Real, intervals: bool, seed: int
) -> list[tuple[tuple[str, ...], Measured]]:
    """The figures of one class."""
    name = real.extractor.name
    found: Measures = {("images",): Measured(len(x), None, "no interval of a count")}
    if min(len(x), len(few_real)) <= K_DENSITY:
        few = absent(f"{len(x)} images of {len(few_real)} real ones (allowed: more than {K_DENSITY})")
        return [*found.items(), ((frechet_name(name),), few), ((f"kd_{name}",), few)]
    value = frechet_distance(x.vectors, all_real.vectors)
    note = ", and mostly bias at so few images" if value.few else ""
    found[(frechet_name(name),)] = Measured(value.value, None, f"no interval per class{note}")
    kernel = kernel_distance(x.vectors, few_real.vectors)
    found[(f"kd_{name}",)] = Measured(kernel.value, kernel.interval()[:2])
    return [*found.items(), *balls(x, few_real, seed, intervals).items()]


def _present(classes: Classes, x: Seen, real: Real) -> list[str]:
    """Names of the classes that either side has at least a few images of."""
    k = len(classes.names)
    counts = torch.maximum(*(torch.bincount(classes.of(side), minlength=k) for side in (x, real.few)))
    return [name for name, count in zip(classes.names, counts.tolist(), strict=True) if count > K_DENSITY]


def _label_accuracy(x: Seen, real: Real, intervals: bool, seed: int) -> Measures:
    """How often the extractor sees the class that an image was labelled with."""
    known = list(real.extractor.classes)
    if x.predicted is None or x.labels is None or not set(real.classes) <= set(known):
        return {}
    wanted = torch.tensor([known.index(name) for name in real.classes])[x.labels]
    right = (x.predicted == wanted).double()
    interval = mean_interval(right, seed=seed)[:2] if intervals else None
    return {("label_accuracy",): Measured(float(right.mean()), interval)}


def _diversity(x: Seen, real: Real, classes: Classes | None, seed: int) -> Measures:
    """The mean over classes of spread and gap, and each class's own."""
    names = classes.names if classes else ("all",)
    labels, of_real = (
        classes.of(side) if classes else torch.zeros(len(side), dtype=torch.int64) for side in (x, real.few)
    )
    rows = class_diversity(x.vectors, labels, real.few.vectors, of_real, names, seed=seed)
    if not rows:
        why = absent("no class has two images on both sides")
        return {("diversity", "spread"): why, ("diversity", "gap"): why}
    how = "no interval: a mean over pairs within classes"
    found: Measures = {
        ("diversity", "spread"): Measured(sum(row.spread for row in rows) / len(rows), None, how),
        ("diversity", "gap"): Measured(sum(row.gap for row in rows) / len(rows), None, how),
    }
    for row in rows if classes else []:
        found[("diversity", "by_class", row.name, "spread")] = Measured(row.spread, None, how)
        found[("diversity", "by_class", row.name, "gap")] = Measured(row.gap, None, how)
    return found


def balance(x: Seen, real: Real) -> dict[str, Any]:
    """Which classes are missing or thinned, by name, as the extractor sees them on both sides."""
    names = tuple(real.extractor.classes)
    if x.predicted is None or real.reference.predicted is None or len(names) < 2:
        return {"why": f"'{real.extractor.name}' tells no classes apart"}
    rows = class_balance(x.predicted, real.reference.predicted, names)
    return {
        "by": real.extractor.name,
        "missing": [row.name for row in rows if row.verdict == "missing"],
        "thinned": [row.name for row in rows if row.verdict == "thinned"],
        "shares": {
            row.name: {"value": row.share, "real": row.share_real, "p": row.p, "verdict": row.verdict}
            for row in rows
        },
    }
