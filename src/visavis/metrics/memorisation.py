"""Does a generator copy what it was trained on?  Each figure beside the same one for held-out real images.

No figure here separates copying from underfitting by itself: blurred images lie near training images too.  So
nearest neighbours are to be drawn, and verdicts come from exact repeats and near copies first.
"""

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from visavis.errors import UserError
from visavis.metrics.clusters import kmeans, principal_axes
from visavis.metrics.neighbours import Neighbours, nearest
from visavis.metrics.tables import same_width, seeded, table


class Authenticity(NamedTuple):
    """The authentic fraction of generated and of held-out images: meaningless without the latter."""

    value: float
    held_out: float


def authentic(generated: Tensor, train: Tensor) -> Tensor:
    """Whether each of ``generated: [N, d]`` is farther from its nearest image of ``train: [M, d]`` than that
    is from its own nearest in train: bool ``[N]``.  A copy is not, whatever it copies.

    Source: Alaa et al. 2022, "How faithful is your synthetic data?", section 3.2.
    """
    fake, true = table(generated, "generated features"), table(train, "training features", least=2)
    return authentic_of(nearest(fake, true), true)


def authentic_of(near: Neighbours, train: Tensor) -> Tensor:
    """:func:`authentic` of images whose nearest in ``train: [M, d]`` are known: bool ``[N]``."""
    true = table(train, "training features", least=2)
    used, which = torch.unique(near.indices[:, 0], return_inverse=True)
    own = nearest(true[used], true, exclude=used).squared[which, 0]
    return near.squared[:, 0] > own


def authenticity(generated: Tensor, train: Tensor, held_out: Tensor) -> Authenticity:
    """The mean of :func:`authentic` for ``generated`` and for ``held_out``, ``[N, d]`` and ``[H, d]``."""
    return Authenticity(*(float(authentic(x, train).double().mean()) for x in (generated, held_out)))


class CopyTest(NamedTuple):
    """``value``: C_T, the mean z over cells by their held-out share; below 0, generated images lie nearer to
    train than held-out ones.  ``z``: standard normal for real images (of one cell the same as ``value``).

    ``cells`` of ``cells_asked`` had enough images of both kinds.
    """

    value: float
    z: float
    cells: int
    cells_asked: int


def data_copying(
    generated: Tensor,
    train: Tensor,
    held_out: Tensor,
    cells: int = 1,
    components: int | None = None,
    least: int = 20,
    seed: int = 0,
) -> CopyTest:
    """C_T: are ``generated: [N, d]`` nearer to ``train: [M, d]`` than ``held_out: [H, d]`` are?

    Mann-Whitney z of the distances to the nearest training image, within each k-means cell of train; with
    ``components`` along train's principal axes only.  Cells with fewer than ``least`` generated or held-out
    images are left out; :class:`UserError` if all are.  σ² = nm(n+m+1)/12, ties counted half.  Source:
    Meehan, Chaudhuri and Dasgupta 2020, "A non-parametric test to detect data-copying in generative models".
    """
    fake, true = table(generated, "generated features"), table(train, "training features")
    other = table(held_out, "held-out features")
    same_width(fake, true)
    same_width(other, true)
    if components is not None:
        axes = principal_axes(true, components)
        fake, true, other = axes.of(fake), axes.of(true), axes.of(other)
    of_fake, of_other = (nearest(x, true).squared[:, 0] for x in (fake, other))
    grid = kmeans(true, cells, seed)
    cell_fake, cell_other = grid.of(fake), grid.of(other)
    scores, shares = [], []
    for cell in range(cells):
        a, b = of_fake[cell_fake == cell], of_other[cell_other == cell]
        if min(len(a), len(b)) >= least:
            scores.append(mann_whitney_z(a, b))
            shares.append(len(b) / len(other))
    if not scores:
        raise UserError(
            f"no cell of {cells} holds {least} generated and {least} held-out images; give more images"
        )
    total = sum(shares)
    value = sum(z * share for z, share in zip(scores, shares, strict=True)) / total
    deviation = math.sqrt(sum(share**2 for share in shares)) / total
    return CopyTest(value, value / deviation, len(scores), cells)


def data_copying_null(
    train: Tensor,
    held_out: Tensor,
    cells: int = 1,
    components: int | None = None,
    least: int = 20,
    seed: int = 0,
) -> CopyTest:
    """C_T of one random half of ``held_out: [H, d]`` against the other: what images that copy nothing get."""
    x = table(held_out, "held-out features", least=2)
    x = x[torch.randperm(len(x), generator=seeded(seed))]
    half = len(x) // 2
    return data_copying(x[:half], train, x[half:], cells, components, least, seed)


def mann_whitney_z(a: Tensor, b: Tensor) -> float:
    """z of the number of pairs with ``a: [n]`` above ``b: [m]``, ties half: negative where a is smaller."""
    ordered = b.sort().values
    below = torch.searchsorted(ordered, a, right=False)
    up_to = torch.searchsorted(ordered, a, right=True)
    n, m = len(a), len(b)
    u = float((below + up_to).double().sum()) / 2
    return (u - n * m / 2) / math.sqrt(n * m * (n + m + 1) / 12)


