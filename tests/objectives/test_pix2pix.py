"""pix2pix and its pairwise form: what they compute, what they train, and that they learn."""

import pytest
import torch
from small_translation import SHAPE, N, assert_trains_only_its_own, make_nets, make_pairs, pairs_data
from torch.nn.functional import softplus
from torch.testing import assert_close

from visavis.core import Pairs, Ramp
from visavis.data.augment import Augment
from visavis.losses.adversarial import ADVERSARIAL_LOSSES
from visavis.networks import CriticConfig, PatchGAN, ResidualBranch, SuperResolver, UNet
from visavis.objectives import PairwisePix2Pix, Pix2Pix
from visavis.objectives.translation import Distance
from visavis.training.loop import Adam, Schedule, State, train

GAMES = [
    *(Pix2Pix(loss=loss) for loss in ADVERSARIAL_LOSSES),
    *(PairwisePix2Pix(loss=loss) for loss in ("relativistic", "hinge", "margin", "wasserstein")),
    Pix2Pix(feature_matching=10.0, joint=False),
    PairwisePix2Pix(feature_matching=10.0, r1=1.0, r2=1.0, g_steps=2, d_steps=2),
    PairwisePix2Pix(r1=1.0, r2=1.0, penalty_every=4, augment=Augment(policy=("flip", "color", "cutout"))),
]


@pytest.mark.parametrize("game", GAMES, ids=lambda game: f"{game.kind}-{game.loss}")
@pytest.mark.parametrize("spectral", [False, True])
def test_each_phase_trains_its_own_network_only(game, spectral: bool) -> None:
    nets, batch = make_nets(spectral=spectral), make_pairs(game.real_batches)
    trained = [phase.trains for phase in game.phases()]
    assert trained[0] == ("D",) and trained[-1] == ("G",)
    for phase in game.phases():
        assert_trains_only_its_own(nets, phase, batch)


def test_the_losses_are_those_of_the_paper() -> None:
    nets, batch, game = make_nets(), make_pairs(), Pix2Pix()
    d_phase, g_phase = game.phases()
    d, _ = d_phase.loss(nets, batch, 0)
    g, parts = g_phase.loss(nets, batch, 0)
    fake = nets["G"](batch.a)
    on_real, on_fake = nets["D"](batch.b, batch.a), nets["D"](fake, batch.a)
    assert on_real.shape == (N, 6, 6)
    assert_close(d, softplus(-on_real).mean() + softplus(on_fake).mean())
    assert_close(parts["loss/G"], softplus(-on_fake).mean())
    assert_close(parts["distance/l1"], (fake - batch.b).abs().mean())
    assert_close(g, parts["loss/G"] + 100 * parts["distance/l1"])


def test_the_pairwise_form_compares_both_images_of_one_input_patch_by_patch() -> None:
    nets, batch, game = make_nets(), make_pairs(), PairwisePix2Pix(distance=Distance(l1=7.0))
    d_phase, g_phase = game.phases()
    d, scalars = d_phase.loss(nets, batch, 0)
    g, parts = g_phase.loss(nets, batch, 0)
    fake = nets["G"](batch.a)
    margin = nets["D"](batch.b, batch.a) - nets["D"](fake, batch.a)
    assert_close(d, softplus(-margin).mean())
    assert_close(scalars["accuracy/pairs"], (margin > 0).float().mean())
    assert_close(parts["loss/G"], softplus(margin).mean())
    assert_close(g, parts["loss/G"] + 7 * (fake - batch.b).abs().mean())


def test_penalties_are_of_the_image_and_not_of_its_input() -> None:
    nets, batch = make_nets(), make_pairs()
    loss, scalars = PairwisePix2Pix(r1=2.0, r2=4.0).phases()[0].loss(nets, batch, 0)
    expected = []
    for images in (batch.b, nets["G"](batch.a).detach()):
        squares = []
        for index in range(N):
            x = images[index : index + 1].clone().requires_grad_()
            score = nets["D"](x, batch.a[index : index + 1]).mean()
            squares.append(torch.autograd.grad(score, x)[0].square().sum())
        expected.append(torch.stack(squares).mean())
    assert_close(scalars["penalty/r1"], expected[0], rtol=1e-4, atol=0)
    assert_close(scalars["penalty/r2"], expected[1], rtol=1e-4, atol=0)
    assert_close(loss - scalars["loss/D"], expected[0] + 2 * expected[1], rtol=1e-4, atol=1e-6)


