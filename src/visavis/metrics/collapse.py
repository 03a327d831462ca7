"""Does a generator repeat itself?  Birthday test, bins that differ, thinned classes, diversity in a class.

Each figure is to be read beside the same one for held-out real images.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from visavis.errors import UserError
from visavis.metrics.bootstrap import normal_tail, two_proportions
from visavis.metrics.clusters import Cells, kmeans
from visavis.metrics.neighbours import Neighbours, among, chunks, within
from visavis.metrics.tables import labels_of, same_width, seeded, table

MOST_PAIRS = 50_000
"""Beyond as many duplicate pairs the birthday test looks at a random half of the images, and again."""

CHANCE = 1e-3
"""How often a table of classes of a good generator may name a thinned one."""


class Pairs(NamedTuple):
    """The closest pairs of one set: positions ``[n, 2]``, distances ``[n]`` ascending."""

    indices: Tensor
    distances: Tensor


@dataclass(frozen=True)
class Birthday:
    """How soon a batch holds two images that are one.

    ``duplicates`` of all pairs of ``samples`` images are closer than ``threshold``; ``first: int64
    [trials]`` is for each random order of the images the size of batch at which the first duplicate
    appears, samples + 1 where none does.
    """

    samples: int
    threshold: float
    duplicates: int
    first: Tensor

    def chance(self, batch: int) -> float:
        """The fraction of batches of ``batch`` images that hold a duplicate, at most ``samples`` images."""
        if not 2 <= batch <= self.samples:
            raise UserError(f"batches of {batch} images (allowed: 2 to {self.samples}); make more images")
        return float((self.first <= batch).double().mean())

    @property
    def half(self) -> int | None:
        """The smallest batch that holds a duplicate in at least half of the trials; None if no batch does."""
        middle = int(self.first.sort().values[(len(self.first) - 1) // 2])
        return middle if middle <= self.samples else None

    @property
    def collision_rate(self) -> float:
        """The fraction of all pairs that are duplicates, without bias: Σ p² over the images that it makes."""
        return self.duplicates / math.comb(self.samples, 2)

    @property
    def support(self) -> float | None:
        """1 / Σ p²: how many images it makes, if evenly, else fewer than that; None without a duplicate."""
        return 1 / self.collision_rate if self.duplicates else None

    @property
    def support_at_least(self) -> float:
        """The lower end of a one-sided 95 % interval of the support, by the normal or the rule of three."""
        most = self.duplicates + 1.645 * math.sqrt(self.duplicates) if self.duplicates else 3.0
        return math.comb(self.samples, 2) / most


def closest_pairs(near: Neighbours, n: int = 20) -> Pairs:
    """The ``n`` closest of the pairs of which one is the other's nearest, given the nearest others of each.

    To be drawn for people: only they can say whether two images are one.  Source: Arora and Zhang 2017.
    """
    if n < 1:
        raise UserError(f"{n} pairs (allowed: 1 or more)")
    own = torch.arange(len(near.indices), device=near.indices.device)
    pairs = torch.stack([own, near.indices[:, 0]], 1).sort(1).values  # [N, 2], the smaller position first
    order = near.squared[:, 0].argsort(stable=True)
    seen: dict[tuple[int, int], float] = {}
    for (i, j), squared in zip(pairs[order].tolist(), near.squared[order, 0].tolist(), strict=True):
        if len(seen) == n:
            break
        seen.setdefault((i, j), math.sqrt(squared))
    return Pairs(torch.tensor(list(seen)), torch.tensor(list(seen.values()), dtype=torch.float64))


def duplicate_threshold(near: Neighbours, quantile: float = 0.01) -> float:
    """Two generated images nearer than this count as one: the distance that a fraction ``quantile`` of M real
    images have to their nearest other, ``near``; noise where fewer than ten images lie below it.

    It falls as M grows: compare figures of one threshold only.
    """
    if not 0 <= quantile <= 1:
        raise UserError(f"a quantile of {quantile} (allowed: 0 to 1)")
    return float(near.distances[:, 0].quantile(quantile))


def birthday(
    features: Tensor, threshold: float = 0.0, trials: int = 1000, seed: int = 0, most: int = MOST_PAIRS
) -> Birthday:
    """The birthday test on ``features: [N, d]``; at ``threshold`` 0 only exact repeats are duplicates.

    A batch of s from an even support of n holds a duplicate with chance about 1 - exp(-s(s-1)/2n), a half
    at s² = 2 n ln 2.  Source: Arora and Zhang 2017, "Do GANs actually learn the distribution?".  A
    generator with more duplicates than ``most`` is judged by a random half of its images, and again.
    """
    if threshold < 0 or math.isnan(threshold):
        raise UserError(f"a threshold of {threshold} (allowed: 0 or more)")
    if trials < 1:
        raise UserError(f"{trials} trials (allowed: 1 or more)")
    x = table(features, least=2)
    generator = seeded(seed)
    pairs = _duplicates(x, threshold, most)
    while pairs is None:
        x = x[torch.randperm(len(x), generator=generator)[: (len(x) + 1) // 2]]
        pairs = _duplicates(x, threshold, most)
    i, j = pairs.unbind(1)
    first = torch.full((trials,), len(x) + 1)
    for trial in range(trials if len(pairs) else 0):
        position = torch.randperm(len(x), generator=generator)
        first[trial] = torch.maximum(position[i], position[j]).min() + 1
    return Birthday(len(x), threshold, len(pairs), first)


def _duplicates(x: Tensor, threshold: float, most: int) -> Tensor | None:
    """All pairs of rows at most ``threshold`` apart, ``[P, 2]``; None if there are more than ``most``."""
    limit = torch.full((len(x),), threshold, dtype=torch.float64, device=x.device).square()
    found, count = [], 0
    for chunk in chunks(x, x, dtype=torch.float32):
        near = within(chunk, limit, x, x)
        pairs = near.triu(chunk.rows.start + 1).nonzero()
        count += len(pairs)
        if count > most and len(x) > 2:
            return None
        found.append(pairs + torch.tensor([chunk.rows.start, 0], device=x.device))
    return torch.cat(found).cpu()


class BinsThatDiffer(NamedTuple):
    """``bins`` of ``cells`` whose share differs from train's at 5 %, and the histograms' divergence.

    ``js`` is in nats, ``js_null`` what as many real images get; ``made, trained: int64 [K]`` are the counts.
    """

    bins: int
    cells: int
    js: float
    js_null: float
    made: Tensor
    trained: Tensor

    @property
    def bins_null(self) -> float:
        """The bins that differ by chance for real images, about."""
        return 0.05 * self.cells


def bins_that_differ(
    generated: Tensor, train: Tensor, cells: int | Cells = 100, seed: int = 0
) -> BinsThatDiffer:
    """NDB: shares of ``generated: [N, d]`` in the k-means cells of ``train: [M, d]``, each by a z-test.

    ``cells`` as :class:`Cells` reuses cells of the same train features.  Source: Richardson and Weiss 2018,
    "On GANs and GMMs".
    """
    fake, true = table(generated, "generated features"), table(train, "training features")
    same_width(fake, true)
    own = cells if isinstance(cells, Cells) else kmeans(true, cells, seed)
    k = len(own.centres)
    a, b = (torch.bincount(own.of(x), minlength=k).cpu() for x in (fake, true))
    z = two_proportions(a, len(fake), b, len(true))
    js_null = (k - 1) / 8 * (1 / len(fake) + 1 / len(true))
    bins = int((z.abs() > 1.959963984540054).sum())
    return BinsThatDiffer(bins, k, jensen_shannon(a, b), js_null, a, b)


def jensen_shannon(a: Tensor, b: Tensor) -> float:
    """The divergence of two histograms, ``[K]`` counts, in nats: from 0 to log 2.

    Of n and m draws of one distribution about (K - 1)/8 · (1/n + 1/m).
    """
    p, q = a.double() / a.sum(), b.double() / b.sum()
    middle = ((p + q) / 2).clamp(min=1e-300)
    return float((torch.xlogy(p, p / middle) + torch.xlogy(q, q / middle)).sum()) / 2


class ClassShare(NamedTuple):
    """One class: images generated, its share of them and of the real ones, p of so few, and a verdict.

    ``verdict``: ``missing`` (none where five or more were due), ``thinned`` (under half of the share due, and
    not by chance), ``unknown`` (under five were due), else ``present``.
    """

    name: str
    images: int
    share: float
    share_real: float
    p: float
    verdict: str


def class_balance(labels: Tensor, labels_real: Tensor, classes: Sequence[str]) -> list[ClassShare]:
    """Which classes a generator leaves out: ``labels: int64 [N]`` by a classifier, ``labels_real: [M]`` too.

    By chance: one-sided two-proportion z-test at 0.1 % over all classes (Bonferroni).  Real labels have to be
    the classifier's as well, or its errors are blamed on the generator.
    """
    k = len(classes)
    fake, true = labels_of(labels, k), labels_of(labels_real, k, "labels of real images")
    counts, counts_real = torch.bincount(fake, minlength=k), torch.bincount(true, minlength=k)
    z = two_proportions(counts, len(fake), counts_real, len(true)).tolist()
    found = []
    for name, count, real, deviation in zip(classes, counts.tolist(), counts_real.tolist(), z, strict=True):
        due, p = real / len(true) * len(fake), normal_tail(-deviation)
        if due < 5:
            verdict = "unknown"
        elif count == 0:
            verdict = "missing"
        elif count < due / 2 and p < CHANCE / k:
            verdict = "thinned"
        else:
            verdict = "present"
        found.append(ClassShare(name, count, count / len(fake), real / len(true), p, verdict))
    return found


class Diversity(NamedTuple):
    """One class: how far its images lie apart, as a fraction of how far as many real ones do; 1 is as real.

    ``spread``: the mean distance of two images.  ``gap``: the mean distance to the nearest other, which falls
    when a class has a few images only, though these be far apart.
    """

    name: str
    images: int
    spread: float
    gap: float


def class_diversity(
    generated: Tensor,
    labels: Tensor,
    real: Tensor,
    labels_real: Tensor,
    classes: Sequence[str],
    most: int = 2000,
    seed: int = 0,
) -> list[Diversity]:
    """Diversity within each class, ``generated: [N, d]`` against ``real: [M, d]``, both with labels.

    As many images of both are taken, at most ``most`` a class: the gap depends on their number.  Classes with
    fewer than two images on a side are left out (class balance tells of them).  This stands in for MS-SSIM,
    which is undefined below 161 pixels.
    """
    fake, true = table(generated, "generated features"), table(real, "real features")
    same_width(fake, true)
    fake_labels = labels_of(labels, len(classes))
    true_labels = labels_of(labels_real, len(classes), "labels of real images")
    generator = seeded(seed)
    found = []
    for index, name in enumerate(classes):
        a, b = fake[fake_labels == index], true[true_labels == index]
        n = min(len(a), len(b), most)
        if n < 2:
            continue
        a, b = (x[torch.randperm(len(x), generator=generator)[:n]] for x in (a, b))
        spread, gap = (_ratio(of(a), of(b)) for of in (_spread, _gap))
        found.append(Diversity(name, n, spread, gap))
    return found


def _spread(x: Tensor) -> float:
    total = sum(float(chunk.squared.clamp(min=0).sqrt().sum()) for chunk in chunks(x, x))
    return total / (len(x) * (len(x) - 1))


def _gap(x: Tensor) -> float:
    return float(among(x, 1).distances.mean())


def _ratio(a: float, b: float) -> float:
    """a / b; 1 where real images do not differ either."""
    return a / b if b else 1.0
