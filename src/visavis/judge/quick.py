"""A quick judgement while training: a few figures of a few images, no intervals."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor

from visavis.data import draws
from visavis.errors import UserError, unknown
from visavis.judge.quality import LEAST, Figures, Labelled, figures, quality
from visavis.judge.reference import Real
from visavis.metrics.collapse import duplicate_threshold
from visavis.metrics.features import Features
from visavis.metrics.frechet import frechet_distance
from visavis.metrics.kernel import kernel_distance
from visavis.metrics.manifold import manifold
from visavis.metrics.memorisation import authentic, authentic_of
from visavis.metrics.neighbours import among, nearest

_REAL = 0xA07E  # a stream of random draws
_BALLS = ("precision", "recall", "density", "coverage")


class Score:
    """The quality score of :mod:`visavis.judge.quality`, of ``n`` images, or as many as are held out.

    The held-out ones, whose figures it is divided by, are looked at once.  Raises :class:`UserError` where
    none are held out, where ``n`` or they are too few, and where a figure of theirs is 0.
    """

    def __init__(self, real: Real, n: int) -> None:
        if real.held_out is None:
            raise UserError(f"no quality can be watched without held-out images: {real.why}")
        self._n = min(n, len(real.held_out))
        if self._n < LEAST:
            raise UserError(
                f"{self._n} images are too few for a quality score (allowed: {LEAST} or more samples and as "
                "many held-out images); watch another figure"
            )
        few, held_out = real.few, real.held_out.some(self._n)
        self._near = few.others
        self._classes = len(real.extractor.classes) if few.predicted is not None else None
        self._reference = Labelled(few.vectors, few.predicted)
        self._null = self._figures(held_out.vectors, held_out.predicted)
        quality(self._null, self._null)  # refuses a figure of 0

    def __call__(self, made: Features) -> float:
        """0 to 100."""
        predicted = None if made.logits is None else made.logits[: self._n].argmax(1)
        return quality(self._figures(made.vectors[: self._n], predicted), self._null).value

    def _figures(self, vectors: Tensor, predicted: Tensor | None) -> Figures:
        return figures(Labelled(vectors, predicted), self._reference, self._classes, self._near)


def judge(
    pixels: Tensor,
    real: Real,
    names: Sequence[str] = ("fd", "coverage"),
    score: Score | None = None,
) -> dict[str, float]:
    """The named figures of uint8 ``pixels: [N, H, W, C]`` against a reference that :func:`open_real` gave.

    ``fd`` (against all of the reference), ``kd``, ``precision``, ``recall``, ``density``, ``coverage``, each
    against as many real images as there are generated ones; ``authenticity``: the fraction of images that are
    farther from their nearest reference image than that is from its own nearest; ``duplicates``: the fraction
    of images with another one nearer than 1 % of as many real images have theirs.  ``quality`` beside them,
    where ``score`` is given.  All depend on N: compare at equal N only.
    Raises :class:`UserError` for another name and for too few images.
    """
    for name in names:
        if name not in (*FIGURES, *_BALLS):
            raise unknown("figure", name, (*FIGURES, *_BALLS))
    features = real.extractor(pixels)
    made = features.vectors
    as_many = real.reference.some(len(made)).vectors
    found = {name: FIGURES[name](made, as_many, real) for name in names if name in FIGURES}
    if any(name in _BALLS for name in names):
        balls = manifold(made, as_many)
        found |= {name: float(getattr(balls, name)) for name in names if name in _BALLS}
    return {name: found[name] for name in names} | ({} if score is None else {"quality": score(features)})


def judge_held_out(n: int, real: Real, names: Sequence[str] = ("fd", "coverage")) -> dict[str, float] | None:
    """What ``n`` held-out real images get from :func:`judge`; None where fewer are held out."""
    if real.held_out is None or len(real.held_out) < n:
        return None
    chosen = real.held_out.some(n)
    return judge(torch.from_numpy(np.array(chosen.read(np.arange(n)))), real, names)


def _fd(made: Tensor, as_many: Tensor, real: Real) -> float:
    return frechet_distance(made, real.gaussian).value


def _kd(made: Tensor, as_many: Tensor, real: Real) -> float:
    return kernel_distance(made, as_many).value


def _authenticity(made: Tensor, as_many: Tensor, real: Real) -> float:
    return float(authentic(made, real.reference.vectors).double().mean())


def authenticity_of_real(real: Real, n: int) -> float:
    """The authenticity of ``n`` reference images, each beside all the others: what copies nothing gets."""
    train = real.reference.vectors
    chosen = draws.permutation(len(train), _REAL)[:n]
    near = nearest(train[chosen], train, exclude=torch.from_numpy(chosen))
    return float(authentic_of(near, train).double().mean())


def _duplicates(made: Tensor, as_many: Tensor, real: Real) -> float:
    return float((among(made).distances[:, 0] <= duplicate_threshold(among(as_many))).double().mean())


FIGURES: dict[str, Callable[[Tensor, Tensor, Real], float]] = {
    "fd": _fd,
    "kd": _kd,
    "authenticity": _authenticity,
    "duplicates": _duplicates,
}
"""Name -> function of generated features, as many real ones, and the reference."""
