"""The Inception score of any classifier: are images sure of a class each, and the classes many?

Source: Salimans et al. 2016, "Improved techniques for training GANs".  Only with the 2015 Inception weights
does it compare with published figures, so the classifier is part of the result.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from visavis.errors import UserError
from visavis.metrics.tables import seeded, table

FULL = 50_000
"""The number of images in the literature; the score of fewer is lower."""


class InceptionScore(NamedTuple):
    """The mean over splits and their deviation (``ddof`` 0, the source's; torchmetrics has 1)."""

    value: float
    spread: float
    classifier: str
    samples: int
    splits: int
    ddof: int = 0


def inception_score(
    probabilities: Tensor, classifier: str, splits: int = 10, seed: int = 0
) -> InceptionScore:
    """exp of the mean KL(p(y|x) || p(y)), from ``probabilities: [N, K]`` that ``classifier`` gave.

    From 1 (all images alike to the classifier) to K.  Images are shuffled by ``seed`` before they are split:
    splits of class-sorted images would have one class each.  One split takes them all, so its value is free
    of order.  Raises :class:`UserError` for fewer images than splits or rows that are no distribution.
    """
    if splits < 1:
        raise UserError(f"{splits} splits (allowed: 1 or more; 10 are usual)")
    p = table(probabilities, "probabilities", least=splits)
    off = float((p.sum(1) - 1).abs().max())
    if float(p.min()) < 0 or off > 1e-3:
        raise UserError("rows are no probabilities (allowed: not negative, of sum 1); pass softmax(logits)")
    p = p[torch.randperm(len(p), generator=seeded(seed))]
    scores = torch.stack([_score(part) for part in p.tensor_split(splits)])
    return InceptionScore(
        float(scores.mean()), float(scores.std(correction=0)), classifier, len(p), splits, ddof=0
    )


def _score(p: Tensor) -> Tensor:
    """exp(H(mean p) - mean H(p)): ``[n, K]`` -> scalar."""
    mean = p.mean(0)
    return (torch.xlogy(p, p).sum(1).mean() - torch.xlogy(mean, mean).sum()).exp()