class NearCopies(NamedTuple):
    """Images nearer to train than all but ``expected`` of the held-out ones are, and p of so many by chance.

    ``copies: bool [N]`` names them.
    """

    value: float
    expected: float
    threshold: float
    p: float
    copies: Tensor


def near_copies(generated: Tensor, train: Tensor, held_out: Tensor, quantile: float = 0.01) -> NearCopies:
    """The fraction of ``generated: [N, d]`` that lie as near to ``train: [M, d]`` as only a fraction
    ``quantile`` of ``held_out: [H, d]`` do.

    ``p`` is exact when generated and held-out images are of one distribution: the rank test of Mathisen 1943,
    by the hypergeometric distribution.  Finds a few copies among many originals, which C_T averages away;
    a generator that blurs everything has a small ``p`` too.
    """
    fake, true = table(generated, "generated features"), table(train, "training features")
    other = table(held_out, "held-out features", least=2)
    of_fake, of_other = (nearest(x, true).squared[:, 0] for x in (fake, other))
    return near_copies_of(of_fake, of_other, quantile)


def near_copies_of(generated: Tensor, held_out: Tensor, quantile: float = 0.01) -> NearCopies:
    """:func:`near_copies` of known squared distances to the nearest training image, ``[N]`` and ``[H]``."""
    if not 0 < quantile < 1:
        raise UserError(f"a quantile of {quantile} (allowed: between 0 and 1, usually 0.01)")
    of_other = held_out.sort().values
    rank = max(1, round(quantile * len(of_other)))  # the rank-th nearest held-out image sets the threshold
    limit = of_other[rank - 1]
    copies = generated <= limit
    count = int(copies.sum())
    p = _at_least(count, len(generated), len(of_other), rank)
    return NearCopies(
        count / len(generated), rank / (len(of_other) + 1), math.sqrt(float(limit)), p, copies.cpu()
    )


def _at_least(count: int, n: int, m: int, rank: int) -> float:
    """The chance that ``count`` or more of n lie below the ``rank``-th of m, all of one distribution.

    That is so when of the first count + rank - 1 of all n + m at least ``count`` are among the n.
    """
    if count == 0:
        return 1.0
    drawn = count + rank - 1
    possible = range(max(count, drawn - m), min(n, drawn) + 1)
    total = _log_choose(n + m, drawn)
    terms = [math.exp(_log_choose(n, i) + _log_choose(m, drawn - i) - total) for i in possible]
    return min(1.0, math.fsum(terms))


def _log_choose(n: int, k: int) -> float:
    return math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)


@dataclass(frozen=True)
class ExactDuplicates:
    """Images whose every pixel equals a training image's; ``pairs``: (generated, training) positions.

    ``repeats``: generated images that equal an earlier generated one.  ``held_out``: held-out images that
    equal a training one; above 0, the reference contains its own held-out images.
    """

    samples: int
    pairs: tuple[tuple[int, int], ...]
    repeats: int
    held_out: int | None

    @property
    def rate(self) -> float:
        """The fraction of generated images that are in train."""
        return len(self.pairs) / self.samples


def pixel_hashes(images: Tensor) -> list[bytes]:
    """A hash of the pixels of each of uint8 ``[N, …]``: equal if and only if the images are."""
    if images.dtype != torch.uint8 or images.ndim < 2 or not len(images):
        raise UserError(
            f"images are {images.dtype} {list(images.shape)}; allowed: uint8 [N, H, W, C], N >= 1"
        )
    pixels = images.cpu().contiguous().numpy()
    return [hashlib.blake2b(image.tobytes(), digest_size=16).digest() for image in pixels]


def exact_duplicates(generated: Tensor, train: Tensor, held_out: Tensor | None = None) -> ExactDuplicates:
    """Look ``generated`` up in ``train``, uint8 ``[N, H, W, C]`` and ``[M, H, W, C]``, and ``held_out`` too.

    Raises :class:`UserError` for images of unlike sizes.
    """
    for images in (generated, held_out):
        if images is not None and images.shape[1:] != train.shape[1:]:
            raise UserError(
                f"images are {list(images.shape[1:])} and {list(train.shape[1:])}; compare equal sizes"
            )
    known = None if held_out is None else pixel_hashes(held_out)
    return duplicates_of(pixel_hashes(generated), pixel_hashes(train), known)


def duplicates_of(
    generated: Sequence[bytes], train: Sequence[bytes], held_out: Sequence[bytes] | None = None
) -> ExactDuplicates:
    """:func:`exact_duplicates` of known :func:`pixel_hashes`."""
    place: dict[bytes, int] = {}
    for index, key in enumerate(train):
        place.setdefault(key, index)
    pairs = tuple((index, place[key]) for index, key in enumerate(generated) if key in place)
    known = None if held_out is None else sum(key in place for key in held_out)
    return ExactDuplicates(len(generated), pairs, len(generated) - len(set(generated)), known)
