"""Figures of a few images that cost next to nothing: do they differ, as real ones do?

Both look at pixels, as means of at most 16×16 places, so no network and no reference table is needed.
"""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn.functional import adaptive_avg_pool2d

PLACES = 16
"""Pixels a side that are looked at."""
LEAST = 0.25
"""Two images nearer than this share of the nearest two real ones are one, however much the others differ."""


def small(pixels: Tensor) -> Tensor:
    """uint8 ``[N, H, W, C]`` -> float ``[N, places]`` from 0 to 1, means over at most 16×16 places."""
    x = pixels.permute(0, 3, 1, 2).float() / 255
    return adaptive_avg_pool2d(x, min(PLACES, x.shape[2])).flatten(1)


def spread(x: Tensor, labels: Tensor) -> dict[int, float]:
    """Per label, the mean distance between two images of it: ``x: [N, d]``, ``labels: [N]``; from two on."""
    found = {}
    for label in set(labels.tolist()):
        own = x[labels == label]
        if len(own) > 1:
            found[int(label)] = float(torch.pdist(own).mean())
    return found


def variety(made: Tensor, labels: Tensor, real: Tensor, real_labels: Tensor) -> dict[int, float]:
    """How far apart two made images of a label are, beside two real ones: 1 as real ones, 0 one picture.

    ``made, real: uint8 [N, H, W, C]``; labels that both have two images of, and whose real ones differ.
    """
    ours, theirs = spread(small(made), labels), spread(small(real), real_labels)
    return {label: ours[label] / theirs[label] for label in ours if theirs.get(label)}


def repeated(made: Tensor, real: Tensor) -> float:
    """The share of made images with another one nearer than any two of as many real images are.

    Where made images lie closer together on the whole (paler ones do, and differ all the same), the distance
    is less by as much, down to :data:`LEAST` of it.
    """
    if min(len(made), len(real)) < 2:
        return 0.0
    ours, theirs = small(made), small(real[: len(made)])
    closer = torch.pdist(ours).mean() / torch.pdist(theirs).mean().clamp(min=1e-9)
    reach = _nearest(theirs).min() * closer.clamp(LEAST, 1.0)
    return float((_nearest(ours) <= reach).double().mean())


def unseen(predicted: Tensor, labels: Tensor, classes: Sequence[int]) -> list[int]:
    """Of ``classes``, those that were asked for and never seen: ``predicted, labels: int64 [N]``."""
    return [c for c in classes if bool((labels == c).any()) and not bool((predicted == c)[labels == c].any())]


def _nearest(x: Tensor) -> Tensor:
    distances = torch.cdist(x, x)
    return distances.fill_diagonal_(float("inf")).min(1).values
