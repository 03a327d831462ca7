"""The pair game: all combinations step, nothing is computed twice, gradients are those of the definitions."""

import itertools

import pytest
import torch
from small_game import make_batch, make_nets
from torch import nn
from torch.testing import assert_close

from visavis.core import Images, Phase, Ramp, Shape
from visavis.data.augment import Augment
from visavis.errors import UserError
from visavis.losses.pairwise import PAIR_LOSSES, bce
from visavis.networks import CriticConfig, SiameseBranch, SiameseGenerator
from visavis.objectives import Pairwise
from visavis.objectives.adversarial import generate, part_of
from visavis.recipes import get
from visavis.recipes.recipe import override
from visavis.training import parallel
from visavis.training.loop import Adam, Schedule, State, update

ADAM = {"G": Adam(lr=1e-3), "D": Adam(lr=1e-3)}
KINDS = [("like", "unlike"), ("like", "unlike", "fakes")]
GAMES = [("difference", ("unlike",)), *itertools.product(("concat", "distance", "cosine"), KINDS)]


def freeze(nets: dict[str, nn.Module], trains: tuple[str, ...]) -> None:
    for name, net in nets.items():
        net.requires_grad_(name in trains)


def gradients(nets: dict[str, nn.Module], name: str) -> list[torch.Tensor | None]:
    found = [p.grad for p in nets[name].parameters()]
    nets[name].zero_grad()
    return found


def run_phases(game: Pairwise, nets, batch) -> list[str]:
    """What each phase trains, without an update; all of it and nothing else gets finite gradients."""
    done = []
    for phase in game.phases():
        freeze(nets, phase.trains)
        loss, _ = phase.loss(nets, batch, 0)
        loss.backward()
        done += phase.trains
        for name in nets:
            found = gradients(nets, name)
            if name in phase.trains:
                assert all(g is not None and g.isfinite().all() for g in found), (phase, name)
                assert any(g.abs().sum() > 0 for g in found if g is not None)
            else:
                assert found == [None] * len(found), f"{name} is frozen and got gradients"
    return done


@pytest.mark.parametrize(("head", "kinds"), GAMES, ids=str)
@pytest.mark.parametrize("pairing", ["elementwise", "roll-2", "all", "average"])
@pytest.mark.parametrize("loss", PAIR_LOSSES)
def test_every_combination_gives_finite_gradients_to_what_it_trains_only(
    head: str, kinds, pairing: str, loss: str
) -> None:
    pairing = "all" if loss == "dual-contrastive" else pairing  # which is of all pairs
    game = Pairwise(loss=loss, kinds=kinds, pairing=pairing, r1=1.0, r2=2.0)
    assert run_phases(game, make_nets(head), make_batch()) == ["D", "G"]


@pytest.mark.parametrize(("head", "kinds"), GAMES, ids=str)
@pytest.mark.parametrize("pairing", ["elementwise", "all"])
def test_so_does_every_game_with_fresh_partners_and_separate_passes(head: str, kinds, pairing: str) -> None:
    game = Pairwise(kinds=kinds, pairing=pairing, like_partner="fresh", joint=False, fresh_reals=True)
    assert run_phases(game, make_nets(head), make_batch(game.real_batches)) == ["D", "G"]


class Passes:
    """Batch sizes of the branch's runs."""

    def __init__(self, nets: dict[str, nn.Module]) -> None:
        self.sizes: list[int] = []
        nets["D"].branch.register_forward_hook(lambda _, args, __: self.sizes.append(len(args[0])))

    def take(self) -> list[int]:
        sizes, self.sizes = self.sizes, []
        return sizes


def passes_of_phases(game: Pairwise, nets, batch) -> list[list[int]]:
    passes, found = Passes(nets), []
    for phase in game.phases():
        freeze(nets, phase.trains)
        phase.loss(nets, batch, 0)
        found.append(passes.take())
    return found


