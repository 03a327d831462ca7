"""A quick judgement while training: a few figures of a few images, no intervals."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor

from visavis.data import draws
from visavis.errors import unknown
from visavis.judge.reference import Real
from visavis.metrics.collapse import duplicate_threshold
from visavis.metrics.frechet import frechet_distance
from visavis.metrics.kernel import kernel_distance
from visavis.metrics.manifold import manifold
from visavis.metrics.memorisation import authentic, authentic_of
from visavis.metrics.neighbours import among, nearest

_REAL = 0xA07E  # a stream of random draws
_BALLS = ("precision", "recall", "density", "coverage")


def judge(pixels: Tensor, real: Real, names: Sequence[str] = ("fd", "coverage")) -> dict[str, float]:
    """The named figures of uint8 ``pixels: [N, H, W, C]`` against a reference that :func:`open_real` gave.

    ``fd`` (against all of the reference), ``kd``, ``precision``, ``recall``, ``density``, ``coverage``, each
    against as many real images as there are generated ones; ``authenticity``: the fraction of images that are
    farther from their nearest reference image than that is from its own nearest; ``duplicates``: the fraction
    of images with another one nearer than 1 % of as many real images have theirs.  All depend on N: compare
    at equal N only.
    Raises :class:`UserError` for another name and for too few images.
    """
    for name in names:
        if name not in (*FIGURES, *_BALLS):
            raise unknown("figure", name, (*FIGURES, *_BALLS))
    made = real.extractor(pixels).vectors
    as_many = real.reference.some(len(made)).vectors
    found = {name: FIGURES[name](made, as_many, real) for name in names if name in FIGURES}
    if any(name in _BALLS for name in names):
        balls = manifold(made, as_many)
        found |= {name: float(getattr(balls, name)) for name in names if name in _BALLS}
    return {name: found[name] for name in names}


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
