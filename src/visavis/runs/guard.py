"""The guard that is always on: a look at a few samples at every snapshot, and a warning in plain words.

It costs about a second at most, so nobody has to ask for it: of a slow generator it takes fewer samples, and
leaves out what so few cannot tell.  The evaluations of ``--watch`` say more and cost more.
"""

from __future__ import annotations

import logging
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from visavis.data import AnySet, ImageSet
from visavis.data.pixels import over_white
from visavis.metrics.bootstrap import share_interval
from visavis.metrics.features import default_features, load_extractor
from visavis.metrics.glance import repeated, unseen, variety
from visavis.models.generator import latents
from visavis.runs.watch import certainty, victory

if TYPE_CHECKING:
    from visavis.metrics.features import Extractor
    from visavis.models.model import Model

LOG = logging.getLogger("visavis")
SAMPLES = 100
"""Images that a snapshot's look takes, where the generator is fast enough."""
CLOSING = 1_000
"""Images that the last look of a conditional run takes, in ten times as long."""
SECONDS = 0.6
"""What making :data:`SAMPLES` images may take; reading them takes the rest of a second."""
FIRST = 10
"""Images that are made whatever they take, or two of each of a few classes where that is more: variety is a
distance between two."""
MANY, EACH = 50, 5
"""Images from which repeats are told, since of fewer the nearest two may be near by chance, and images of a
class from which it is missed."""
SEED = 3
"""Of their latents: other ones than the sheets, the evaluations and the final metrics take."""
ONE_PICTURE, LITTLE, REPEATS = 0.1, 0.4, 0.2
"""Variety below which z is ignored, below which there is little of it, and the share of repeats."""
MOST_CLASSES = 100
"""Sets of more classes have too few of each to be looked at one by one."""

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Glance:
    """What a look at ``samples`` images found; None: so few images, or these, do not tell.

    ``variety``: the distance between two samples (of one class, where it is asked for; the mean over classes)
    beside that of real ones; ``narrowest``: that of the class with the least.  ``repeats``: the share of
    samples that all but equal another.  ``steering``: of those that the project's classifier puts into the
    class asked for, with its 95 % interval, where it knows the classes; ``missing``: classes without any.
    ``certainty``: how often D has been right lately.  ``unasked``: the classifier, where the generator was
    trained in its features, so that it tells neither the classes nor the steering.
    """

    samples: int
    variety: float | None = None
    narrowest: str | None = None
    repeats: float | None = None
    steering: float | None = None
    steering_interval: tuple[float, float] | None = None
    missing: tuple[str, ...] = ()
    certainty: float | None = None
    loss: float | None = None
    unasked: str | None = None


def look(
    model: Model,
    data: AnySet,
    stats: Sequence[Row] = (),
    samples: int = SAMPLES,
    now: Callable[[], float] = time.perf_counter,
) -> Glance:
    """A look at up to ``samples`` images of a generator that was trained on ``data``."""
    from visavis.judge.made import trained_in

    assert isinstance(data, ImageSet)
    few = model.description.conditional and 1 < len(data.classes) <= MOST_CLASSES
    least = max(FIRST, 2 * len(data.classes) if few else 0)
    made = taken(model, samples, least, SECONDS * samples / SAMPLES, now)
    n = len(made)
    real, real_labels = _real(data, n)
    asked = model.labels(0, n, None)
    whole = torch.zeros(n, dtype=torch.int64)
    labels, of_real = (asked, real_labels) if few else (whole, whole[: len(real)])
    assert labels is not None and of_real is not None
    parts = variety(made, labels, real, of_real)
    narrowest = min(parts, key=lambda label: parts[label], default=None)
    used = trained_in(model.description.recipe)
    unasked = default_features(data.shape) if default_features(data.shape) in used else None
    steering, missing = ((None, None), ()) if unasked else _classes(made, asked, data)
    return Glance(
        n,
        statistics.fmean(parts.values()) if parts else None,
        data.classes[narrowest] if few and narrowest is not None else None,
        repeated(made, real) if n >= MANY else None,
        *steering,
        missing,
        *certainty(stats),
        unasked if len(data.classes) > 1 else None,
    )


