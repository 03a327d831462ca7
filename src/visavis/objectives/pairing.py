"""Which images meet which, and the scores of the pairs."""

from typing import Annotated

import torch
from pydantic import AfterValidator
from torch import Tensor

from visavis.networks.critic import PairCritic
from visavis.training import parallel

FORMS = "elementwise, roll-k (k a whole number, as in roll-4), all, mean"


def _check(pairing: str) -> str:
    kind, _, count = pairing.partition("-")
    if pairing in ("elementwise", "all", "mean") or (kind == "roll" and count.isdigit() and int(count) > 0):
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
    critic: PairCritic, anchors: Tensor, partners: Tensor, pairing: str, same: bool = False
) -> Tensor:
    """Scores ``[N, K]`` of this process's N anchors, each with its K partners from the global batch.

    ``anchors, partners: [N, …]`` are embeddings, so the branch has run once per image whatever K is.
    Column sums are complete over all processes, so each partner, too, meets K anchors.
    """
    total = len(partners) * parallel.world_size()
    if pairing == "mean":
        return critic.score(anchors, _mean_of(partners, total, same))[:, None]
    shifts = partner_shifts(pairing, total, same)
    if shifts == range(1):
        return critic.score(anchors, partners)[:, None]
    everyone, here = parallel.gather(partners), parallel.local(total)
    if pairing == "all":
        scores = critic.score(anchors[:, None], everyone[None])
        return _off_diagonal(scores, here) if same else scores
    # not everyone[index]: the gradient of an index adds in any order, so runs would not repeat bit for bit
    met = [everyone.roll(-shift, 0)[here] for shift in shifts]
    return critic.score(anchors[:, None], torch.stack(met, 1))


def _mean_of(partners: Tensor, total: int, same: bool) -> Tensor:
    """``[N, …]``: the mean of all partners' embeddings, of others' where they are the anchors themselves.

    A critic of an image and a set (PairGAN: Tong et al. 2020, section 4).
    """
    whole = parallel.mean(partners.mean(0)).expand_as(partners)
    return (whole * total - partners) / (total - 1) if same else whole


def _off_diagonal(scores: Tensor, here: slice) -> Tensor:
    """``[n, N]``, whose row r is image ``here.start + r`` of N, without each image's score with itself."""
    rows, total = scores.shape
    itself = torch.arange(total, device=scores.device)[here]
    others = torch.arange(total - 1, device=scores.device).expand(rows, -1)
    return scores.gather(1, others + (others >= itself[:, None]))
