"""How many different pictures there are, in effect: where the mass of a generator sits.

Recall and coverage ask whether a kind of image appears at all, so one image of a kind counts as much as a
thousand.  The effective number counts what is seen again and again as one.  Source: Leinster and Cobbold
2012, "Measuring diversity: the importance of species similarity", order 1 (without similarity the exponential
of Shannon's entropy, Hill 1973); images here are alike or not, by the scale of the real ones around them.
"""

import torch
from torch import Tensor

from visavis.metrics.manifold import K
from visavis.metrics.neighbours import Neighbours, among, chunks, nearest, within
from visavis.metrics.tables import same_width, table


def alike(
    generated: Tensor, real: Tensor, k: int = K, of_real: Neighbours | None = None, rows: int | None = None
) -> Tensor:
    """How many of ``generated: [N, d]`` are one picture with each of them, itself included: int64 ``[N]``.

    Two are one where they are no farther apart than real images are there: than it is from the real image
    nearest to the first, of ``real: [M, d]``, to its k-th nearest other.  So images that look like nothing
    real are no repeats of each other.  ``of_real``: the nearest others of each real image, at least ``k``,
    where they are known already.  Raises :class:`UserError` when there are no more than k real images.
    """
    fake, true = table(generated, "generated features"), table(real, "real features")
    same_width(fake, true)
    of_real = of_real or among(true, k, rows)
    reach = of_real.squared[nearest(fake, true, rows=rows).indices[:, 0], k - 1, None]  # [N, 1]
    counts = torch.zeros(len(fake), dtype=torch.int64, device=fake.device)
    for chunk in chunks(fake, fake, rows, torch.float32):
        counts[chunk.rows] = within(chunk, reach[chunk.rows], fake, fake).sum(1)
    return counts


def variety(counts: Tensor) -> float:
    """The effective number of pictures as a share of all N, from :func:`alike`: 1/N to 1.

    N different ones give 1, one picture N times gives 1/N, each picture m times 1/m.
    """
    return float(counts.double().log().mean().neg().exp())
