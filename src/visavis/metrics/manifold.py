"""Precision and recall, density and coverage: balls around images as an estimate of where images lie.

Sources: Kynkäänniemi et al. 2019, "Improved precision and recall metric for assessing generative models" (k
= 3, ≤); Naeem et al. 2020, "Reliable fidelity and diversity metrics for generative models" (k = 5).  Both
compare with ≤ here; the latter's code has <, which differs only where distances tie, as copies of real
images do.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from visavis.metrics.neighbours import Neighbours, among, chunks, within
from visavis.metrics.tables import same_width, table

K, K_DENSITY = 3, 5
"""Neighbours that make a ball: of precision and recall, of density and coverage."""


@dataclass(frozen=True)
class Manifold:
    """For each of N generated and M real images whether the other set surrounds it.

    ``inside_real: bool [N]``, ``inside_generated: bool [M]``: in a ball that reaches from an image of the
    other set to its k-th nearest.  ``balls: int64 [N]``: in how many real balls of ``k_density``.
    ``covered: bool [M]``: whether a generated image lies in this real image's ball of ``k_density``.
    """

    inside_real: Tensor
    inside_generated: Tensor
    balls: Tensor
    covered: Tensor
    k: int
    k_density: int

    @property
    def precision(self) -> float:
        """The fraction of generated images that look real; not 1 for real images: compare with the null."""
        return float(self.inside_real.double().mean())

    @property
    def recall(self) -> float:
        """The fraction of real images that the generator could make; outliers of its own inflate it."""
        return float(self.inside_generated.double().mean())

    @property
    def density(self) -> float:
        """Real balls around a generated image, divided by k: 1 for real images, more where it is crowded."""
        return float(self.balls.double().mean()) / self.k_density

    @property
    def coverage(self) -> float:
        """The fraction of real images with a generated one near; 1 - 2^-k for as many real images."""
        return float(self.covered.double().mean())


def manifold(
    generated: Tensor,
    real: Tensor,
    k: int = K,
    k_density: int = K_DENSITY,
    rows: int | None = None,
    of_generated: Neighbours | None = None,
    of_real: Neighbours | None = None,
) -> Manifold:
    """Compare ``generated: [N, d]`` with ``real: [M, d]``.

    ``of_generated``, ``of_real``: the nearest others of each, at least k and max(k, k_density), where they
    are known already.  Takes memory for ``rows`` x M distances, by default a few MB of them, and gives the
    same whatever ``rows`` is. Raises :class:`UserError` when a set has no more than k images, or for values
    that are not finite.
    """
    fake, true = table(generated, "generated features"), table(real, "real features")
    same_width(fake, true)
    of_real = of_real or among(true, max(k, k_density), rows)
    of_generated = of_generated or among(fake, k, rows)
    radius, wide = of_real.squared[:, k - 1], of_real.squared[:, k_density - 1]  # [M]
    own = of_generated.squared[:, k - 1, None]  # [N, 1]
    inside_real = torch.zeros(len(fake), dtype=torch.bool, device=fake.device)
    balls = torch.zeros(len(fake), dtype=torch.int64, device=fake.device)
    inside_generated = torch.zeros(len(true), dtype=torch.bool, device=true.device)
    covered = torch.zeros_like(inside_generated)
    for chunk in chunks(fake, true, rows, torch.float32):
        inside_real[chunk.rows] = within(chunk, radius, fake, true).any(1)
        inside_generated |= within(chunk, own[chunk.rows], fake, true).any(0)
        near = within(chunk, wide, fake, true)
        balls[chunk.rows] = near.sum(1)
        covered |= near.any(0)
    return Manifold(inside_real, inside_generated, balls, covered, k, k_density)


def null_coverage(n: int, m: int, k: int) -> float:
    """The expected coverage when n generated and m real images are of one distribution; about 1 - 2^-k.

    Of the m - 1 other real and n generated images around a real one, in order of distance, the first k are
    all real with the chance that is missing from 1.  Source: Naeem et al. 2020, proposition 1.
    """
    missed = 1.0
    for i in range(k):
        missed *= (m - 1 - i) / (m + n - 1 - i)
    return 1 - missed
