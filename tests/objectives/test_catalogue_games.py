"""Games of the catalogue beside the ordinary one: hand-worked values, explicit differentiation."""

from copy import deepcopy

import pytest
import torch
from small_game import make_batch, make_nets
from torch.nn.functional import cross_entropy, softplus
from torch.testing import assert_close

from visavis.core import Images, Shape
from visavis.errors import UserError
from visavis.losses.pairwise import dual_contrastive
from visavis.networks import CriticConfig, MLPBranch, build
from visavis.objectives import ACGAN, FeatureMatching, Pairwise, Unrolled
from visavis.objectives.adversarial import generate
from visavis.objectives.pairing import pair_scores
from visavis.recipes import RECIPES
from visavis.recipes.recipe import override


def slopes(net: torch.nn.Module) -> torch.Tensor:
    return torch.cat([p.grad.flatten() for p in net.parameters() if p.grad is not None])


@pytest.mark.parametrize(("steps", "noise"), [(1, 0.0), (3, 0.0), (2, 0.3)])
def test_unrolling_equals_differentiating_through_explicit_steps(steps: int, noise: float) -> None:
    nets, batch, rate = make_nets("single"), make_batch(), 0.05
    game = Unrolled(unroll=steps, unroll_rate=rate, noise=noise)
    nets["D"].requires_grad_(False)
    torch.manual_seed(4)
    loss, _ = game.phases()[1].loss(nets, batch, 0)
    loss.backward()
    ours, before = slopes(nets["G"]), deepcopy(nets["D"].state_dict())
    nets["G"].zero_grad()
    torch.manual_seed(4)
    fake = generate(nets, batch).x
    real, fake = (x + noise * torch.randn(x.shape) if noise else x for x in (batch.x, fake))
    critic = deepcopy(nets["D"]).requires_grad_(True)
    named = dict(critic.named_parameters())
    for _ in range(steps):
        ask = lambda x, w=dict(named): torch.func.functional_call(  # noqa: E731
            Embedded(critic), {f"inner.{k}": v for k, v in w.items()}, (x,)
        )
        d = softplus(-ask(real)).mean() + softplus(ask(fake)).mean()
        grads = torch.autograd.grad(d, list(named.values()), create_graph=True)
        named = {k: v - rate * g for (k, v), g in zip(named.items(), grads, strict=True)}
    last = torch.func.functional_call(Embedded(critic), {f"inner.{k}": v for k, v in named.items()}, (fake,))
    expected = softplus(-last).mean()
    assert_close(loss, expected)
    expected.backward()
    assert_close(ours, slopes(nets["G"]))
    assert all(torch.equal(before[k], v) for k, v in nets["D"].state_dict().items())  # D stands still


class Embedded(torch.nn.Module):
    def __init__(self, inner: torch.nn.Module) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.inner.embed(x)


def test_feature_matching_is_the_distance_of_means() -> None:
    nets, batch = make_nets("single"), make_batch()
    torch.manual_seed(4)
    loss, _ = FeatureMatching().phases()[1].loss(nets, batch, 0)
    torch.manual_seed(4)
    fake = generate(nets, batch)
    means = [nets["D"].features(x).mean(0) for x in (batch.x, fake.x)]
    assert_close(loss, (means[0] - means[1]).square().sum())


@pytest.mark.parametrize("joint", [True, False])
def test_an_auxiliary_classifier_adds_the_cross_entropy_for_both(joint: bool) -> None:
    """D pays for the classes of real and of generated images (Odena et al. 2017, eq. 3), G for its own."""
    torch.manual_seed(0)
    recipe = RECIPES["acgan-mnist"]()
    nets = build(dict(recipe.networks), Shape(1, 28), 3)
    nets["D"].eval()  # spectral norms stand still
    batch = Images(torch.randn(6, 1, 28, 28).tanh(), torch.tensor([0, 1, 2, 0, 1, 2]))

    def told(images: Images) -> torch.Tensor:
        return cross_entropy(nets["D"].class_logits(nets["D"].features(images.x, images.y)), batch.y)

    game, without = ACGAN(auxiliary=2.0, joint=joint), ACGAN(auxiliary=0.0, joint=joint)
    for phase, plain, player in zip(game.phases(), without.phases(), "DG", strict=True):
        torch.manual_seed(4)
        with_it, _ = phase.loss(nets, batch, 0)
        torch.manual_seed(4)
        expected, _ = plain.loss(nets, batch, 0)
        torch.manual_seed(4)
        fake = generate(nets, batch)
        paid = told(batch) + told(fake) if player == "D" else told(fake)
        assert_close(with_it - expected, 2 * paid, atol=1e-4, rtol=1e-3)


def test_an_auxiliary_classifier_sees_what_d_sees_in_one_pass() -> None:
    """Noise and augmentation come before it: the branch runs once an image, on images that are not raw."""
    torch.manual_seed(0)
    nets = build(dict(RECIPES["acgan-mnist"]().networks), Shape(1, 28), 3)
    batch = Images(torch.zeros(6, 1, 28, 28), torch.tensor([0, 1, 2, 0, 1, 2]))
    seen: list[torch.Tensor] = []
    nets["D"].branch.register_forward_pre_hook(lambda _, args: seen.append(args[0].detach()))
    for phase in ACGAN(noise=0.5).phases():
        phase.loss(nets, batch, 0)
    assert [len(x) for x in seen] == [12, 6]
    assert_close(seen[0][:6].std(), torch.tensor(0.5), rtol=0.05, atol=0)


def test_an_auxiliary_classifier_without_classes_is_refused_with_advice_that_works() -> None:
    with pytest.raises(UserError, match=r"--conditional true, or --objective\.kind gan"):
        override(RECIPES["acgan-mnist"](), {"conditional": "false"})
    changed = override(RECIPES["acgan-mnist"](), {"conditional": "false", "objective.kind": "gan"})
    build(changed.networks, Shape(1, 28), 0)


def test_dual_contrastive_by_hand() -> None:
    contrast = torch.tensor([[1.0, 0.0], [2.0, -1.0]])
    rows = torch.log(1 + torch.exp(-contrast).sum(1)).mean()
    columns = torch.log(1 + torch.exp(-contrast).sum(0)).mean()
    assert_close(dual_contrastive(contrast, None), rows + columns)
    with pytest.raises(ValueError, match=r"--objective\.pairing all"):
        Pairwise(loss="dual-contrastive")


def test_an_image_meets_the_mean_of_its_partners() -> None:
    critic = make_nets("concat")["D"].eval()
    a, b = (critic.embed(torch.randn(4, *make_batch().x.shape[1:])) for _ in range(2))
    assert_close(pair_scores(critic, a, b, "mean")[:, 0], critic.score(a, b.mean(0).expand_as(b)))
    others = torch.stack([a[[j for j in range(4) if j != i]].mean(0) for i in range(4)])
    assert_close(pair_scores(critic, a, a, "mean", same=True)[:, 0], critic.score(a, others))


def test_a_pack_is_one_input() -> None:
    torch.manual_seed(0)
    config = CriticConfig(branch=MLPBranch(widths=(8,)), head="single", pack=2)
    critic = config.build(Shape(1, 4), 0)
    x = torch.randn(6, 1, 4, 4)
    scores = critic.embed(x)
    assert scores.shape == (3,)
    pairs = x.reshape(3, 2, 4, 4)
    assert_close(scores, critic.head.embed(critic.branch(pairs)))
    changed = x.clone()
    changed[3] += 1
    assert (critic.embed(changed) != scores).tolist() == [False, True, False]
