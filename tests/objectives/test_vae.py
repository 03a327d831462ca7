"""The bound: each of its parts, its schedule, and that it trains."""

import math

import pytest
import torch
from small_autoencoder import N, make_batch, make_nets
from torch.testing import assert_close

from visavis.core import Ramp
from visavis.data import DataConfig, load_images, make_batches
from visavis.losses.latent import kl_to_standard
from visavis.losses.reconstruction import bce, squared_error
from visavis.metrics import image
from visavis.objectives import VAE
from visavis.training import parallel
from visavis.training.loop import Adam, Schedule, State, train

VALUES = 64


def parts(nets, batch):
    """The image made from a drawn latent, and the KL of each latent, as the seed of ``value`` draws them."""
    mean, log_variance = nets["E"](batch.x)
    torch.manual_seed(5)
    z = mean + (log_variance / 2).exp() * parallel.randn(*mean.shape)
    return nets["G"](z, batch.y), kl_to_standard(mean, log_variance)


def value(game: VAE, nets, batch, images: int = 0):
    torch.manual_seed(5)
    return game.phases()[0].loss(nets, batch, images)


def test_one_phase_of_both_networks_and_both_are_averaged() -> None:
    (phase,) = VAE().phases()
    assert phase.trains == ("E", "G") == VAE().averaged
    assert VAE().task == "reconstruct" and VAE().state() == {}


@pytest.mark.parametrize(("likelihood", "of"), [("mse", squared_error), ("bce", bce)])
def test_the_loss_is_reconstruction_and_beta_times_kl_in_nats_a_value(likelihood: str, of) -> None:
    nets, batch = make_nets(), make_batch()
    made, kl = parts(nets, batch)
    loss, scalars = value(VAE(likelihood=likelihood, beta=3.0), nets, batch)
    assert_close(scalars["reconstruction/nats"], of(batch.x, made).mean())
    assert_close(scalars["kl/nats"], kl.sum(1).mean())
    assert_close(loss, (of(batch.x, made).mean() + 3 * kl.sum(1).mean()) / VALUES)


def test_the_gaussian_has_the_best_variance_of_the_batch() -> None:
    nets, batch = make_nets(), make_batch()
    made, kl = parts(nets, batch)
    loss, scalars = value(VAE(), nets, batch)
    error = (batch.x - made).square().mean()
    assert_close(scalars["sigma/values"], error.sqrt())
    expected = (math.log(2 * math.pi) + 1 + error.log()) / 2 + kl.sum(1).mean() / VALUES
    assert_close(loss, expected)
    found = torch.autograd.grad(loss, list(nets["G"].parameters()))
    for ours, theirs in zip(found, torch.autograd.grad(expected, list(nets["G"].parameters())), strict=True):
        assert_close(ours, theirs, rtol=1e-4, atol=1e-7)


def test_beta_warms_up_in_images() -> None:
    nets, batch = make_nets(), make_batch()
    game = VAE(beta=Ramp(start=0.0, end=1.0, images=100, shape="linear"))
    found = [value(game, nets, batch, images) for images in (0, 50, 200)]
    plain = found[0][0]
    kl = found[0][1]["kl/nats"] / VALUES
    assert_close(torch.stack([loss for loss, _ in found]), plain + torch.tensor([0.0, 0.5, 1.0]) * kl)


def test_free_bits_stop_the_pressure_on_cheap_latents() -> None:
    nets, batch = make_nets(), make_batch()
    _, kl = parts(nets, batch)
    free = float(kl.detach().mean(0).max()) + 1
    loss, scalars = value(VAE(likelihood="mse", free_bits=free), nets, batch)
    assert_close(loss * VALUES - scalars["reconstruction/nats"], torch.tensor(3 * free))
    assert_close(scalars["kl/nats"], kl.sum(1).mean())
    cheap = value(VAE(likelihood="mse", free_bits=free, beta=0.0), nets, batch)[0]
    bias = nets["E"].posterior.bias
    assert_close(torch.autograd.grad(loss, bias)[0], torch.autograd.grad(cheap, bias)[0])


def test_psnr_ssim_and_latents_in_use_are_those_of_the_batch() -> None:
    nets, batch = make_nets(), make_batch()
    with torch.no_grad():
        nets["E"].posterior.weight[1] = 0  # the second latent's mean does not move
        nets["E"].posterior.weight[0] *= 10
        nets["E"].posterior.weight[2] *= 10
        made, _ = parts(nets, batch)
    with torch.autocast("cpu", torch.bfloat16):
        exact = value(VAE(), nets, batch)[1]
    scalars = value(VAE(), nets, batch)[1]
    assert_close(scalars["psnr/batch"].double(), image.psnr(batch.x, made).mean(), rtol=1e-5, atol=0)
    expected = image.ssim(batch.x, made, window=7).mean()
    assert_close(scalars["ssim/batch"].double(), expected, rtol=1e-4, atol=1e-6)
    assert scalars["latents/active"] == 2
    assert exact["ssim/batch"].dtype == torch.float32


def test_conditional() -> None:
    nets, batch = make_nets(classes=3), make_batch(classes=3)
    made, _ = parts(nets, batch)
    loss, scalars = value(VAE(likelihood="mse"), nets, batch)
    assert_close(scalars["reconstruction/nats"], squared_error(batch.x, made).mean())
    loss.backward()
    assert nets["G"].classes.weight.grad.abs().sum() > 0


@pytest.mark.parametrize("likelihood", ["gaussian", "mse", "bce"])
def test_it_learns_digits(likelihood: str) -> None:
    data, game = load_images(DataConfig(source="digits")), VAE(likelihood=likelihood, beta=0.1)
    nets = make_nets()
    del nets["D"]
    adam = Adam(lr=5e-3, beta1=0.9, beta2=0.999)
    schedule = Schedule(batch_size=32, tick=32 * 15, adam={"E": adam, "G": adam})
    state = State(nets, game, schedule)
    reports = list(train(state, game, make_batches(data, 32, 1, 0), schedule, 32 * 75))
    first, last = reports[0].scalars, reports[-1].scalars
    assert last["loss/VAE"] < first["loss/VAE"]
    assert last["psnr/batch"] > first["psnr/batch"] + 1.5
    assert len(data) > N