def taken(model: Model, most: int, least: int, seconds: float, now: Callable[[], float]) -> Tensor:
    """The first images of :data:`SEED`, uint8 ``[n, H, W, C]``: ``most`` if that takes no more than
    ``seconds``, else as many as do, and ``least`` at least.

    They are made in parts, each of which tells how many more there is time for.
    """
    began, n, size = now(), 0, min(least, most)
    parts = []
    while size > 0:
        start = now()
        labels = model.labels(n, size, None)
        parts.append(model.render(latents(SEED, n, size, model.z_dim), labels))
        n += size
        end = now()
        each, left = (end - start) / size, seconds - (end - began)
        in_time = most if each <= 0 else max(int(left / each), 0)
        size = min(n, in_time, most - n)
    return torch.from_numpy(np.concatenate(parts))


def _real(data: ImageSet, n: int) -> tuple[Tensor, Tensor | None]:
    """As many real images, and their labels; of a few classes, as many of each."""
    order = np.random.default_rng(SEED).permutation(len(data))
    if data.labels is not None and 1 < len(data.classes) <= MOST_CLASSES:
        each = -(-n // len(data.classes))
        ranked = [order[data.labels[order] == label][:each] for label in range(len(data.classes))]
        order = np.concatenate(ranked)[np.random.default_rng(SEED).permutation(sum(map(len, ranked)))]
    chosen = np.sort(order[:n])
    labels = None if data.labels is None else torch.from_numpy(data.labels[chosen])
    return torch.from_numpy(np.array(data.images[chosen])), labels


Steering = tuple[float | None, tuple[float, float] | None]


def _classes(made: Tensor, asked: Tensor | None, data: ImageSet) -> tuple[Steering, tuple[str, ...]]:
    """Which classes the project's classifier sees, where it knows them.

    A class is missed where :data:`EACH` images of it were asked for, or would be there by chance.
    """
    extractor = load_extractor(default_features(data.shape))
    known = _known(extractor, data)
    if known is None:
        return (None, None), ()
    logits = extractor(over_white(made)).logits
    if logits is None:
        return (None, None), ()
    predicted = logits[:, known].argmax(1)
    if asked is None:
        counts = torch.bincount(predicted, minlength=len(known))
        expected = len(made) / len(known)
        missing = [c for c in range(len(known)) if counts[c] == 0 and expected >= EACH]
        return (None, None), tuple(data.classes[c] for c in missing)
    right = predicted == asked
    often = torch.bincount(asked, minlength=len(known)) >= EACH
    missing = unseen(predicted, asked, often.nonzero()[:, 0].tolist())
    return (float(right.double().mean()), share_interval(int(right.sum()), len(right))), tuple(
        data.classes[c] for c in missing
    )


def _known(extractor: Extractor, data: ImageSet) -> list[int] | None:
    """Where the data's classes stand among those of the classifier; None where it does not know them all."""
    names = list(extractor.classes)
    if len(data.classes) < 2 or not set(data.classes) <= set(names):
        return None
    return [names.index(name) for name in data.classes]


def warnings(found: Glance) -> dict[str, str]:
    """What is wrong with the samples, by kind, in plain words."""
    told = {}
    if found.variety is not None and found.variety < ONE_PICTURE:
        where = "of a class " if found.narrowest is not None else ""
        told["z"] = (
            f"z is ignored: the samples {where}are one picture (they differ {found.variety:.2f} times as "
            "much as real ones); raise --objective.r1 and r2, or train longer"
        )
    elif found.variety is not None and found.variety < LITTLE:
        where = f", least in '{found.narrowest}'" if found.narrowest is not None else ""
        told["variety"] = (
            f"little variety: the samples differ {found.variety:.2f} times as much as real ones do{where}; "
            "raise --objective.r1 and r2, or train longer"
        )
    if found.repeats is not None and found.repeats > REPEATS:
        told["repeats"] = (
            f"{found.repeats:.0%} of the samples repeat another one: the generator makes few pictures"
        )
    if found.missing:
        told["classes"] = f"no sample shows {', '.join(found.missing)}: classes are missing"
    won = victory(found.certainty, found.loss)
    if won is not None:
        told["critic"] = won
    return told


def as_row(found: Glance, told: Mapping[str, str]) -> dict[str, Any]:
    """What the log keeps: the figures that there are, and the kinds of warnings."""
    plain = {name: value for name, value in asdict(found).items() if value not in (None, ())}
    rounded = {name: round(value, 4) if isinstance(value, float) else value for name, value in plain.items()}
    return {**rounded, "warnings": list(told)}


def said_before(stats: Sequence[Row]) -> set[str]:
    """The kinds of warnings of the look before."""
    rows = [row for row in stats if row.get("event") == "guard"]
    return set(rows[-1]["warnings"]) if rows else set()
