"""The same images in several representations: what was tuned for one of them gains there and not elsewhere.

A Fréchet distance can be trained on (FD-loss, arXiv 2604.28190), and then says nothing of the pictures.  So a
gain of A over B is measured in each representation, as a share of the larger distance, and the gains are
compared by resampling the same rows of the same images in both.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from visavis.judge.against import Rivals, paired, rivals
from visavis.judge.figures import distances, nested
from visavis.judge.made import Sample, seen
from visavis.judge.record import of_features
from visavis.judge.reference import Real
from visavis.judge.seen import Seen
from visavis.metrics.bootstrap import LEVEL, compare


class View(NamedTuple):
    """A sample, and maybe its rival, in one representation."""

    real: Real
    made: Seen
    rival: Seen | None


def view(sample: Sample, rival: Sample | None, real: Real) -> View:
    """Both through the extractor of ``real``."""
    return View(real, seen(sample, real), None if rival is None else seen(rival, real))


def figures_of(one: View, seed: int, infinity: bool) -> dict[str, Any]:
    """The distances in one more representation, each beside its null, and what saw the images."""
    real, held_out = one.real, one.real.held_out
    null = {}
    if held_out is not None:
        null = distances(held_out.some(len(one.made), seed), real, seed, False, infinity)
    found = nested(distances(one.made, real, seed, True, infinity), null, real.why)
    return found | {"record": of_features(real.extractor, real.reference.vectors.shape[1])}


def compared(views: Sequence[View], seed: int) -> dict[str, Any]:
    """``answers``: whose distance is lower, in each representation; ``gaps``, where there are several: how
    differently the first one and each other one see the gain of A over B.

    A gain is (B's distance - A's) / the larger one, from 1 (A has none left) to -1; a gap is the difference
    of two gains, with its interval, and ``p`` of one as large by chance.  ``doubtful``: one sees less than
    half of what another one calls a gain, and that is no chance.
    """
    found = [
        rivals(each.made, each.rival, each.real.gaussian, each.real.extractor.name, seed)
        for each in views
        if each.rival is not None
    ]
    first, *others = map(_gain, found)
    gaps = [_gap(first, other) for other in others]
    return {"answers": [paired(each) for each in found]} | ({"gaps": gaps} if gaps else {})


class _Gain(NamedTuple):
    """What A gains over B in one representation: the value, and of each resample."""

    figure: str
    value: float
    draws: Tensor


def _gain(found: Rivals) -> _Gain:
    values = [torch.tensor(value, dtype=torch.float64) for value in found.values]
    draws = [  # without the bias of resampling
        drawn - drawn.mean() + value for drawn, value in zip(found.draws, values, strict=True)
    ]
    return _Gain(found.figure, float(_relative(*values)), _relative(*draws))


def _relative(a: Tensor, b: Tensor) -> Tensor:
    return (b - a) / torch.maximum(a, b).clamp(min=1e-12)


def _gap(first: _Gain, other: _Gain) -> dict[str, Any]:
    found = compare(first.value, first.draws, other.value, other.draws)
    gains, sure = (first.value, other.value), found.p < 1 - LEVEL
    row = {
        "figures": [first.figure, other.figure],
        "gains": list(gains),
        "gap": found.difference,
        "interval": [found.low, found.high],
        "p": found.p,
        "doubtful": sure and max(gains) > 0 and min(gains) < max(gains) / 2,
    }
    return row | {"text": _told(first, other, row)}


def _told(first: _Gain, other: _Gain, row: Mapping[str, Any]) -> str:
    gains = [f"{each.value:.0%} in {each.figure}" for each in (first, other)]
    told = f"A gains {gains[0]} and {gains[1]} (p = {row['p']:.2g})"
    if not row["doubtful"]:
        return f"{told}: they agree about it"
    better, rest = (first, other) if first.value > other.value else (other, first)
    share = "nothing" if rest.value <= 0 else "less than half"
    return (
        f"{told}: of what {better.figure} calls a gain {rest.figure} sees {share}, so A may have been tuned "
        f"for {better.figure}; look at the pictures"
    )


def doubts(gaps: Sequence[Mapping[str, Any]]) -> list[str]:
    """Sentences of the gaps that are doubtful."""
    return [gap["text"] for gap in gaps if gap["doubtful"]]
