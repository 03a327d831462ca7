"""Penalties in a game: what D pays, against closed forms and a brute force image by image."""

import pytest
import torch
from small_game import make_batch, make_nets
from torch import Tensor, nn
from torch.testing import assert_close

from visavis.core import Images, Phase
from visavis.objectives import GAN, Pairwise
from visavis.objectives.adversarial import generate
from visavis.objectives.penalised import Judged, Penalised

SHAPE = (2, 3, 3)


def linear(w: Tensor):
    return lambda x: (x * w).sum(dim=(1, 2, 3))


def judged(ask, real: Tensor, fake: Tensor) -> Judged:
    return Judged(real, fake, ask(real), ask(fake), ask, ask)


def test_a_linear_critic_pays_for_the_norm_of_its_weights() -> None:
    """‖w‖ = 3: the gradient penalty is 10 (3 - 1)², the zero-centred one 2 · 9, R1 + R2 are 9 each."""
    w = torch.zeros(SHAPE)
    w[0, 0, 0], w[1, 2, 1], w[1, 0, 2] = 1.0, 2.0, -2.0
    ask = linear(w)
    for weights, expected in [
        ({"gradient_penalty": 10.0}, 40.0),
        ({"zero_centred": 2.0}, 18.0),
        ({"r1": 1.0, "r2": 3.0}, 9 / 2 + 27 / 2),
        ({"r1": 1.0, "gradient_penalty": 10.0, "penalty_every": 4}, 4 * (4.5 + 40)),
    ]:
        game = Penalised(**weights)
        real, fake = game.watched(Images(torch.randn(4, *SHAPE)), Images(torch.randn(4, *SHAPE)))
        total, parts = game.penalty(judged(ask, real.x, fake.x), 0)
        assert_close(total, torch.tensor(expected))
        assert all(torch.isfinite(part) for part in parts.values())


def test_a_quadratics_r1_is_four_times_the_squared_norm_of_real_images() -> None:
    game = Penalised(r1=2.0)
    (real,) = game.watched(Images(torch.randn(4, *SHAPE)))
    (fake,) = game.watched(Images(torch.randn(4, *SHAPE)))
    total, _ = game.penalty(judged(lambda x: x.square().sum(dim=(1, 2, 3)), real.x, fake.x), 0)
    assert_close(total, 4 * real.x.detach().square().sum(dim=(1, 2, 3)).mean())


def test_finite_differences_agree_with_gradients_where_the_step_is_small() -> None:
    """Over many draws: here over many copies of one image."""
    torch.manual_seed(0)
    critic = nn.Sequential(nn.Flatten(), nn.Linear(18, 8), nn.Tanh(), nn.Linear(8, 1), nn.Flatten(0))
    real, fake = torch.randn(1, *SHAPE).expand(20_000, -1, -1, -1), torch.randn(1, *SHAPE)
    exact = Penalised(r1=1.0)
    watched = exact.watched(Images(real), Images(fake))
    expected, _ = exact.penalty(judged(critic, *(images.x for images in watched)), 0)
    found, parts = Penalised(r1=1.0, finite=1e-3).penalty(judged(critic, real, fake), 0)
    assert_close(found, expected, rtol=0.05, atol=0)
    assert parts.keys() == {"penalty/r1", "penalty/r2"}


@pytest.mark.parametrize("head", ["difference", "concat"])
def test_pairs_between_a_real_image_and_an_interpolate(head: str) -> None:
    """Image by image: the gradient of c(real, x) at x between real and fake, over all of its values."""
    kinds = ("unlike",) if head == "difference" else ("like", "unlike")
    nets, batch, game = make_nets(head), make_batch(), Pairwise(kinds=kinds, gradient_penalty=10.0)
    torch.manual_seed(4)
    loss, scalars = game.phases()[0].loss(nets, batch, 0)
    torch.manual_seed(4)
    with torch.no_grad():
        fake = generate(nets, batch).x
    u = torch.rand(len(fake))
    expected = []
    for real, made, share in zip(batch.x, fake, u, strict=True):
        x = (share * real + (1 - share) * made)[None].requires_grad_()
        (g,) = torch.autograd.grad(nets["D"](real[None], x).sum(), x)
        expected.append((g.norm() - 1).square())
    assert_close(loss - scalars["loss/D"], 10 * torch.stack(expected).mean(), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    "game",
    [
        GAN(loss="wasserstein", gradient_penalty=10.0, d_steps=2),
        GAN(zero_centred=1.0, r1=1.0),
        GAN(r1=1.0, r2=1.0, finite=0.01, penalty_every=2),
        Pairwise(r1=1.0, r2=1.0, finite=0.01),
        Pairwise(gradient_penalty=1.0),
    ],
    ids=str,
)
def test_every_penalty_reaches_d_and_only_d(game) -> None:
    nets = make_nets("single" if isinstance(game, GAN) else "difference")
    batch = make_batch(game.real_batches)
    first: Phase = game.phases()[0]
    nets["G"].requires_grad_(False)
    loss, scalars = first.loss(nets, batch, 0)
    (loss - scalars["loss/D"]).backward()
    assert sum(float(p.grad.abs().sum()) for p in nets["D"].parameters() if p.grad is not None) > 0
    assert all(p.grad is None for p in nets["G"].parameters())
    assert any(name.startswith("penalty/") for name in scalars)


def test_mistakes() -> None:
    with pytest.raises(ValueError, match=r"give --objective\.pairing elementwise"):
        Pairwise(pairing="all", gradient_penalty=1.0)
    with pytest.raises(ValueError, match="a form of R1 and R2"):
        GAN(finite=0.1)
    with pytest.raises(ValueError, match="bound D's slope twice"):
        GAN(loss="wasserstein", clip=0.01, gradient_penalty=10.0)
