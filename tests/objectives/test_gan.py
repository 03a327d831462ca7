"""The ordinary discriminator."""

import pytest
import torch
from small_game import make_batch, make_nets
from torch.nn.functional import softplus
from torch.testing import assert_close

from visavis.core import Ramp
from visavis.data.augment import Augment
from visavis.losses.adversarial import ADVERSARIAL_LOSSES, TARGETED
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


def d_values(game: GAN, nets, batch, images: int = 0):
    torch.manual_seed(4)
    return game.phases()[0].loss({**nets, **game.state()}, batch, images)


def test_smoothed_labels() -> None:
    nets, batch = make_nets("single"), make_batch()
    loss, _ = d_values(GAN(real_target=0.9, fake_target=0.1), nets, batch)
    torch.manual_seed(4)
    fake = generate(nets, batch)
    on_real, on_fake = nets["D"].embed(batch.x), nets["D"].embed(fake.x)
    assert_close(loss, TARGETED["nonsaturating"](on_real, on_fake, 0.9, 0.1))


def test_flipped_labels_change_places_of_a_share_of_the_scores() -> None:
    torch.manual_seed(0)
    game, real, fake = GAN(loss="wasserstein", flips=0.05), torch.full((20_000,), 1.0), torch.zeros(20_000)
    found = game.d_contest(real, fake, 0)
    assert_close(found, torch.tensor(0.05 - 0.95), atol=0.015, rtol=0)
    assert_close(GAN(loss="wasserstein").d_contest(real, fake, 0), torch.tensor(-1.0))


def test_experience_replay_shows_d_what_g_made_before() -> None:
    nets, batch, game = make_nets("single"), make_batch(), GAN(pool=6)
    state = game.state()
    seen: list[torch.Tensor] = []
    nets["D"].branch.register_forward_pre_hook(lambda _, args: seen.append(args[0][6:]))
    for seed in range(3):
        torch.manual_seed(seed)
        game.phases()[0].loss({**nets, **state}, batch, 0)
    assert len(state["pool"].images) == 6
    again = sum(bool((old == new).all()) for old in seen[0] for new in torch.cat(seen[1:]))
    assert again > 0


def test_noise_on_what_d_sees_decays_and_reaches_both_players() -> None:
    noise = Ramp(start=0.5, end=0.5 * 0.995**10, images=1_000, shape="exponential")
    nets, batch, game = make_nets("single"), make_batch(), GAN(noise=noise)
    seen: list[torch.Tensor] = []
    nets["D"].branch.register_forward_pre_hook(lambda _, args: seen.append(args[0].detach()))
    torch.manual_seed(4)
    game.phases()[0].loss(nets, batch, 100)
    torch.manual_seed(4)
    GAN().phases()[0].loss(nets, batch, 100)
    assert_close((seen[0] - seen[1]).std(), torch.tensor(0.5 * 0.995), rtol=0.1, atol=0)
    torch.manual_seed(4)
    game.phases()[1].loss(nets, batch, 1_000)
    torch.manual_seed(4)
    GAN().phases()[1].loss(nets, batch, 1_000)
    assert_close((seen[2] - seen[3]).std(), torch.tensor(0.5 * 0.995**10), rtol=0.1, atol=0)


def test_the_adaptive_probability_follows_d_and_is_state() -> None:
    nets, batch = make_nets("single"), make_batch()
    game = GAN(augment=Augment(policy="flip,color", target=0.6, ramp=60))
    state = game.state()
    with torch.no_grad():
        nets["D"].head.bias.fill_(100.0)  # all images look real
    for step in range(1, 4):
        _, scalars = game.phases()[0].loss({**nets, **state}, batch, 0)
        assert_close(scalars["augment/p"], torch.tensor(0.1 * step))
        assert_close(scalars["augment/sign"], torch.tensor(1.0))
    with torch.no_grad():
        nets["D"].head.bias.fill_(-100.0)
    game.phases()[0].loss({**nets, **state}, batch, 0)
    assert_close(state["ada"].p, torch.tensor(0.2))
    assert "ada" not in GAN(augment=Augment(policy="flip")).state()


def test_mistakes() -> None:
    with pytest.raises(ValueError, match=r"the loss 'hinge' has no targets to smooth \(allowed: nonsat"):
        GAN(loss="hinge", real_target=0.9)
