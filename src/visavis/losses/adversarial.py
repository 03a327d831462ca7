"""Losses of an ordinary discriminator, which scores one image at a time.

``d(real, fake)`` and ``g(fake)`` take logits ``[N]`` and return the scalar that D, or G, minimises.
"""

from collections.abc import Callable
from typing import NamedTuple

from torch import Tensor
from torch.nn.functional import relu, softplus


class AdversarialLoss(NamedTuple):
    """What D and what G minimise."""

    d: Callable[[Tensor, Tensor], Tensor]
    g: Callable[[Tensor], Tensor]


def logistic_d(real: Tensor, fake: Tensor) -> Tensor:
    """-log s(real) - log(1 - s(fake)), means over N (Goodfellow et al. 2014, eq. 1)."""
    return softplus(-real).mean() + softplus(fake).mean()


def nonsaturating_g(fake: Tensor) -> Tensor:
    """-log s(fake) (Goodfellow et al. 2014, section 3)."""
    return softplus(-fake).mean()


def minimax_g(fake: Tensor) -> Tensor:
    """log(1 - s(fake)) (Goodfellow et al. 2014, eq. 1); its gradient vanishes where D is sure."""
    return -softplus(fake).mean()


def hinge_d(real: Tensor, fake: Tensor) -> Tensor:
    """max(0, 1 - real) + max(0, 1 + fake) (Lim and Ye 2017; Miyato et al. 2018, eq. 16)."""
    return relu(1 - real).mean() + relu(1 + fake).mean()


def wasserstein_d(real: Tensor, fake: Tensor) -> Tensor:
    """E fake - E real (Arjovsky et al. 2017, eq. 2)."""
    return fake.mean() - real.mean()


def wasserstein_g(fake: Tensor) -> Tensor:
    """-E fake."""
    return -fake.mean()


def least_squares_d(real: Tensor, fake: Tensor) -> Tensor:
    """((real - 1)^2 + fake^2) / 2 (Mao et al. 2017, eq. 9)."""
    return ((real - 1).square().mean() + fake.square().mean()) / 2


def least_squares_g(fake: Tensor) -> Tensor:
    """(fake - 1)^2 / 2 (Mao et al. 2017, eq. 9)."""
    return (fake - 1).square().mean() / 2


def logistic_with_targets(real: Tensor, fake: Tensor, real_target: float, fake_target: float) -> Tensor:
    """Binary cross-entropy with smoothed targets (Salimans et al. 2016, section 3.4): 1 and 0 give
    :func:`logistic_d`."""
    return logistic_d(real, fake) + (1 - real_target) * real.mean() - fake_target * fake.mean()


def least_squares_with_targets(real: Tensor, fake: Tensor, real_target: float, fake_target: float) -> Tensor:
    """((real - b)² + (fake - a)²) / 2 (Mao et al. 2017, eq. 2)."""
    return ((real - real_target).square().mean() + (fake - fake_target).square().mean()) / 2


ADVERSARIAL_LOSSES = {
    "nonsaturating": AdversarialLoss(logistic_d, nonsaturating_g),
    "minimax": AdversarialLoss(logistic_d, minimax_g),
    "hinge": AdversarialLoss(hinge_d, wasserstein_g),
    "wasserstein": AdversarialLoss(wasserstein_d, wasserstein_g),
    "least-squares": AdversarialLoss(least_squares_d, least_squares_g),
}

TARGETED: dict[str, Callable[[Tensor, Tensor, float, float], Tensor]] = {
    "nonsaturating": logistic_with_targets,
    "minimax": logistic_with_targets,
    "least-squares": least_squares_with_targets,
}
"""D's losses that ask for a number of each image, so that labels can be smoothed."""
