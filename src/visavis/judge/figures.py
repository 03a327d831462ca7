"""The figures of one set of images against a reference.  The null is the same function of held-out images."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from visavis.errors import UserError
from visavis.judge.reference import Real
from visavis.judge.seen import Seen
from visavis.metrics.bootstrap import centred, mean_interval, resampled
from visavis.metrics.collapse import bins_that_differ, birthday, duplicate_threshold
from visavis.metrics.frechet import Reference, frechet_distance, frechet_infinity, frechet_interval
from visavis.metrics.inception_score import inception_score
from visavis.metrics.kernel import kernel_distance
from visavis.metrics.manifold import K_DENSITY, manifold
from visavis.metrics.sliced import sliced_distance
from visavis.metrics.variety import alike, variety

RESAMPLES = 200
WIDEST = 1024
"""Dimensions beyond which resampling a Fréchet distance takes minutes, so no interval is given."""

Path = tuple[str, ...]
Ends = tuple[float | None, float | None]


class Measured(NamedTuple):
    """A value with its 95 % interval, or ``why`` one of them is absent.  An open end is None.

    ``chance``: what a perfect generator gets from as many images, where that is known.
    """

    value: float | None
    interval: Ends | None = None
    why: str | None = None
    chance: float | None = None


Measures = dict[Path, Measured]
"""Where a figure stands in the result -> what was measured."""


def absent(why: str) -> Measured:
    """A figure that there is not."""
    return Measured(None, None, why)


def frechet_name(features: str) -> str:
    """``fid`` with the 2015 Inception weights alone, else ``fd_`` and the features."""
    return "fid" if features == "inception" else f"fd_{features}"


def distances(x: Seen, real: Real, seed: int, intervals: bool, infinity: bool = False) -> Measures:
    """Fréchet distance to all of the reference, kernel and sliced ones to part of it, Inception score."""
    name = real.extractor.name
    far = real.reference.vectors if infinity else None
    found = frechet_figures(x, real.gaussian, name, seed, intervals, far)
    kernel = kernel_distance(x.vectors, real.kernel)
    sliced = sliced_distance(x.vectors, real.sliced)
    found[(f"kd_{name}",)] = Measured(kernel.value, kernel.interval()[:2])
    found[(f"swd_{name}",)] = Measured(sliced.value, sliced.interval()[:2])
    return found | inception_figures(x, name, seed, intervals)


def frechet_figures(
    x: Seen,
    gaussian: Reference,
    features: str,
    seed: int,
    intervals: bool,
    far: Tensor | Reference | None = None,
) -> Measures:
    """Fréchet distance to ``gaussian``; extrapolated to infinitely many images against ``far`` if given."""
    name = frechet_name(features)
    found: Measures = {(name,): _frechet(x, gaussian, seed, intervals)}
    if far is not None:
        value = frechet_infinity(x.vectors, far, seed=seed).value
        found[(f"{name}_infinity",)] = Measured(value, None, "no interval of an extrapolation")
    return found


def inception_figures(x: Seen, features: str, seed: int, intervals: bool) -> Measures:
    """The Inception score, where the features classify."""
    if x.logits is None:
        return {}
    return {(f"is_{features}",): _inception(x.logits, features, seed, intervals)}


def _frechet(x: Seen, gaussian: Reference, seed: int, intervals: bool) -> Measured:
    value = frechet_distance(x.vectors, gaussian).value
    if not intervals:
        return Measured(value)
    d = x.vectors.shape[1]
    if d > WIDEST:
        return Measured(value, None, f"no interval: resampling {d} dimensions takes minutes")
    return Measured(value, frechet_interval(x.vectors, gaussian, RESAMPLES, seed)[:2])


def _inception(logits: Tensor, name: str, seed: int, intervals: bool) -> Measured:
    p = logits.double().softmax(1)
    if len(p) < 10:
        return absent(f"{len(p)} images do not make ten splits")
    value = inception_score(p, name, seed=seed).value
    if not intervals:
        return Measured(value)
    entropy = torch.xlogy(p, p).sum(1)
    draws = []
    for weights in resampled(len(p), RESAMPLES, seed):
        mean = weights @ p / len(p)
        draws.append((weights @ entropy / len(p) - torch.xlogy(mean, mean).sum()).exp())
    return Measured(value, centred(value, torch.stack(draws))[:2])


def balls(x: Seen, real: Seen, seed: int, intervals: bool) -> Measures:
    """Precision and recall (k = 3), density and coverage (k = 5), variety."""
    if min(len(x), len(real)) <= K_DENSITY:
        few = absent(f"{len(x)} and {len(real)} images (allowed: more than {K_DENSITY} of both)")
        return {(name,): few for name in ("precision", "recall", "density", "coverage", "variety")}
    found = manifold(x.vectors, real.vectors, of_generated=x.others, of_real=real.others)
    of_images: dict[Path, Tensor] = {
        ("precision",): found.inside_real.double(),
        ("recall",): found.inside_generated.double(),
        ("density",): found.balls.double() / K_DENSITY,
        ("coverage",): found.covered.double(),
    }
    measured = {path: _mean(values, seed, intervals) for path, values in of_images.items()}
    counts = alike(x.vectors, real.vectors, of_real=real.others)
    ends = mean_interval(counts.double().log(), seed=seed)[:2] if intervals else None
    between = None if ends is None else (math.exp(-ends[1]), math.exp(-ends[0]))
    return measured | {("variety",): Measured(variety(counts), between)}


def _mean(values: Tensor, seed: int, intervals: bool) -> Measured:
    interval = mean_interval(values, seed=seed)[:2] if intervals else None
    return Measured(float(values.mean()), interval)


def repeats(x: Seen, real: Real, threshold: float, seed: int) -> Measures:
    """The birthday test at a threshold, and bins of train whose share differs."""
    party = birthday(x.vectors, threshold, seed=seed)
    none = "no two images are one: the support is above the interval's lower end"
    found: Measures = {
        ("birthday", "collision_rate"): Measured(party.collision_rate, None, "see the support's interval"),
        ("birthday", "support"): Measured(
            party.support, (party.support_at_least, None), None if party.duplicates else none
        ),
        ("birthday", "half"): Measured(
            party.half, None, "no interval" if party.half else f"no batch of up to {party.samples} does"
        ),
    }
    cells = min(100, len(x) // 20, len(real.reference) // 20)
    if cells < 2:
        few = absent(f"{len(x)} images are too few for cells of 20")
        return found | {("ndb",): few, ("js",): few}
    bins = bins_that_differ(x.vectors, real.reference.vectors, real.cells(cells))
    how = f"no interval: 5 % of {cells} bins differ by chance"
    return found | {
        ("ndb",): Measured(bins.bins / cells, None, how),
        ("js",): Measured(bins.js, None, f"no interval: by chance about {bins.js_null:.4g}", bins.js_null),
    }


def threshold_of(real: Real, n: int) -> float:
    """Two images nearer than this count as one: what 1 % of ``n`` real images have to their nearest."""
    return duplicate_threshold(real.few.some(max(n, 2)).others)


def figure(measured: Measured | None, null: Measured | None, why: str | None = None) -> dict[str, Any]:
    """``{"value", "interval", "null"}``, and ``why`` where one of them is None: as JSON has it."""
    one = measured or absent("not measured")
    value, beside = _number(one.value), _number(null.value if null else None)
    interval = None if one.interval is None else [_number(end) for end in one.interval]
    row: dict[str, Any] = {"value": value, "interval": interval, "null": beside}
    if one.chance is not None:
        row["chance"] = one.chance
    told = [one.why if value is None or interval is None else None]
    if beside is None:
        told.append(f"no null: {(null.why if null else None) or why or 'not measured of held-out images'}")
    reasons = list(dict.fromkeys(reason for reason in told if reason))
    return row | ({"why": "; ".join(reasons)} if reasons else {})


def _number(value: float | None) -> float | int | None:
    return value if value is None or math.isfinite(value) else None


def nested(measures: Measures, null: Measures, why: str | None) -> dict[str, Any]:
    """Figures by their paths, one dictionary in the other, each beside its null."""
    found: dict[str, Any] = {}
    for path, measured in measures.items():
        here = found
        for name in path[:-1]:
            here = here.setdefault(name, {})
        here[path[-1]] = figure(measured, null.get(path), why)
    return found


def packed(measures: Mapping[Path, Measured]) -> dict[str, np.ndarray[Any, Any]]:
    """As the cache keeps them: JSON as an array of bytes."""
    rows = [[list(path), list(measured)] for path, measured in measures.items()]
    return {"json": np.frombuffer(json.dumps(rows).encode(), np.uint8).copy()}


def unpacked(arrays: Mapping[str, np.ndarray[Any, Any]]) -> Measures:
    """The inverse of :func:`packed`."""
    rows = json.loads(arrays["json"].tobytes())
    return {
        tuple(path): Measured(value, None if interval is None else (interval[0], interval[1]), *more)
        for path, (value, interval, *more) in rows
    }


def least(n: int, what: str) -> None:
    """Raise :class:`UserError` for too few images to have a k-th neighbour."""
    if n <= K_DENSITY:
        raise UserError(
            f"{n} images {what} (allowed: more than {K_DENSITY}, the k of density and coverage); give more"
        )
