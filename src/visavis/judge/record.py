"""What a figure was made with.  Two figures are compared only where all that moves a figure is equal."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import PIL
import torch

import visavis
from visavis.errors import UserError
from visavis.judge.made import Sample
from visavis.judge.reference import Real
from visavis.metrics.manifold import K_DENSITY, K

if TYPE_CHECKING:
    from visavis.metrics.features import Extractor

PROTOCOL = 2
"""Counts changes of the metrics that move their values."""

MATTERS = (
    "protocol",
    "features",
    "features_sha256",
    "resize",
    "reference_digest",
    "split",
    "reference_images",
    "pair_images",
    "held_out",
    "held_out_digest",
    "held_out_images",
    "images",
    "classes",
    "resolution",
    "channels",
    "weights",
    "jpeg",
)
"""Fields that move a value without the model having changed."""


class Difference(NamedTuple):
    """A field in which two records differ, and its values."""

    field: str
    a: Any
    b: Any


def record(sample: Sample, real: Real, seed: int, device: str) -> dict[str, Any]:
    """All that has to stand beside a figure (design: Numbers), without the time that it took."""
    n = len(sample.pixels)
    return {
        **of_features(real.extractor, real.reference.vectors.shape[1]),
        "k": [K, K_DENSITY],
        "reference": real.name,
        "reference_digest": real.reference.digest,
        "split": real.split,
        "reference_images": len(real.reference),
        "pair_images": len(real.few),
        "held_out": real.held_out_name,
        "held_out_digest": None if real.held_out is None else real.held_out.digest,
        "held_out_images": 0 if real.held_out is None else len(real.held_out),
        "null_images": 0 if real.held_out is None else min(n, len(real.held_out)),
        "classes": list(real.classes),
        **of_sample(sample),
        "channels": real.shape[2],
        "accounts": accounts(sample, real),
        "batch_size": real.extractor.batch_size,
        "seed": seed,
        "device": device,
        "versions": versions(),
    }


def of_features(extractor: Extractor, dims: int) -> dict[str, Any]:
    """What saw the images, as ``dims`` numbers each."""
    return {
        "protocol": PROTOCOL,
        "features": extractor.name,
        "features_sha256": extractor.sha256,
        "features_dims": dims,
        "resize": extractor.resize,
    }


def of_sample(sample: Sample) -> dict[str, Any]:
    """What was judged."""
    return {
        "source": sample.name,
        "source_digest": sample.digest,
        "weights": sample.weights,
        "weights_sha256": sample.sha256,
        "trained_images": sample.seen,
        "images": len(sample.pixels),
        "resolution": sample.pixels.shape[1],
        "labels": sample.labels is not None,
        "quantisation": sample.quantisation,
        "jpeg": sample.jpeg,
    }


def accounts(sample: Sample, real: Real) -> dict[str, Any]:
    """What became of all that was found, of each set of images that was read."""
    sides = {"images": sample.account, "reference": real.account, "held_out": real.held_out_account}
    return {name: account.as_json() for name, account in sides.items() if account is not None}


def versions() -> dict[str, str]:
    """What a figure was made with."""
    return {
        "visavis": visavis.__version__,
        "torch": torch.__version__,
        "numpy": np.__version__,
        "Pillow": PIL.__version__,
        "Python": platform.python_version(),
    }


def differences(a: Mapping[str, Any], b: Mapping[str, Any]) -> list[Difference]:
    """The fields that matter in which two records differ, the weightiest first.

    Weights differ as averaged (``ema``) and ``raw`` do; of images from elsewhere nobody knows.  Of JPEG
    counts it matters whether there are any.
    """
    found = []
    for field in MATTERS:
        one, other = a.get(field), b.get(field)
        if field == "jpeg":
            one, other = bool(one), bool(other)
        if field == "weights" and "images" in (one, other):
            continue
        if one != other:
            found.append(Difference(field, one, other))
    return found


def need_equal(a: Mapping[str, Any], b: Mapping[str, Any]) -> None:
    """Raise :class:`UserError`, naming the fields, unless figures of two records may be compared."""
    found = differences(a, b)
    if found:
        first, *others = found
        more = f" (also: {', '.join(other.field for other in others)})" if others else ""
        raise UserError(
            f"not comparable: '{first.field}' is {_told(first.a)} in one record and {_told(first.b)} in the "
            f"other{more}; judge both in the same way"
        )


def _told(value: Any) -> str:
    text = str(value)
    return text if len(text) <= 40 else f"{text[:16]}…"
