"""The pair game with an autoencoder: who meets whom, what is added, what is trained."""

import pytest
import torch
from small_autoencoder import N, make_batch, make_nets
from torch.nn.functional import softplus
from torch.testing import assert_close

from visavis.losses.pairwise import bce
from visavis.objectives import VAE, VAEGAN
from visavis.objectives.vae_gan import feature_reconstruction
from visavis.training import parallel


def gradients(nets, phase, batch) -> dict[str, list[torch.Tensor | None]]:
    for name, net in nets.items():
        net.requires_grad_(name in phase.trains)
        net.zero_grad()
    torch.manual_seed(4)
    phase.loss(nets, batch, 0)[0].backward()
    return {name: [p.grad for p in net.parameters()] for name, net in nets.items()}


def reconstruction(nets, batch):
    """Each image made again from a drawn latent: the first draw after the seed."""
    torch.manual_seed(4)
    mean, log_variance = nets["E"](batch.x)
    return nets["G"](mean + (log_variance / 2).exp() * parallel.randn(*mean.shape), batch.y)


PENALISED = {"r1": 1.0, "r2": 1.0, "features": 0.5, "samples": 0.5}


@pytest.mark.parametrize(
    ("head", "classes", "extras"),
    [
        ("difference", 0, {}),
        ("difference", 0, PENALISED),
        ("difference", 3, PENALISED),
        ("distance", 0, {"kinds": ("like", "unlike"), "pairing": "roll-2"}),
        ("concat", 0, {"kinds": ("like", "unlike"), "loss": "bce", "like_partner": "fresh", "d_steps": 2}),
    ],
    ids=str,
)
def test_phases_step_what_they_train_and_nothing_else(head: str, classes: int, extras) -> None:
    game = VAEGAN(**extras)
    nets, batch = make_nets(head, classes), make_batch(game.real_batches, classes)
    assert [phase.trains for phase in game.phases()] == [("D",)] * game.d_steps + [("E", "G")]
    for phase in game.phases():
        for name, found in gradients(nets, phase, batch).items():
            if name in phase.trains:
                assert any(g is not None and g.abs().sum() > 0 for g in found)
                assert all(g is not None and g.isfinite().all() for g in found)
            else:
                assert all(g is None for g in found), name


def test_d_compares_each_image_with_its_own_reconstruction() -> None:
    nets, batch = make_nets(), make_batch()
    d_phase, g_phase = VAEGAN(adversarial=0.25).phases()
    torch.manual_seed(4)
    d, scalars = d_phase.loss(nets, batch, 0)
    made = reconstruction(nets, batch)
    margin = nets["D"](batch.x, made)
    assert_close(d, softplus(-margin).mean())
    assert_close(scalars["score/unlike"], margin.mean())
    torch.manual_seed(4)
    total, named = g_phase.loss(nets, batch, 0)
    assert_close(named["loss/G"], softplus(margin).mean())
    torch.manual_seed(4)
    bound, _ = VAE().phases()[0].loss(nets, batch, 0)
    assert_close(named["loss/VAE"], bound)
    assert_close(total, bound + named["weight/game"] * named["loss/G"])


def test_the_game_pulls_as_hard_as_it_is_told() -> None:
    nets, batch = make_nets(), make_batch()
    made: list[torch.Tensor] = []
    nets["G"].register_forward_hook(lambda net, given, y: made.append(y))
    total, named = VAEGAN(adversarial=0.25).phases()[1].loss(nets, batch, 0)
    (by_both,) = torch.autograd.grad(total, made[0], retain_graph=True)
    (by_game,) = torch.autograd.grad(named["loss/G"], made[0], retain_graph=True)
    (by_bound,) = torch.autograd.grad(named["loss/VAE"], made[0])
    assert_close(named["weight/game"] * by_game.norm(), 0.25 * by_bound.norm())
    assert_close(by_both, by_bound + named["weight/game"] * by_game)


def test_a_similarity_head_plays_too() -> None:
    nets, batch = make_nets("concat"), make_batch()
    game = VAEGAN(kinds=("like", "unlike"), loss="bce")
    torch.manual_seed(4)
    _, named = game.phases()[1].loss(nets, batch, 0)
    scores = nets["D"](batch.x, reconstruction(nets, batch))
    assert_close(named["loss/G"], bce(scores[:, None], None))


def test_the_bound_has_its_own_settings() -> None:
    nets, batch = make_nets(), make_batch()
    torch.manual_seed(4)
    _, named = VAEGAN(bound=VAE(likelihood="mse", beta=3.0)).phases()[1].loss(nets, batch, 0)
    expected = (named["reconstruction/nats"] + 3 * named["kl/nats"]) / 64
    assert_close(named["loss/VAE"], expected)


def test_samples_take_the_place_of_a_share_of_the_reconstructions() -> None:
    nets, batch = make_nets(), make_batch(50)
    with torch.no_grad():
        nets["E"].posterior.weight.zero_()
        nets["E"].posterior.bias.copy_(torch.tensor([9.0] * 3 + [-20.0] * 3))  # every latent is 9
    at_nine = nets["G"](torch.full((1, 3), 9.0))
    for share in (0.0, 0.25, 1.0):
        torch.manual_seed(4)
        fakes = VAEGAN(samples=share).fakes(nets, batch).x
        sampled = (fakes - at_nine).abs().amax((1, 2, 3)) > 1e-3
        assert sampled.float().mean().item() == pytest.approx(share, abs=0.08)


def test_g_meets_reconstructions_and_samples_in_the_same_shares() -> None:
    nets, batch = make_nets(), make_batch()
    values = {}
    for share in (0.0, 0.25, 1.0):
        torch.manual_seed(4)
        values[share] = VAEGAN(samples=share).phases()[1].loss(nets, batch, 0)[1]["loss/G"]
    assert_close(values[0.25], 0.75 * values[0.0] + 0.25 * values[1.0])
    assert (values[1.0] - values[0.0]).abs() > 1e-6


def test_reconstruction_in_features_ignores_their_scale() -> None:
    torch.manual_seed(0)
    real, made = torch.randn(N, 5), torch.randn(N, 5)
    error = (real - made).square().mean()
    expected = (1 + torch.tensor(2 * torch.pi).log() + error.log()) / 2
    assert_close(feature_reconstruction(real, made), expected)
    made.requires_grad_()
    (slope,) = torch.autograd.grad(feature_reconstruction(real, made), made)
    (scaled,) = torch.autograd.grad(feature_reconstruction(10 * real, 10 * made), made)
    assert_close(slope, scaled)
    nets, batch = make_nets(), make_batch()
    totals = []
    for weight in (0.0, 2.0):
        torch.manual_seed(4)
        total, named = VAEGAN(features=weight).phases()[1].loss(nets, batch, 0)
        totals.append(total)
    made = reconstruction(nets, batch)
    unlike = feature_reconstruction(nets["D"].branch(batch.x), nets["D"].branch(made))
    assert_close(named["reconstruction/features"], unlike)
    assert_close(totals[1] - totals[0], 2 * unlike)
