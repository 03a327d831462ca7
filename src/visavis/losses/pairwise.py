"""Losses on the scores of pairs.

A player wants some pairs' scores *up* and others' *down*.  Row i of ``up: [N, K]`` and ``down: [N, L]``
belongs to the same anchor image, its columns to the anchor's partners.  Either may be None (at least one is
there).  A loss takes ``(up, down)`` and returns the scalar that the player minimises.
"""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits, relu, softplus

PairLoss = Callable[[Tensor | None, Tensor | None], Tensor]


def _total(terms: list[Tensor]) -> Tensor:
    return torch.stack(terms).sum()


def _contrast(up: Tensor | None, down: Tensor | None) -> Tensor:
    """How far each pair is on the right side, ``[N, L]``: ``mean(up) - down``, or ``up``, or ``-down``."""
    if down is None:
        assert up is not None
        return up
    return -down if up is None else up.mean(1, keepdim=True) - down


def bce(up: Tensor | None, down: Tensor | None, smoothing: float = 0.0) -> Tensor:
    """Binary cross-entropy with targets 1 - smoothing (up) and smoothing (down), the two terms added.

    With a concat head this is the Siamese GAN's loss; halve it for the mean of the two terms.
    """
    terms = [
        binary_cross_entropy_with_logits(scores, torch.full_like(scores, target))
        for scores, target in ((up, 1 - smoothing), (down, smoothing))
        if scores is not None
    ]
    return _total(terms)


def relativistic(up: Tensor | None, down: Tensor | None) -> Tensor:
    """softplus(-(up - down)) (Jolicoeur-Martineau 2018; RpGAN: Sun et al. 2020, eq. 4).

    With a difference head, whose score *is* a difference, ``up`` alone gives RpGAN's loss.
    """
    return softplus(-_contrast(up, down)).mean()


def hinge(up: Tensor | None, down: Tensor | None) -> Tensor:
    """max(0, 1 - up) + max(0, 1 + down)."""
    return _total([relu(1 - sign * s).mean() for s, sign in ((up, 1), (down, -1)) if s is not None])


def margin(up: Tensor | None, down: Tensor | None) -> Tensor:
    """The triplet loss max(0, 1 - (up - down)) (Schroff et al. 2015, eq. 1, on scores)."""
    return relu(1 - _contrast(up, down)).mean()


def wasserstein(up: Tensor | None, down: Tensor | None) -> Tensor:
    """-(up - down): with a distance head and all three kinds of pairs, the energy distance."""
    return -_contrast(up, down).mean()


def infonce(up: Tensor | None, down: Tensor | None) -> Tensor:
    """log(1 + sum over partners of exp(-(up - down))) per anchor (van den Oord et al. 2018, eq. 4)."""
    contrast = _contrast(up, down)
    return torch.cat([torch.zeros_like(contrast[:, :1]), -contrast], dim=1).logsumexp(dim=1).mean()


def dual_contrastive(up: Tensor | None, down: Tensor | None) -> Tensor:
    """InfoNCE of each anchor among its partners, and of each partner among its anchors (Yu et al. 2021, eq. 2
    and 3: each real image against all generated ones, each generated one against all real ones).

    Needs all pairs: row i, column j is the pair of anchor i and partner j.
    """
    contrast = _contrast(up, down)
    return infonce(contrast, None) + infonce(contrast.T, None)


PAIR_LOSSES: dict[str, PairLoss] = {
    "bce": bce,
    "relativistic": relativistic,
    "hinge": hinge,
    "margin": margin,
    "wasserstein": wasserstein,
    "infonce": infonce,
    "dual-contrastive": dual_contrastive,
}
