"""Judge against stored moments: the figures that need no more of the reference, and what is left out."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from visavis.data import DataConfig, load_images
from visavis.data.config import Range
from visavis.errors import UserError
from visavis.judge.against import is_result, paired, read_result, rivals, stored
from visavis.judge.evaluate import DEFAULT_IMAGES, Options, extractor_for, modes, open_images
from visavis.judge.figures import Measures, frechet_figures, inception_figures, least, nested
from visavis.judge.made import Sample, Source, seen_by
from visavis.judge.record import need_equal, of_features, of_sample, versions
from visavis.judge.reference import naming, see_set, source_of
from visavis.judge.seen import Seen
from visavis.judge.steps import SILENT, Steps, counted
from visavis.judge.stored_moments import Statistics, read_statistics
from visavis.metrics.features import default_features, load_extractor
from visavis.metrics.statistics import Moments

if TYPE_CHECKING:
    from visavis.metrics.features import Extractor

NEED_IMAGES = (
    *("quality", "kernel distance", "sliced distance", "precision", "recall", "density", "coverage"),
    *("variety", "diversity", "classes", "birthday test", "NDB", "memorisation"),
)
"""What needs the reference's images, or the features of each."""


def measure(
    source: str,
    features: str | None = None,
    *,
    split: str = "train",
    classes: tuple[str, ...] = (),
    resolution: int | None = None,
    weights: Path | None = None,
    resize: str | None = None,
    skip_broken: bool = False,
    range: Range = "auto",  # as the option is called
    device: str = "cpu",
    extractor: Extractor | None = None,
    steps: Steps = SILENT,
) -> tuple[Statistics, str]:
    """The moments of a set's features, and the account of what was read, in a line.

    Raises :class:`UserError` for every mistake that a user can mend.
    """
    with naming("images"):
        config = DataConfig(
            source=source,
            split=split,
            classes=classes,
            resolution=resolution,
            skip_broken=skip_broken,
            range=range,
        )
        images = load_images(config)
    name = features or default_features(images.shape)
    seer = counted(extractor or load_extractor(name, weights, resize, device), steps)
    steps.begin("features of the images", len(images))
    moments = Moments.of(see_set(images, seer).vectors)
    found = Statistics(
        moments.mean.numpy(),
        moments.covariance.numpy(),
        features=seer.name,
        features_sha256=seer.sha256,
        resize=seer.resize,
        images=moments.n,
        resolution=images.resolution,
        source=images.name,
        split=split,
        digest=images.digest,
    )
    return found, "" if images.account is None else images.account.line()


def judge(
    given: str | Path,
    options: Options,
    against: str | Path | None = None,
    extractor: Extractor | None = None,
    steps: Steps = SILENT,
) -> dict[str, Any]:
    """Judge a run's images, or images, against the statistics that ``options.reference`` names.

    The Fréchet distance, with a null of held-out images where ``options.held_out`` is a source of them, and
    what needs no reference; ``against`` as :func:`visavis.judge.evaluate.evaluate` takes it.  Raises
    :class:`UserError` for every mistake that a user can mend.
    """
    began = time.monotonic()
    name = str(options.reference)
    statistics = read_statistics(name)
    _refuse(options)
    source = open_images(given, options)
    before = read_result(against) if against is not None and is_result(against) else None
    rival = open_images(against, options) if against is not None and before is None else None
    seer = counted(extractor or _extractor(source, options, statistics), steps)
    statistics.check(seer, name)
    held_out = _held_out(options, source, seer)
    sample = _take(source, options)
    told = _record(sample, statistics, seer, held_out, options)
    steps.begin("features of the images", len(sample.pixels))
    made = _seen(sample, seer, statistics, name)
    steps.begin("figures and their intervals")
    if before is not None:
        need_equal(told, before["record"])
    found = _figures(made, statistics, seer.name, options, intervals=True)
    why = "statistics hold no images; give --held-out SOURCE"
    null = None if held_out is None else held_out.some(len(made), options.seed)
    nulls = {} if null is None else _figures(null, statistics, seer.name, options, intervals=False)
    result = {
        **nested(found, nulls, why),
        "left_out": {"figures": list(NEED_IMAGES), "why": "the reference is moments alone"},
        "warnings": _remarks(sample, statistics, len(made)),
        "record": told | {"seconds": round(time.monotonic() - began, 3)},
    }
    if before is not None:
        result["against"] = {"with": str(against), "answers": stored(result, before)}
    if rival is not None:
        other = _take(rival, options)
        need_equal(told, _record(other, statistics, seer, held_out, options))
        seen = _seen(other, seer, statistics, name)
        answer = paired(rivals(made, seen, statistics.gaussian, seer.name, options.seed))
        result["against"] = {"with": str(against), "answers": [answer]}
    return result


