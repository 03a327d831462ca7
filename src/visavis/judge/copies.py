"""Memorisation as the judge reports it: each figure beside the same one for held-out real images."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from visavis.data import cache
from visavis.judge.figures import Measured, absent, figure
from visavis.judge.reference import Real
from visavis.judge.seen import Pixels, Seen
from visavis.metrics.bootstrap import mean_interval
from visavis.metrics.memorisation import authentic_of, duplicates_of, mann_whitney_z, near_copies_of
from visavis.metrics.neighbours import Neighbours, nearest
from visavis.metrics.tables import seeded

CHANCE = 1e-3
"""How often near copies are called more than chance of a generator that copies nothing."""


@dataclass(frozen=True)
class Copies:
    """``rows``: the figures as JSON has them; ``near``: the nearest training image of each image judged.

    By features, and ``near_places`` by pixels at 8x8; ``…held_out`` the same of held-out images.
    """

    rows: dict[str, Any]
    near: Neighbours
    near_places: Neighbours
    near_held_out: Neighbours | None = None
    near_places_held_out: Neighbours | None = None


def copies(x: Seen, real: Real, seed: int) -> Copies:
    """Exact duplicates, near copies, authenticity and C_T of ``x``, with the null of held-out images."""
    train = real.trained_on
    near, near_places = nearest(x.vectors, train.vectors), nearest(x.small, train.small)
    held_out = real.held_out if real.unseen else None
    why = real.why or "the generator was trained on all images of the source, so none is held out for it"
    exact = duplicates_of(
        _hashes(x.hashes), _hashes(train.hashes), None if held_out is None else _hashes(held_out.hashes)
    )
    how = "no interval: a count"
    null = None if exact.held_out is None or not held_out else exact.held_out / len(held_out)
    rows: dict[str, Any] = {
        "exact_duplicates": {
            **figure(Measured(exact.rate, None, how), Measured(null, None, why)),
            "pairs": [list(pair) for pair in exact.pairs[:20]],
        },
        "repeats": figure(Measured(exact.repeats / len(x), None, how), _repeats(held_out)),
    }
    if held_out is None:
        for name in ("near_copies", "near_copies_pixels", "authenticity", "ct"):
            rows[name] = figure(absent(why), absent(why))
        return Copies(rows, near, near_places)
    near_held_out, places_held_out, genuine_held_out = _of_held_out(held_out, train, real)
    rows["near_copies"] = _near_row(near, near_held_out, seed)
    rows["near_copies_pixels"] = _near_row(near_places, places_held_out, seed)
    rows |= _beside(near, near_held_out, authentic_of(near, train.vectors), genuine_held_out, seed)
    return Copies(rows, near, near_places, near_held_out, places_held_out)


def _of_held_out(held_out: Seen, train: Seen, real: Real) -> tuple[Neighbours, Neighbours, Tensor]:
    """The nearest training images of held-out ones by features and by pixels, and which of the held-out
    ones are authentic; cached on disk.
    """

    def make() -> cache.Arrays:
        near, places = nearest(held_out.vectors, train.vectors), nearest(held_out.small, train.small)
        found = {
            "squared": near.squared,
            "indices": near.indices,
            "authentic": authentic_of(near, train.vectors),
        }
        found |= {"squared_places": places.squared, "indices_places": places.indices}
        return {name: tensor.numpy() for name, tensor in found.items()}

    found = {name: torch.from_numpy(np.array(a)) for name, a in real.remember("near train", make).items()}
    near = Neighbours(found["squared"], found["indices"])
    return near, Neighbours(found["squared_places"], found["indices_places"]), found["authentic"]


def _near_row(near: Neighbours, held_out: Neighbours, seed: int) -> dict[str, Any]:
    found = near_copies_of(near.squared[:, 0], held_out.squared[:, 0])
    interval = mean_interval(found.copies.double(), seed=seed)[:2]
    return {
        **figure(Measured(found.value, interval), Measured(found.expected)),
        "p": found.p,
        "flagged": found.p < CHANCE and found.value > found.expected,
    }


def _beside(
    near: Neighbours, held_out: Neighbours, authentic: Tensor, authentic_held_out: Tensor, seed: int
) -> dict[str, Any]:
    of_x, of_other = near.squared[:, 0], held_out.squared[:, 0]
    genuine, genuine_held_out = authentic.double(), authentic_held_out.double()
    halves = of_other[torch.randperm(len(of_other), generator=seeded(seed))].tensor_split(2)
    return {
        "authenticity": figure(
            Measured(float(genuine.mean()), mean_interval(genuine, seed=seed)[:2]),
            Measured(float(genuine_held_out.mean())),
        ),
        "ct": figure(_z(of_x, of_other), _z(*halves)),
    }


def _z(a: Tensor, b: Tensor) -> Measured:
    if min(len(a), len(b)) < 20:
        return absent(f"{len(a)} and {len(b)} images (allowed: 20 or more of both)")
    return Measured(mann_whitney_z(a, b), None, "no interval: a z, of deviation 1 for real images")


def _repeats(held_out: Seen | None) -> Measured | None:
    if held_out is None:
        return None
    rows = _hashes(held_out.hashes)
    return Measured((len(rows) - len(set(rows))) / len(rows))


def _hashes(hashes: Pixels) -> list[bytes]:
    return [row.tobytes() for row in np.ascontiguousarray(hashes)]