def test_weights_may_be_scheduled_and_feature_matching_is_added() -> None:
    nets, batch = make_nets(), make_pairs()
    game = Pix2Pix(
        adversarial=Ramp(start=0.0, end=1.0, images=100, shape="linear"),
        feature_matching=3.0,
        distance=Distance(l1=2.0),
    )
    g_phase = game.phases()[-1]
    for images, weight in ((0, 0.0), (50, 0.5), (200, 1.0)):
        total, parts = g_phase.loss(nets, batch, images)
        expected = weight * parts["loss/G"] + 2 * parts["distance/l1"] + 3 * parts["distance/features"]
        assert_close(total, expected)


def test_both_sides_and_both_images_get_the_same_augmentation() -> None:
    nets, batch = make_nets(), make_pairs()
    seen: list[torch.Tensor] = []
    nets["D"].layers[0].register_forward_pre_hook(lambda _, given: seen.append(given[0].detach()))
    nets["G"].forward = lambda a: a  # G gives its input back
    game = PairwisePix2Pix(augment=Augment(policy=("flip", "translation", "cutout", "color")))
    game.phases()[0].loss(nets, batch._replace(b=batch.a), 0)
    inputs, images = seen[0].split(3, dim=1)
    assert torch.equal(inputs, images)
    assert torch.equal(images[:N], images[N:]) and not torch.equal(images[:N], batch.a)


def test_a_critic_for_super_resolution_sees_the_enlarged_input() -> None:
    nets, batch = make_nets(), make_pairs(small=4)
    nets["G"] = SuperResolver(scale=4, width=4, blocks=1).build(SHAPE, 0)
    for phase in Pix2Pix().phases():
        assert_trains_only_its_own(nets, phase, batch)


def outlines_and_areas(step: int) -> Pairs:
    """Eight random squares: their outlines, and the squares filled."""
    generator = torch.Generator().manual_seed(step)
    a, b = (-torch.ones(2, 8, 3, 16, 16)).unbind()
    for outline, area in zip(a, b, strict=True):
        top, left = torch.randint(1, 6, (2,), generator=generator).tolist()
        size = int(torch.randint(6, 10, (), generator=generator))
        area[:, top : top + size, left : left + size] = 1
        outline[:] = area
        outline[:, top + 1 : top + size - 1, left + 1 : left + size - 1] = -1
    return Pairs(a, b)


@pytest.mark.parametrize("game", [Pix2Pix(), PairwisePix2Pix(r1=0.1, r2=0.1)], ids=lambda game: game.kind)
def test_it_learns_to_fill_outlines(game) -> None:
    torch.manual_seed(0)
    nets = {
        "G": UNet(width=16, widest=32, dropout=0.0).build(SHAPE, 0),
        "D": PatchGAN(width=8, widest=16).build(SHAPE, 0),
    }
    adam = Adam(lr=8e-3, beta1=0.5, beta2=0.999)
    schedule = Schedule(batch_size=8, tick=8, adam={"G": adam, "D": adam})
    state = State(nets, game, schedule)
    reports = list(train(state, game, outlines_and_areas, schedule, 400))
    distances = [report.scalars["distance/l1"] for report in reports]
    assert distances[-1] < 0.35 * distances[0]
    a, b = outlines_and_areas(10_000)
    off = (state.nets["G"].eval()(a) - b).abs().mean()
    assert off < 0.5 * (a - b).abs().mean(), "better than the outline itself"
    assert off < 0.5 * (b - b.mean(0)).abs().mean(), "and than the mean square"


def test_networks_that_do_not_fit_are_refused_with_the_mend() -> None:
    fine = {"G": UNet(), "D": PatchGAN()}
    pair_critic = CriticConfig(branch=ResidualBranch())
    for game in (Pix2Pix(), PairwisePix2Pix()):
        game.check(fine, pairs_data(1))
        with pytest.raises(ValueError, match=r"D is a 'pair', no critic of patches \(allowed: patch\)"):
            game.check(fine | {"D": pair_critic}, pairs_data(1))
        with pytest.raises(ValueError, match=r"G is a 'patch', no translator \(allowed: unet, resnet, super"):
            game.check(fine | {"G": PatchGAN()}, pairs_data(1))
        with pytest.raises(ValueError, match=r"1 times larger.* 2 times as large.*scale 2"):
            game.check(fine, pairs_data(2))
        with pytest.raises(ValueError, match=r"4 times larger.* 1 times as large.*kind unet"):
            game.check(fine | {"G": SuperResolver(scale=4)}, pairs_data(1))
