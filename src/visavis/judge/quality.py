"""The quality score: fidelity, diversity and class coverage in one number from 0 to 100.

S5 asked for such a number and did not define it; this definition is the project's own, told with its
weaknesses in docs/quality.md.  It is built from precision, density, recall, coverage, variety and the
classes' shares, each divided by what held-out real images get, so that these score 100.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from visavis.errors import UserError
from visavis.metrics.bootstrap import LEVEL, Interval, centred
from visavis.metrics.manifold import K_DENSITY, manifold
from visavis.metrics.neighbours import Neighbours, among
from visavis.metrics.tables import labels_of, seeded, table
from visavis.metrics.variety import alike, variety

LEAST = 100
"""Below so many images on a side the null itself is too uncertain to divide by."""

SUBSAMPLE = 1000
"""An interval looks at subsamples of at most so many images."""


@dataclass(frozen=True)
class Figures:
    """What the score needs to know of one set of images, compared with the reference.

    ``variety`` is the effective number of pictures as a share of all; ``overlap`` that of the classes'
    shares, or None where the data has no classes.
    """

    precision: float
    recall: float
    density: float
    coverage: float
    variety: float
    overlap: float | None = None


class Quality(NamedTuple):
    """``value`` from 0 to 100, and its parts from 0 to 1; ``classes`` is None where there are none."""

    value: float
    fidelity: float
    diversity: float
    classes: float | None


class Labelled(NamedTuple):
    """Features ``[N, d]`` and each image's class by a classifier, int64 ``[N]``, or None without classes."""

    features: Tensor
    labels: Tensor | None = None

    def part(self, rows: Tensor) -> Labelled:
        """The rows at ``rows: int64 [n]``."""
        return Labelled(self.features[rows], None if self.labels is None else self.labels[rows])


def quality(generated: Figures, null: Figures) -> Quality:
    """The score of ``generated`` figures, given those of as many held-out real images (``null``).

    Each figure is divided by the null's and cut off at 1.  Fidelity is the geometric mean of precision and
    density so treated, diversity that of recall and coverage (what there is at all) times variety (how much
    of what is shown is not the same again), classes the overlap; the value is 100 times the harmonic mean of
    the parts: at most three times the worst of them, 0 when one is 0.  Raises :class:`UserError` where the
    null is 0, or only one side has classes.
    """
    if (generated.overlap is None) != (null.overlap is None):
        raise UserError("classes of one side only; give labels of generated and held-out images, or of none")

    def of_null(name: str) -> float:
        value, real = float(getattr(generated, name)), float(getattr(null, name))
        if not real > 0:
            raise UserError(
                f"{name} of held-out images is {real}: no quality can be told; give more of them, or a "
                "reference of the same kind of images"
            )
        return min(1.0, value / real)

    fidelity = math.sqrt(of_null("precision") * of_null("density"))
    diversity = math.sqrt(of_null("recall") * of_null("coverage")) * of_null("variety")
    classes = None if null.overlap is None else of_null("overlap")
    parts = [part for part in (fidelity, diversity, classes) if part is not None]
    mean = len(parts) / sum(1 / part for part in parts) if min(parts) > 0 else 0.0
    return Quality(100 * mean, fidelity, diversity, classes)


def class_overlap(labels: Tensor, labels_real: Tensor, classes: int) -> float:
    """What two histograms of ``classes`` bins share, Σ min(p, q): 1 when equal, 1 - their total variation.

    ``labels: int64 [N]``, ``labels_real: [M]``; both by the same classifier.
    """
    fake, true = labels_of(labels, classes), labels_of(labels_real, classes, "labels of real images")
    p, q = (torch.bincount(x, minlength=classes).double() / len(x) for x in (fake, true))
    return float(torch.minimum(p, q).sum())


def figures(
    images: Labelled, reference: Labelled, classes: int | None = None, of_real: Neighbours | None = None
) -> Figures:
    """Compare ``images`` with ``reference``; with ``classes``, both need labels.

    ``of_real``: the nearest :data:`K_DENSITY` others of each of the reference, where they are known already.
    """
    overlap = None
    if classes is not None:
        if images.labels is None or reference.labels is None:
            raise UserError(f"{classes} classes but no labels; classify both sides, or leave classes out")
        overlap = class_overlap(images.labels, reference.labels, classes)
    of_real = of_real or among(reference.features, K_DENSITY)
    balls = manifold(images.features, reference.features, of_real=of_real)
    share = variety(alike(images.features, reference.features, of_real=of_real))
    return Figures(balls.precision, balls.recall, balls.density, balls.coverage, share, overlap)


def measured_quality(
    generated: Labelled,
    held_out: Labelled,
    reference: Labelled,
    classes: int | None = None,
    seed: int = 0,
) -> Quality:
    """The score of features, at equal N: of the larger of ``generated`` and ``held_out`` a random part is
    used.

    Raises :class:`UserError` for fewer than :data:`LEAST` images on a side.
    """
    n = _equal(generated, held_out, reference)
    generator = seeded(seed)
    made, real = (_random_part(x, n, generator) for x in (generated, held_out))
    return quality(figures(made, reference, classes), figures(real, reference, classes))


def quality_draws(
    generated: Labelled,
    held_out: Labelled,
    reference: Labelled,
    classes: int | None = None,
    draws: int = 50,
    seed: int = 0,
) -> Tensor:
    """The score of ``draws`` random subsamples, spread as scores of all n images would be: ``[draws]``.

    Drawn without replacement: a bootstrap's repeats would be duplicates, which the score punishes.  Of each
    side b images are drawn, b = n/2 and at most :data:`SUBSAMPLE`; such a mean varies by σ²(1/b - 1/n), so
    deviations are multiplied by √(b/(n - b)).  Source: Politis, Romano and Wolf 1999, "Subsampling",
    section 2 and its finite-population correction.
    """
    n = _equal(generated, held_out, reference)
    b = min(n // 2, SUBSAMPLE)
    generator = seeded(seed)
    values = []
    for _ in range(draws):
        made, real, against = (_random_part(x, b, generator) for x in (generated, held_out, reference))
        near = among(against.features, K_DENSITY)
        null = figures(real, against, classes, near)
        values.append(quality(figures(made, against, classes, near), null).value)
    found = torch.tensor(values, dtype=torch.float64)
    return found.mean() + (found - found.mean()) * math.sqrt(b / (n - b))


def quality_interval(value: float, draws: Tensor, level: float = LEVEL) -> Interval:
    """The interval of a score ``value`` from its :func:`quality_draws`, centred on it, within 0 to 100.

    It holds ``value`` even where nearly all draws are 0, and one that is not moves their mean away.
    """
    low, high, _ = centred(value, draws, level)
    return Interval(max(0.0, min(low, value)), min(100.0, max(high, value)), level)


def _equal(*sides: Labelled) -> int:
    """The number of images in the smaller of the first two sides."""
    for side, what in zip(sides, ("generated", "held-out", "reference"), strict=True):
        table(side.features, f"{what} features", LEAST)
    return min(len(side.features) for side in sides[:2])


def _random_part(images: Labelled, n: int, generator: torch.Generator) -> Labelled:
    order = torch.randperm(len(images.features), generator=generator)[:n]
    return images.part(order.sort().values)