def test_s1_runs_three_passes_for_d_and_the_reals_once_for_both_steps_of_g() -> None:
    game = Pairwise(loss="bce", kinds=("like", "unlike"), like_partner="fresh", g_steps=2, joint=False)
    assert game.real_batches == 2
    assert passes_of_phases(game, make_nets("concat"), make_batch(2)) == [[6, 6, 6], [6, 6], [6]]


@pytest.mark.parametrize("pairing", ["elementwise", "roll-3", "all"])
@pytest.mark.parametrize(("head", "kinds"), GAMES, ids=str)
def test_a_joint_game_runs_each_image_once_whatever_it_meets(head, kinds, pairing) -> None:
    game = Pairwise(kinds=kinds, pairing=pairing, r1=1.0, r2=1.0)
    assert passes_of_phases(game, make_nets(head), make_batch()) == [[12], [6, 6]]


def test_reals_are_embedded_anew_at_each_step_even_if_the_batch_is_the_same_object() -> None:
    game, nets, batch = Pairwise(g_steps=2), make_nets(), make_batch()
    phases = game.phases()
    passes = Passes(nets)
    for _ in range(2):
        for phase in phases:
            phase.loss(nets, batch, 0)
    assert passes.take() == [12, 6, 6, 6] * 2


def test_steps_and_the_parts_of_the_batch_that_they_see() -> None:
    game = Pairwise(d_steps=3, g_steps=2, fresh_reals=True)
    assert game.real_batches == 4
    assert [phase.trains for phase in game.phases()] == [("D",)] * 3 + [("G",)] * 2
    batch = make_batch(4)
    nets = make_nets()
    seen: list[torch.Tensor] = []
    nets["D"].branch.register_forward_pre_hook(lambda _, args: seen.append(args[0][:6].detach()))
    for phase in game.phases():
        phase.loss(nets, batch, 0)
    for index, x in enumerate(seen[:4]):
        assert torch.equal(x, batch.x[6 * index : 6 * index + 6])


def test_lazy_penalties_are_due_every_n_steps_and_weighted_by_n() -> None:
    nets, batch = make_nets(), make_batch()
    lazy, eager = Pairwise(r1=0.5, r2=0.25, penalty_every=4), Pairwise(r1=0.5, r2=0.25)
    with_, without, _ = lazy.phases()
    assert [with_.due(step) for step in range(9)] == [step % 4 == 0 for step in range(9)]
    assert [without.due(step) for step in range(9)] == [step % 4 != 0 for step in range(9)]
    values = {}
    for name, phase in {"lazy": with_, "plain": without, "eager": eager.phases()[0]}.items():
        torch.manual_seed(3)
        values[name], scalars = phase.loss(nets, batch, 0)
        assert ("penalty/r1" in scalars) == (name != "plain")
        if name == "lazy":
            expected = (0.5 * scalars["penalty/r1"] + 0.25 * scalars["penalty/r2"]) / 2
    assert_close(values["eager"] - values["plain"], expected)
    assert_close(values["lazy"] - values["plain"], 4 * expected)


