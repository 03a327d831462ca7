"""Which images meet which, and the scores of the pairs."""

from typing import Annotated

import torch
from pydantic import AfterValidator
from torch import Tensor

from visavis.networks.critic import PairCritic
from visavis.training import parallel

FORMS = "elementwise, roll-k (k a whole number, as in roll-4), all, mean, average"


def _check(pairing: str) -> str:
    kind, _, count = pairing.partition("-")
    if pairing in ("elementwise", "all", "mean", "average") or (
        kind == "roll" and count.isdigit() and int(count) > 0
    ):
        return pairing
    raise ValueError(f"unknown pairing '{pairing}' (allowed: {FORMS})")


Pairing = Annotated[str, AfterValidator(_check)]


def partner_shifts(pairing: str, total: int, same: bool) -> range:
    """Image i meets the images i + s of a global batch of ``total``, for these s.

    ``same``: the partners are the anchors themselves, so that 0 (an image with itself) is left out.
    """
    first = 1 if same else 0
    if pairing == "all":
        return range(first, total)
    count = 1 if pairing == "elementwise" else int(pairing.partition("-")[2])
    return range(first, min(first + count, total))


def pair_scores(
    critic: PairCritic,
    anchors: Tensor,
    partners: Tensor,
    pairing: str,
    same: bool = False,
    labels: Tensor | None = None,
) -> Tensor:
    """Scores ``[N, K]`` of this process's N anchors, each with its K partners from the global batch.

    ``anchors, partners: [N, …]`` are embeddings, so the branch has run once per image whatever K is.
    Column sums are complete over all processes, so each partner, too, meets K anchors.  ``labels: [N]``, of
    the anchors and of the partners alike: partners are then of the anchor's class, of which a small one is
    gone through again (see :func:`in_company` for a class of one); not for ``all``.
    """
    total = len(partners) * parallel.world_size()
    if pairing in ("mean", "average"):
        forth = critic.score(anchors, _mean_of(partners, total, same, labels))
        if pairing == "mean":
            return forth[:, None]
        # the relativistic average: an image against the mean of the others' scores, from both sides
        back = critic.score(_mean_of(anchors, total, same, labels), partners)
        return torch.stack([forth, back], 1)
    shifts = partner_shifts(pairing, total, same)
    if shifts == range(1):
        return critic.score(anchors, partners)[:, None]
    everyone, here = parallel.gather(partners), parallel.local(total)
    if pairing == "all":
        assert labels is None, "all pairs are of all classes"
        scores = critic.score(anchors[:, None], everyone[None])
        return _off_diagonal(scores, here) if same else scores
    if labels is not None:
        turns = [_turned(parallel.gather(labels), shift, same) for shift in shifts]
        # each row of an index once: its gradient adds nothing up, so runs repeat bit for bit
        met = [everyone[turn][here] for turn in turns]
        return critic.score(anchors[:, None], torch.stack(met, 1))
    # not everyone[index]: the gradient of an index adds in any order, so runs would not repeat bit for bit
    met = [everyone.roll(-shift, 0)[here] for shift in shifts]
    return critic.score(anchors[:, None], torch.stack(met, 1))


def in_company(labels: Tensor) -> Tensor:
    """Whether another image of the global batch has the class: ``[N] -> [N]``, of this process's images."""
    everyone = parallel.gather(labels)
    return (labels[:, None] == everyone).sum(1) > 1


def _turned(labels: Tensor, shift: int, same: bool) -> Tensor:
    """Who is ``shift`` places further in each image's class, round and round: a permutation ``[N] -> [N]``.

    ``same``: 1, 2, … places, leaving the image itself out where the class has another.
    """
    order = labels.argsort(stable=True)
    counts = torch.bincount(labels)
    first, size = (counts.cumsum(0) - counts)[labels], counts[labels]
    place = torch.empty_like(order)
    place[order] = torch.arange(len(labels), device=labels.device)
    further = 1 + (shift - 1) % (size - 1).clamp_min(1) if same else shift
    return order[first + (place - first + further) % size]


def _mean_of(partners: Tensor, total: int, same: bool, labels: Tensor | None) -> Tensor:
    """``[N, …]``: the mean of all partners' embeddings, of others' where they are the anchors themselves.

    A critic of an image and a set (PairGAN: Tong et al. 2020, section 4).  With ``labels`` the mean is of the
    anchor's class.
    """
    if labels is None:
        whole = parallel.mean(partners.mean(0)).expand_as(partners)
        return (whole * total - partners) / (total - 1) if same else whole
    met = (labels[:, None] == parallel.gather(labels)).to(partners.dtype)
    if same:
        here = parallel.local(total)
        met = met - torch.eye(total, dtype=met.dtype, device=met.device)[here]
    shares = met / met.sum(1, keepdim=True).clamp_min(1)
    return torch.einsum("nm,m...->n...", shares, parallel.gather(partners))


def _off_diagonal(scores: Tensor, here: slice) -> Tensor:
    """``[n, N]``, whose row r is image ``here.start + r`` of N, without each image's score with itself."""
    rows, total = scores.shape
    itself = torch.arange(total, device=scores.device)[here]
    others = torch.arange(total - 1, device=scores.device).expand(rows, -1)
    return scores.gather(1, others + (others >= itself[:, None]))