def _refuse(options: Options) -> None:
    """Refuse what asks for the reference's images."""
    for given, option in ((options.split, "--split"), (options.per_class, "--per-class")):
        if given:
            raise UserError(
                f"{option} asks for the reference's images, and '{options.reference}' holds statistics; "
                "leave it out, or give images as --reference"
            )


def _extractor(source: Source, options: Options, statistics: Statistics) -> Extractor:
    if options.features is None and statistics.features is None:
        raise UserError(
            f"statistics '{options.reference}' of {len(statistics.mean)} dimensions do not say of which "
            "features they are; give --features, as in inception, which pytorch-fid takes"
        )
    return extractor_for(
        source.shape,
        replace(
            options,
            features=options.features or statistics.features,
            resize=options.resize or statistics.resize,
        ),
    )


def _held_out(options: Options, source: Source, extractor: Extractor) -> Seen | None:
    """The images that give the null; only another source can be held out."""
    wanted = options.held_out
    if wanted in ("auto", "none"):
        return None
    like = DataConfig(
        source=wanted,
        resolution=source.shape.resolution,
        channels="rgb" if source.shape.channels == 3 else "auto",
        classes=options.classes,
        skip_broken=options.skip_broken,
        range=options.range,
    )
    config = source_of(wanted, like)
    if config is None:
        raise UserError(
            f"--held-out '{wanted}' of statistics, which have no splits (allowed: a folder or another source "
            "of images, none)"
        )
    with naming("--held-out"):
        return see_set(load_images(config), extractor)


def _take(source: Source, options: Options) -> Sample:
    n = options.n if options.n is not None or len(source) else DEFAULT_IMAGES
    least(n or len(source), "to judge")
    return source.take(n, options.seed)


def _seen(sample: Sample, extractor: Extractor, statistics: Statistics, name: str) -> Seen:
    made = seen_by(extractor, sample.pixels, None, sample.digest)
    own, stored_dims = made.vectors.shape[1], len(statistics.mean)
    if own != stored_dims:
        raise UserError(
            f"statistics '{name}' have {stored_dims} dimensions, features '{extractor.name}' of these images "
            f"{own} (allowed: as many); give other --features"
        )
    return made


def _figures(x: Seen, statistics: Statistics, features: str, options: Options, intervals: bool) -> Measures:
    gaussian = statistics.gaussian
    far = gaussian if options.infinity else None
    found = frechet_figures(x, gaussian, features, options.seed, intervals, far)
    return found | inception_figures(x, features, options.seed, intervals) | modes(x, features)


def _remarks(sample: Sample, statistics: Statistics, n: int) -> list[str]:
    told = [
        f"the reference is moments alone, so these are left out: {', '.join(NEED_IMAGES)}; "
        "they need its images"
    ]
    d, side = len(statistics.mean), sample.pixels.shape[1]
    fewest = n if statistics.images is None else min(n, statistics.images)
    if fewest <= d:
        told.append(f"{fewest} images for {d} dimensions: the Fréchet distance is mostly bias")
    if statistics.images is None:
        told.append("the statistics do not say of how many images they are, so their bias is unknown")
    if statistics.resolution not in (None, side):
        told.append(
            f"the statistics are of images of {statistics.resolution} pixels, and these have {side}: "
            "sharpness is counted as a difference"
        )
    if sample.jpeg:
        told.append(f"{sample.jpeg} of {n} images are JPEGs: compression moves every figure")
    return told


def _record(
    sample: Sample, statistics: Statistics, extractor: Extractor, held_out: Seen | None, options: Options
) -> dict[str, Any]:
    n = len(sample.pixels)
    account = sample.account
    return {
        **of_features(extractor, len(statistics.mean)),
        "reference": str(options.reference),
        "reference_digest": statistics.content,
        "reference_statistics": statistics.told(),
        "split": statistics.split,
        "reference_images": statistics.images,
        "held_out": options.held_out if held_out is not None else "none",
        "held_out_digest": None if held_out is None else held_out.digest,
        "held_out_images": 0 if held_out is None else len(held_out),
        "null_images": 0 if held_out is None else min(n, len(held_out)),
        "classes": list(options.classes),
        **of_sample(sample),
        "channels": sample.pixels.shape[3],
        "accounts": {} if account is None else {"images": account.as_json()},
        "batch_size": extractor.batch_size,
        "seed": options.seed,
        "device": options.device,
        "versions": versions(),
    }
