"""Judge images: every figure with its interval, beside what held-out real images get, and how it was made."""

from __future__ import annotations

import time
from collections.abc import Collection
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from visavis.core import Shape
from visavis.data import DataConfig
from visavis.data.config import Range
from visavis.errors import UserError, unknown
from visavis.judge import several
from visavis.judge.against import is_result, read_result, stored
from visavis.judge.by_class import balance, by_class, classes_of, need_classes
from visavis.judge.copies import Copies, copies
from visavis.judge.figures import (
    Measured,
    Measures,
    balls,
    distances,
    least,
    nested,
    packed,
    repeats,
    threshold_of,
    unpacked,
)
from visavis.judge.inputs import open_source
from visavis.judge.made import Sample, Source, seen
from visavis.judge.record import PROTOCOL, need_equal, record
from visavis.judge.reference import Real, naming, open_real
from visavis.judge.remarks import remarks
from visavis.judge.score import quality_row
from visavis.judge.seen import Seen
from visavis.judge.steps import SILENT, Steps, counted
from visavis.metrics.collapse import Pairs, closest_pairs
from visavis.metrics.features import EXTRACTORS, features_beside, load_extractor

if TYPE_CHECKING:
    from visavis.metrics.features import Extractor

DEFAULT_IMAGES = 10_000
"""Images made with a run where nobody says how many and as many real ones are held out."""


MODES = {
    ("digitsr", 8, 1): "digit-modes",
    ("digitsr", 8, 3): "stacked-modes",
    ("mnistr", 28, 1): "mnist-modes",
    ("mnistr", 28, 3): "stacked-mnist-modes",
}
"""Features, side and channels of the images -> the metric that counts their modes."""


@dataclass(frozen=True)
class Options:
    """How to judge; see :func:`evaluate`."""

    reference: str | None = None
    features: str | None = None
    n: int | None = None
    classes: tuple[str, ...] = ()
    weights: Path | None = None
    resize: str | None = None
    raw: bool = False
    seed: int = 0
    split: str | None = None
    held_out: str = "auto"
    resolution: int | None = None
    skip_broken: bool = False
    range: Range = "auto"
    infinity: bool = False
    per_class: bool = False
    device: str = "cpu"

    def need_only(self, used: Collection[str], what: str, mend: str) -> None:
        """Raise :class:`UserError` for an option that is given and not ``used``: it does not apply."""
        for field in fields(self):
            if field.name not in used and getattr(self, field.name) != field.default:
                option = "-n" if field.name == "n" else f"--{field.name.replace('_', '-')}"
                raise UserError(f"{option} does not apply to {what}; {mend}")


@dataclass(frozen=True)
class Evaluation:
    """``result``: what ``visavis evaluate --json`` prints; the rest is what a gallery shows."""

    result: dict[str, Any]
    made: Seen
    real: Real
    copies: Copies
    closest: Pairs
    closest_held_out: Pairs | None


def evaluate(
    given: str | Path,
    options: Options,
    against: str | Path | None = None,
    extractor: Extractor | None = None,
    steps: Steps = SILENT,
) -> Evaluation:
    """Judge a run's images, or images: all figures of ``options.features`` against a real reference.

    A run's reference is by default what it was trained on.  ``against`` are other images or another run, to
    be compared pairwise, or a stored result.  ``extractor`` replaces the one that the options name.
    ``steps`` are told how far it is.  Raises :class:`UserError` for every mistake that a user can mend.
    """
    more_features = others_of(options)
    steps.begin("reading images")
    source = open_images(given, options)
    before = read_result(against) if against is not None and is_result(against) else None
    rival = open_images(against, options) if against is not None and before is None else None
    seer = counted(extractor or extractor_for(source.shape, options, source.trained_in), steps)
    steps.begin("features of real images")
    real = open_reference(source, options, seer)
    steps.begin("taking images")
    sample = take(source, real, options)
    told = record(sample, real, options.seed, options.device)
    if before is not None:
        need_equal(told, before["record"])
    other = None if rival is None else take(rival, real, options)
    if other is not None:
        need_equal(told, record(other, real, options.seed, options.device))
    found = judge_sample(sample, source, real, options, steps)
    if other is not None:
        steps.begin("features of the other images", len(other.pixels))
    views = [several.View(real, found.made, None if other is None else seen(other, real))]
    for name in more_features:
        steps.begin(f"features of {name}")
        more = counted(load_extractor(name, None, None, options.device), steps)
        views.append(several.view(sample, other, open_reference(source, options, more)))
    if more_features:
        figures = [several.figures_of(each, options.seed, options.infinity) for each in views[1:]]
        found.result["other_features"] = dict(zip(more_features, figures, strict=True))
    if before is not None:
        found.result["against"] = {"with": str(against), "answers": stored(found.result, before)}
    if other is not None:
        told = several.compared(views, options.seed)
        found.result["against"] = {"with": str(against), **told}
        found.result["warnings"] = [*found.result["warnings"], *several.doubts(told.get("gaps", ()))]
    return found


def open_images(given: str | Path, options: Options) -> Source:
    """What is to be judged, read as the options say."""
    raw, classes, resolution = options.raw, options.classes, options.resolution
    return open_source(given, raw, classes, resolution, options.skip_broken, options.device, options.range)


