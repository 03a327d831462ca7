"""The drifting field: where generated images should move, towards real ones and away from their like.

Deng et al. 2026, arXiv 2602.04770.  In the pair game's words: unlike pairs attract, like pairs of generated
images repel, and what is learned is the field itself, without a critic.
The coupling by transport plans is that of the Sinkhorn divergence's flow: "Sinkhorn-Drifting Generative
Models", arXiv 2603.12366, and arXiv 2605.05118.
"""

from typing import Literal

import torch
from torch import Tensor

Coupling = Literal["softmax", "sinkhorn"]
ROUNDS = 10
"""Times that a plan's rows and columns are normalised in turn."""


def affinities(distances: Tensor, allowed: Tensor, temperature: float) -> Tensor:
    """How much each pair counts: the root of the softmax of -distance / temperature over a row's partners
    times that over a column's, so that a far image which nobody is near to still pulls; 0 where not allowed.

    ``distances, allowed: [N, M]``.
    """
    logits = (-distances / temperature).masked_fill(~allowed, -torch.inf)
    return (logits.softmax(1) * logits.softmax(0)).nan_to_num(0.0).sqrt()


def plan(distances: Tensor, allowed: Tensor, temperature: float) -> Tensor:
    """The transport plan exp(-(distance - f - g) / temperature) of ``distances, allowed: [N, M]``.

    Each row adds up to 1, and each column to what its rows would give it if they gave to all alike; by
    Sinkhorn's rounds in the log domain, rows last.  0 where not allowed, as is a row without partners.
    """
    even = allowed / allowed.sum(1, keepdim=True).clamp(min=1)
    columns = even.sum(0).log().nan_to_num(neginf=0.0)
    logits = (-distances / temperature).masked_fill(~allowed, -torch.inf)
    for _ in range(ROUNDS):
        logits = logits - logits.logsumexp(0).nan_to_num(neginf=0.0) + columns
        logits = logits - logits.logsumexp(1, keepdim=True).nan_to_num(neginf=0.0)
    return logits.exp()


def field(
    x: Tensor,
    real: Tensor,
    made: Tensor,
    temperature: float,
    to_real: Tensor,
    to_made: Tensor,
    coupling: Coupling = "softmax",
) -> Tensor:
    """V(x) = Σ a(x, r) b r - Σ b(x, m) a m over real r and made m, ``[N, F]``; a and b alone are the sums.

    With the coupling ``sinkhorn`` a and b are two plans of transport, whose sums are 1.
    ``x: [N, F]``, ``real: [M, F]``, ``made: [K, F]``; ``to_real: [N, M]`` and ``to_made: [N, K]`` tell the
    partners that count; an x that lacks either kind stays where it is.  The temperature is a share of the
    mean distance between x and the partners that count.  Where both sets are one, V is 0; where they are
    exchanged, -V.
    """
    distances, allowed = torch.cdist(x, torch.cat([real, made])), torch.cat([to_real, to_made], 1)
    if not allowed.any():
        return torch.zeros_like(x)
    scale = temperature * float(distances[allowed].mean().clamp(min=1e-8))
    if coupling == "sinkhorn":
        far = torch.tensor_split(distances, [len(real)], 1)
        pull, push = plan(far[0], to_real, scale), plan(far[1], to_made, scale)
    else:
        pull, push = torch.tensor_split(affinities(distances, allowed, scale), [len(real)], 1)
    return (pull * push.sum(1, keepdim=True)) @ real - (push * pull.sum(1, keepdim=True)) @ made
