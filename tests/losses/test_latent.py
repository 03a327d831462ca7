"""KL to the prior against torch, and free bits by hand."""

import torch
from torch.distributions import Normal, kl_divergence
from torch.testing import assert_close

from visavis.losses.latent import kl_to_standard, with_free_bits


def test_kl_of_known_gaussians() -> None:
    mean, log_variance = torch.randn(4, 3), torch.randn(4, 3)
    expected = kl_divergence(Normal(mean, (log_variance / 2).exp()), Normal(0.0, 1.0))
    assert_close(kl_to_standard(mean, log_variance), expected)
    zero = torch.zeros(1, 1)
    assert_close(kl_to_standard(zero, zero), zero)
    assert_close(kl_to_standard(torch.full((1, 1), 2.0), zero), torch.full((1, 1), 2.0))


def test_free_bits_charge_each_latent_at_least_that_much_and_do_not_push_it_lower() -> None:
    kl = torch.tensor([0.1, 0.5, 3.0], requires_grad=True)
    price = with_free_bits(kl, 0.25)
    assert_close(price, torch.tensor(0.25 + 0.5 + 3.0))
    price.backward()
    assert kl.grad is not None
    assert_close(kl.grad, torch.tensor([0.0, 1.0, 1.0]))
    assert_close(with_free_bits(kl, 0.0), torch.tensor(3.6))