def test_schedules_count_images() -> None:
    game = Pairwise(r1=Ramp(start=2.0, end=0.0, images=100, shape="linear"))
    nets, batch = make_nets(), make_batch()
    values = []
    for images in (0, 50, 100):
        torch.manual_seed(0)
        loss, scalars = game.phases()[0].loss(nets, batch, images)
        values.append(((loss - scalars["loss/D"]) / scalars["penalty/r1"]).item())
    assert_close(values, [1.0, 0.5, 0.0], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("head", ["difference", "distance"])
@pytest.mark.parametrize("pairing", ["elementwise", "roll-2", "all"])
def test_penalties_are_gradients_of_each_images_mean_score_over_its_partners(head: str, pairing: str) -> None:
    kinds = ("unlike",) if head == "difference" else ("like", "unlike")
    nets, batch, game = make_nets(head), make_batch(), Pairwise(kinds=kinds, pairing=pairing, r1=1.0, r2=1.0)
    torch.manual_seed(5)
    _, scalars = game.phases()[0].loss(nets, batch, 0)
    torch.manual_seed(5)
    real, fake = batch.x.clone().requires_grad_(), generate(nets, batch).x.detach().requires_grad_()
    n = len(real)
    k = {"elementwise": 1, "roll-2": 2, "all": n}[pairing]
    critic, r1, r2 = nets["D"], 0.0, 0.0
    for i in range(n):
        on_i = sum(critic(real[i : i + 1], fake[(i + s) % n, None]) for s in range(k)) / k
        (g,) = torch.autograd.grad(on_i.sum(), real)
        r1 += g[i].square().sum() / n
        by_i = sum(critic(real[(i - s) % n, None], fake[i : i + 1]) for s in range(k)) / k
        (g,) = torch.autograd.grad(by_i.sum(), fake)
        r2 += g[i].square().sum() / n
    assert_close(scalars["penalty/r1"], r1, rtol=1e-4, atol=0)
    assert_close(scalars["penalty/r2"], r2, rtol=1e-4, atol=0)


def mean_distance(a: torch.Tensor, b: torch.Tensor, itself: bool) -> torch.Tensor:
    found = [(x - y).norm() for i, x in enumerate(a) for j, y in enumerate(b) if not (itself and i == j)]
    return torch.stack(found).mean()


def test_a_distance_head_with_all_kinds_and_the_wasserstein_loss_plays_the_energy_distance() -> None:
    """D's loss is minus the energy distance of the features, and G's gradients are those of the distance."""
    nets, batch = make_nets("distance"), make_batch()
    game = Pairwise(loss="wasserstein", kinds=("like", "unlike", "fakes"), pairing="all")
    critic, scale = nets["D"], nets["D"].head.scale.item()
    d_phase, g_phase = game.phases()

    def energy() -> torch.Tensor:
        torch.manual_seed(5)
        x, y = critic.branch(batch.x), critic.branch(generate(nets, batch).x)
        return 2 * mean_distance(x, y, False) - mean_distance(x, x, True) - mean_distance(y, y, True)

    torch.manual_seed(5)
    loss, _ = d_phase.loss(nets, batch, 0)
    assert_close(loss, -scale / 2 * energy(), rtol=1e-4, atol=1e-5)
    freeze(nets, ("G",))
    torch.manual_seed(5)
    loss, _ = g_phase.loss(nets, batch, 0)
    expected = torch.autograd.grad(scale / 2 * energy(), nets["G"].parameters())
    found = torch.autograd.grad(loss, nets["G"].parameters())
    for ours, theirs in zip(found, expected, strict=True):
        assert_close(ours, theirs, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize(("head", "kinds"), GAMES, ids=str)
def test_d_raises_the_contrast_and_g_the_unlike_scores_or_lowers_the_margin(head, kinds) -> None:
    nets, batch, game = make_nets(head), make_batch(), Pairwise(kinds=kinds)

    def gain(phase: Phase) -> float:
        """By how much a small step of the phase raises unlike (difference), or like - unlike (similarity)."""
        freeze(nets, phase.trains)
        found = []
        for stepped in (False, True):
            torch.manual_seed(1)
            _, scalars = game.phases()[0].loss(nets, batch, 0)
            found.append(scalars["score/unlike"] if head == "difference" else -scalars["score/unlike"])
            if head != "difference" and phase.trains == ("D",):
                like = scalars["score/like"]
                found[-1] = found[-1] + (like + scalars.get("score/fakes", like)) / 2
            if not stepped:
                torch.manual_seed(1)
                parameters = list(nets[phase.trains[0]].parameters())
                slopes = torch.autograd.grad(phase.loss(nets, batch, 0)[0], parameters)
                size = torch.nn.utils.get_total_norm(slopes)
                with torch.no_grad():
                    for parameter, slope in zip(parameters, slopes, strict=True):
                        parameter -= 1e-3 * slope / size
        return (found[1] - found[0]).item()

    d_phase, g_phase = game.phases()
    assert gain(d_phase) > 0
    if "fakes" not in kinds:
        assert gain(g_phase) < 0


def test_smoothing_is_for_d_only_and_terms_are_averaged_or_added() -> None:
    nets, batch = make_nets("concat"), make_batch(2)
    values = {}
    for terms in ("mean", "sum"):
        game = Pairwise(
            loss="bce", kinds=("like", "unlike"), like_partner="fresh", smoothing=0.1, terms=terms
        )
        torch.manual_seed(2)
        d, _ = game.phases()[0].loss(nets, batch, 0)
        torch.manual_seed(2)
        g, _ = game.phases()[1].loss(nets, batch, 0)
        values[terms] = d
    assert_close(values["sum"], 2 * values["mean"])
    torch.manual_seed(2)
    real, other = part_of(batch, 0, 2).x, part_of(batch, 1, 2).x
    fake = generate(nets, part_of(batch, 0, 2)).x
    like, unlike = nets["D"](real, other)[:, None], nets["D"](real, fake)[:, None]
    assert_close(values["sum"], bce(like, unlike, 0.1))
    assert_close(g, bce(unlike, None, 0.0))


@pytest.mark.parametrize(
    ("kinds", "like_partner", "pairing"),
    [
        (("like", "unlike"), "roll", "elementwise"),
        (("like", "unlike"), "fresh", "elementwise"),
        (("like", "unlike", "fakes"), "fresh", "elementwise"),
        (("like", "unlike"), "roll", "roll-2"),
        (("unlike",), "roll", "all"),
    ],
)
def test_both_members_of_every_pair_get_the_same_augmentation(
    monkeypatch, kinds, like_partner, pairing: str
) -> None:
    """All images are one image: every pair must still score as an image with itself."""
    head = "difference" if kinds == ("unlike",) else "distance"
    nets = make_nets(head)
    game = Pairwise(
        kinds=kinds,
        like_partner=like_partner,
        pairing=pairing,
        augment=Augment(policy=("flip", "translation", "cutout", "color")),
        joint=False,
    )
    x = torch.randn(1, 3, 8, 8).expand(6 * game.real_batches, -1, -1, -1)
    monkeypatch.setattr(nets["G"], "forward", lambda z, y=None: x[: len(z)].clone())
    _, scalars = game.phases()[0].loss(nets, Images(x), 0)
    for kind in kinds:
        same = (
            0.0 if head == "difference" else nets["D"].head.bias.item() - nets["D"].head.scale.item() * 1e-4
        )
        assert_close(scalars[f"score/{kind}"].item(), same, atol=1e-4, rtol=0)
    embedded: list[torch.Tensor] = []
    nets["D"].branch.register_forward_pre_hook(lambda _, args: embedded.append(args[0]))
    game.phases()[0].loss(nets, Images(x), 0)
    game.phases()[1].loss(nets, Images(x), 0)
    assert not torch.equal(embedded[0], x[:6]), "nothing was augmented"
    assert torch.equal(embedded[-1], embedded[-2]), "G's pairs"
    distinct = len(torch.unique(embedded[0], dim=0))
    assert (distinct > 1) == game.aligned


def plain_s1(nets: dict[str, nn.Module], batch: Images) -> dict[str, list[torch.Tensor]]:
    """S1's D and G gradients as its loop computes them: four branch passes, whole back-propagation."""
    generator, critic = nets["G"], nets["D"]
    real, other = batch.x.chunk(2)
    criterion = nn.BCEWithLogitsLoss()
    for net in nets.values():
        net.requires_grad_(True)
        net.zero_grad()

    def score(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
        features = torch.cat([critic.branch(a), critic.branch(b)], 1)
        return critic.head.rest(critic.head.first(features)).squeeze(1)

    found = {}
    torch.manual_seed(11)
    z = parallel.randn(len(real), generator.z_dim)
    fake = generator(z).detach()
    unlike = score(real, fake)  # first, as ours, so that dropout draws the same masks
    like = score(real, other)
    loss = (criterion(like, torch.full_like(like, 0.9)) + criterion(unlike, torch.full_like(unlike, 0.1))) / 2
    loss.backward()
    found["D"] = [p.grad.clone() for p in critic.parameters()]
    for step in (1, 2):
        generator.zero_grad()
        torch.manual_seed(11 + step)
        z = parallel.randn(len(real), generator.z_dim)
        scores = score(real, generator(z))
        criterion(scores, torch.ones_like(scores)).backward()
        found[f"G{step}"] = [p.grad.clone() for p in generator.parameters()]
    return found


def test_s1_gradients_are_those_of_the_loop_as_written() -> None:
    config = CriticConfig(
        branch=SiameseBranch(widths=(8, 8, 16), features=24), head="concat", hidden=(16,), dropout=0.3
    )
    nets = {
        "G": SiameseGenerator(z_dim=8, widths=(16, 8, 8)).build(Shape(3, 32), 0),
        "D": config.build(Shape(3, 32), 0),
    }
    batch = Images(torch.rand(16, 3, 32, 32) * 2 - 1)
    expected = plain_s1(nets, batch)
    game = Pairwise(
        loss="bce",
        kinds=("like", "unlike"),
        like_partner="fresh",
        smoothing=0.1,
        terms="mean",
        g_steps=2,
        joint=False,
    )
    for phase, name, seed in zip(game.phases(), expected, (11, 12, 13), strict=True):
        freeze(nets, phase.trains)
        torch.manual_seed(seed)
        loss, _ = phase.loss(nets, batch, 0)
        found = torch.autograd.grad(loss, list(nets[phase.trains[0]].parameters()))
        largest = max(g.abs().max() for g in expected[name])
        for ours, theirs in zip(found, expected[name], strict=True):
            # a bias before BatchNorm has the gradient 0, of which rounding is all that is left
            assert (ours - theirs).abs().max() <= 1e-4 * theirs.abs().max() + 1e-5 * largest


class Marked(nn.Module):
    """A branch that reads the class and the index of an image, which are written in its first pixels."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x[:, :2, 0, 0]


def marked_game(conditional: bool, labels: list[int]) -> tuple[dict[str, nn.Module], Images]:
    """Networks and a batch in which every pair of embeddings tells who meets whom; G's have 100 added."""
    nets = make_nets("distance", classes=3 if conditional else 0, conditioning="map")
    y = torch.tensor(labels)
    x = torch.zeros(len(y), 3, 8, 8)
    x[:, 0, 0, 0], x[:, 1, 0, 0] = y.float(), torch.arange(len(y)).float()
    made = x.clone()
    made[:, 1, 0, 0] += 100
    nets["D"].branch, nets["D"].label_map = Marked(), None
    nets["G"].forward = lambda z, y=None: made.clone().requires_grad_()  # type: ignore[method-assign]
    return nets, Images(x, y)


def met(game: Pairwise, nets, batch: Images) -> tuple[list[torch.Tensor], list[torch.Tensor]]:
    """Classes ``[pairs, 2]`` and indices of all pairs that the phases look at."""
    classes, indices = [], []
    score = nets["D"].head.score

    def noted(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
        a_, b_ = torch.broadcast_tensors(a, b)
        classes.append(torch.stack([a_[..., 0], b_[..., 0]], -1).flatten(0, -2))
        indices.append(torch.stack([a_[..., 1], b_[..., 1]], -1).flatten(0, -2))
        return score(a, b)

    nets["D"].head.score = noted
    for phase in game.phases():
        phase.loss(nets, batch, 0)
    return classes, indices


@pytest.mark.parametrize("joint", [True, False])
@pytest.mark.parametrize("pairing", ["elementwise", "roll-2", "roll-4"])
def test_conditional_pairs_share_the_class(pairing: str, joint: bool) -> None:
    game = Pairwise(kinds=("like", "unlike", "fakes"), pairing=pairing, joint=joint)
    labels = [0, 1, 0, 2, 0, 1]
    classes, indices = met(game, *marked_game(True, labels))
    assert len(classes) == 6  # three kinds, for each player
    for of_kind, who in zip(classes, indices, strict=True):
        assert torch.equal(of_kind[:, 0], of_kind[:, 1])
        with_itself = who[who[:, 0] == who[:, 1]]
        assert (with_itself % 100 == 3).all(), "but for the one that is alone in its class"
    classes, _ = met(game, *marked_game(False, labels))
    assert any((of_kind[:, 0] != of_kind[:, 1]).any() for of_kind in classes), "they need not without classes"


@pytest.mark.parametrize("loss", ["bce", "relativistic", "infonce"])
def test_an_image_alone_in_its_class_takes_no_part_in_pairs(loss: str) -> None:
    nets, batch = marked_game(True, [0, 1, 0, 2, 0, 1])
    game = Pairwise(loss=loss, kinds=("like", "unlike"), terms="sum")
    d_phase, _ = game.phases()
    found, _ = d_phase.loss(nets, batch, 0)
    head, marks = nets["D"].head, Marked()(batch.x)
    made = marks + torch.tensor([0.0, 100.0])
    ring = {0: 2, 1: 5, 2: 4, 4: 0, 5: 1}
    up = torch.stack([head.score(marks[i], marks[j]) for i, j in ring.items()])[:, None]
    down = torch.stack([head.score(marks[i], made[i]) for i in ring])[:, None]
    assert_close(found, PAIR_LOSSES[loss](up, down))
    nets, batch = marked_game(True, [0, 1, 2])
    loss_of_none, _ = Pairwise(kinds=("like", "unlike")).phases()[0].loss(nets, batch, 0)
    assert loss_of_none == 0, "no pair at all"


def test_a_difference_head_compares_across_classes_and_the_other_heads_are_refused_where_they_would() -> None:
    base = get("mnist")
    assert override(base, {"objective.pairing": "all"}).objective.pairing == "all"
    similarity = {
        "networks.D.head": "distance",
        "networks.D.conditioning": "map",
        "objective.kinds": "like,unlike",
    }
    override(base, similarity)
    for changes, mend in (
        ({"objective.pairing": "all"}, {"objective.pairing": "roll-4"}),
        ({"objective.like_partner": "fresh"}, {"objective.like_partner": "roll"}),
        ({"networks.D.pack": "2"}, {"networks.D.pack": "1"}),
    ):
        with pytest.raises(UserError, match="a conditional distance head") as raised:
            override(base, similarity | changes)
        ((path, value),) = mend.items()
        assert f"give --{path} {value}" in str(raised.value)
        override(base, similarity | changes | mend)
        override(base, similarity | changes | {"networks.D.head": "difference", "objective.kinds": "unlike"})
        override(base, similarity | changes | {"conditional": "false"})


def test_random_order_and_dropout_play_too() -> None:
    nets = make_nets("concat", random_order=True, dropout=0.5)
    run_phases(Pairwise(kinds=("like", "unlike", "fakes"), pairing="all"), nets, make_batch())


def test_updates_move_what_a_phase_trains_and_nothing_else() -> None:
    nets, batch, game = make_nets(), make_batch(), Pairwise()
    schedule = Schedule(batch_size=6, tick=6, adam=ADAM)
    state = State(nets, game, schedule)
    for phase in game.phases():
        before = {k: v.clone() for k, v in state.nets.state_dict().items()}
        scalars = update(state, phase, batch, schedule)
        moved = {k.split(".")[0] for k, v in state.nets.state_dict().items() if not torch.equal(v, before[k])}
        assert moved == set(phase.trains)
        assert scalars[f"grad_norm/{phase.trains[0]}"] > 0
        assert all(p.grad is None for p in state.nets.parameters())


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"kinds": ("like",)}, "lack 'unlike'"),
        ({"kinds": ("unlike", "likes")}, "did you mean 'like'"),
        ({"loss": "hinge", "smoothing": 0.1}, "smoothing is for the loss 'bce'"),
        ({"loss": "hing"}, "hinge"),
        ({"rl": 1.0}, "rl"),
    ],
)
def test_settings_that_make_no_sense_are_refused(fields, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Pairwise(**fields)