def extractor_for(shape: Shape, options: Options, trained_in: Collection[str] = ()) -> Extractor:
    """The extractor that the options name (the first), or one for images of ``shape`` that none was
    ``trained_in``.
    """
    name = (options.features or features_beside(shape, trained_in)).split(",")[0]
    return load_extractor(name, options.weights, options.resize, options.device)


def others_of(options: Options) -> list[str]:
    """The names of further features, as in ``cifar10r,cifar10s``; each is known, and named once."""
    names = (options.features or "").split(",")
    for name in names[1:]:
        if ":" not in name and name not in EXTRACTORS:
            raise unknown("features", name, (*EXTRACTORS, "module:path"))
    if len(set(names)) < len(names):
        raise UserError(f"--features {options.features} names one of them twice; name each once")
    return names[1:]


def open_reference(source: Source, options: Options, extractor: Extractor) -> Real:
    """The real images to judge against: those that the options name, or the run's own."""
    asked: dict[str, Any] = {"resolution": source.shape.resolution}
    if options.skip_broken:
        asked["skip_broken"] = True
    if options.classes:
        asked["classes"] = options.classes
    if options.split:
        asked["split"] = options.split
    if options.reference is not None:
        asked["range"] = options.range
        asked["channels"] = "rgb" if source.shape.channels == 3 else "auto"  # colours ask for colours
        config = DataConfig(source=str(options.reference), **asked)
    elif source.data is not None:
        config = source.data.model_copy(update=asked)
    else:
        raise UserError("images without a reference; give --reference: a folder, parquet, .npz, digits, …")
    own = source.data is not None and options.reference in (None, source.data.source)
    with naming("--reference"):
        return open_real(config, extractor, options.held_out, trained=own)


def judge_sample(
    sample: Sample, source: Source, real: Real, options: Options, steps: Steps = SILENT
) -> Evaluation:
    """All figures of a sample against a reference that is ready."""
    began = time.monotonic()
    steps.begin("features of the images", len(sample.pixels))
    made = seen(sample, real)
    steps.begin("figures and their intervals")
    classes = need_classes(made, real) if options.per_class else classes_of(made, real)
    held_out = None if real.held_out is None else real.held_out.some(len(made), options.seed)
    threshold = threshold_of(real, len(made))

    def measures(x: Seen, intervals: bool) -> Measures:
        seed = options.seed
        return (
            distances(x, real, seed, intervals, options.infinity)
            | balls(x, real.few, seed, intervals)
            | modes(x, real.extractor.name)
            | repeats(x, real, threshold, seed)
            | by_class(x, real, classes, intervals, seed)
        )

    found = measures(made, intervals=True)
    null: Measures = {}
    if held_out is not None:
        steps.begin("figures of held-out images")
        least(len(held_out), "held out")
        what = (
            f"nulls {PROTOCOL} sliced {len(made)} {options.seed} {options.infinity} {classes} {threshold!r}"
        )
        null = unpacked(real.remember(what, lambda: packed(measures(held_out, intervals=False))))
    steps.begin("copies and quality")
    copied = copies(made, real, options.seed)
    figures = nested(found, null, real.why)
    figures.setdefault("classes", {}).update(balance(made, real))
    closest = closest_pairs(made.others)
    figures["birthday"] |= {"threshold": threshold, "closest": _listed(closest)}
    result = {
        "quality": quality_row(made, held_out, real, found, null, options.seed, source.trained_in),
        **figures,
        "memorisation": copied.rows,
        "warnings": remarks(sample, source, real, made, held_out),
        "record": record(sample, real, options.seed, options.device)
        | {"trained_in": list(source.trained_in), "seconds": round(time.monotonic() - began, 3)},
    }
    other = None if held_out is None else closest_pairs(held_out.others)
    return Evaluation(result, made, real, copied, closest, other)


def take(source: Source, real: Real, options: Options) -> Sample:
    """The images to be judged: as many of a run as are held out, else all that there are."""
    n = options.n
    if n is None and not len(source):
        n = DEFAULT_IMAGES if real.held_out is None else min(DEFAULT_IMAGES, len(real.held_out))
    least(n or len(source), "to judge")
    least(len(real.reference), "in the reference")
    return source.take(n, options.seed)


def modes(x: Seen, features: str) -> Measures:
    """Modes and their divergence from uniform, of digits read by their classifier."""
    from visavis.metrics import METRICS

    _, side, _, channels = x.read(np.arange(1)).shape
    name = MODES.get((features, side, channels))
    if name is None:
        return {}
    scores = METRICS[name](torch.from_numpy(np.array(x.read(np.arange(len(x))))))
    by_chance = f"no interval: a uniform sampler gets {scores['modes_uniform']:.1f} modes"
    kl = scores["kl_uniform"]
    return {
        ("modes", "modes"): Measured(scores["modes"], None, by_chance, scores["modes_uniform"]),
        ("modes", "kl"): Measured(scores["kl"], None, f"no interval: uniform {kl:.4g}", kl),
    }


def _listed(pairs: Pairs) -> list[list[float]]:
    rows = zip(pairs.indices.tolist(), pairs.distances.tolist(), strict=True)
    return [[i, j, distance] for (i, j), distance in rows]
