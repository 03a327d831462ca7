"""How far a posterior q(z | x) is from the prior N(0, I): the other half of a variational bound."""

from torch import Tensor


def kl_to_standard(mean: Tensor, log_variance: Tensor) -> Tensor:
    """KL(N(μ, σ²) ‖ N(0, 1)) of each latent, ½ (μ² + σ² - 1 - log σ²): ``[N, d]`` twice -> ``[N, d]``, nats.

    Source: Kingma and Welling 2014, appendix B.
    """
    return (mean.square() + log_variance.exp() - 1 - log_variance) / 2


def with_free_bits(kl: Tensor, free: float) -> Tensor:
    """Σⱼ max(``free``, KLⱼ), where ``kl: [d]`` is each latent's mean over the batch -> scalar, nats.

    A latent that costs less than ``free`` nats is not pushed to cost less still.  Source: Kingma et al. 2016,
    "Improved variational inference with inverse autoregressive flow", eq. 15, one latent a group.
    """
    return kl.clamp_min(free).sum()
