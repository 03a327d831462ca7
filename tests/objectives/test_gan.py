"""The ordinary discriminator."""

import pytest
import torch
from small_game import make_batch, make_nets
from torch.nn.functional import softplus
from torch.testing import assert_close

from visavis.losses.adversarial import ADVERSARIAL_LOSSES
from visavis.objectives import GAN
from visavis.objectives.adversarial import generate


def grads(nets, phase, batch) -> dict[str, list[torch.Tensor | None]]:
    for name, net in nets.items():
        net.requires_grad_(name in phase.trains)
        net.zero_grad()
    torch.manual_seed(4)
    phase.loss(nets, batch, 0)[0].backward()
    return {name: [p.grad for p in net.parameters()] for name, net in nets.items()}


@pytest.mark.parametrize("loss", ADVERSARIAL_LOSSES)
@pytest.mark.parametrize("extras", [{}, {"r1": 1.0, "r2": 1.0, "joint": False}], ids=str)
def test_each_loss_steps_and_what_is_frozen_gets_nothing(loss: str, extras) -> None:
    nets, batch, game = make_nets("single"), make_batch(), GAN(loss=loss, **extras)
    for phase in game.phases():
        for name, found in grads(nets, phase, batch).items():
            if name in phase.trains:
                assert any(g is not None and g.abs().sum() > 0 for g in found)
                assert all(g is not None and g.isfinite().all() for g in found)
            else:
                assert all(g is None for g in found)


def test_nonsaturating_values_and_accuracies() -> None:
    nets, batch, game = make_nets("single"), make_batch(), GAN()
    d_phase, g_phase = game.phases()
    torch.manual_seed(4)
    d, scalars = d_phase.loss(nets, batch, 0)
    torch.manual_seed(4)
    g, _ = g_phase.loss(nets, batch, 0)
    torch.manual_seed(4)
    fake = generate(nets, batch)
    on_real, on_fake = nets["D"].embed(batch.x), nets["D"].embed(fake.x)
    assert_close(d, softplus(-on_real).mean() + softplus(on_fake).mean())
    assert_close(g, softplus(-on_fake).mean())
    assert_close(scalars["accuracy/real"], (on_real > 0).float().mean())
    assert_close(scalars["accuracy/fake"], (on_fake < 0).float().mean())


def test_penalties_are_each_images_own() -> None:
    nets, batch = make_nets("single"), make_batch()
    torch.manual_seed(4)
    loss, scalars = GAN(r1=2.0, r2=4.0).phases()[0].loss(nets, batch, 0)
    torch.manual_seed(4)
    fake = generate(nets, batch).x.detach()
    expected = []
    for images in (batch.x, fake):
        squares = []
        for image in images:
            x = image[None].clone().requires_grad_()
            (g,) = torch.autograd.grad(nets["D"].embed(x).sum(), x)
            squares.append(g.square().sum())
        expected.append(torch.stack(squares).mean())
    assert_close(scalars["penalty/r1"], expected[0], rtol=1e-4, atol=0)
    assert_close(scalars["penalty/r2"], expected[1], rtol=1e-4, atol=0)
    assert_close(loss - scalars["loss/D"], expected[0] + 2 * expected[1], rtol=1e-4, atol=0)


def test_branch_passes_and_steps() -> None:
    nets, game = make_nets("single"), GAN(d_steps=2, g_steps=2)
    assert game.real_batches == 2
    sizes: list[int] = []
    nets["D"].branch.register_forward_hook(lambda _, args, __: sizes.append(len(args[0])))
    batch = make_batch(2)
    for phase in game.phases():
        phase.loss(nets, batch, 0)
    assert sizes == [12, 12, 6, 6]


def test_conditional() -> None:
    nets, game = make_nets("single", classes=3), GAN(r1=1.0)
    for phase in game.phases():
        grads(nets, phase, make_batch(classes=3))
