"""The drifting field: where generated images should move, towards real ones and away from their like.

Deng et al. 2026, arXiv 2602.04770.  In the pair game's words: unlike pairs attract, like pairs of generated
images repel, and what is learned is the field itself, without a critic.
"""

import torch
from torch import Tensor


def affinities(distances: Tensor, allowed: Tensor, temperature: float) -> Tensor:
    """How much each pair counts: the root of the softmax of -distance / temperature over a row's partners
    times that over a column's, so that a far image which nobody is near to still pulls; 0 where not allowed.

    ``distances, allowed: [N, M]``.
    """
    logits = (-distances / temperature).masked_fill(~allowed, -torch.inf)
    return (logits.softmax(1) * logits.softmax(0)).nan_to_num(0.0).sqrt()


def field(
    x: Tensor, real: Tensor, made: Tensor, temperature: float, to_real: Tensor, to_made: Tensor
) -> Tensor:
    """V(x) = Σ a(x, r) b r - Σ b(x, m) a m over real r and made m, ``[N, F]``; a and b alone are the sums.

    ``x: [N, F]``, ``real: [M, F]``, ``made: [K, F]``; ``to_real: [N, M]`` and ``to_made: [N, K]`` tell the
    partners that count; an x that lacks either kind stays where it is.  The temperature is a share of the
    mean distance between x and the partners that count.  Where both sets are one, V is 0; where they are
    exchanged, -V.
    """
    distances, allowed = torch.cdist(x, torch.cat([real, made])), torch.cat([to_real, to_made], 1)
    if not allowed.any():
        return torch.zeros_like(x)
    scale = temperature * float(distances[allowed].mean().clamp(min=1e-8))
    pull, push = torch.tensor_split(affinities(distances, allowed, scale), [len(real)], 1)
    return (pull * push.sum(1, keepdim=True)) @ real - (push * pull.sum(1, keepdim=True)) @ made
