"""Path length regularisation: when it is due, what it adds, who pays, what is refused."""

import pytest
import torch
from torch.testing import assert_close

from visavis.core import Images, Shape
from visavis.networks import CriticConfig, MLPBranch, StyleGAN2Generator
from visavis.objectives import GAN, PathLength
from visavis.recipes import RECIPES
from visavis.training.loop import Adam, Schedule, State, train

SHAPE = Shape(1, 8)
BATCH = Images(torch.linspace(-1, 1, 4 * 64).reshape(4, 1, 8, 8))


def nets() -> dict[str, torch.nn.Module]:
    torch.manual_seed(0)
    g = StyleGAN2Generator(width=4, widest=8, z_dim=5, w_dim=5, mapping=1)
    d = CriticConfig(branch=MLPBranch(), head="single")
    return {"G": g.build(SHAPE, 0), "D": d.build(SHAPE, 0)}


def test_it_is_due_every_n_steps_in_which_g_moves_once() -> None:
    phases = [phase for phase in PathLength(path_every=3).phases() if phase.trains == ("G",)]
    assert [[phase.due(step, 0) for phase in phases] for step in range(4)] == [
        [True, False],
        [False, True],
        [False, True],
        [True, False],
    ]


def test_it_adds_the_distance_of_lengths_from_their_mean_weighted_by_the_steps_between() -> None:
    players, game = nets(), PathLength(path=2.0, path_every=4, path_rate=0.5, path_part=2)
    both = {**players, **game.state()}
    torch.manual_seed(1)
    plain, _ = GAN().g_loss(players, BATCH, 0)
    lengths = game.lengths(both, BATCH)  # the draws that follow, as the game takes them
    torch.manual_seed(1)
    loss, scalars = game.path_loss(both, BATCH, 0)
    mean = lengths.mean() / 2  # from 0, half the way
    assert lengths.shape == (2,)
    assert_close(both["path"].length, mean.detach())
    assert_close(loss, plain + 4 * 2 * (lengths - mean.detach()).square().mean())
    assert_close(scalars["penalty/path"], (lengths - mean.detach()).square().mean())


def test_it_trains_g_and_its_mean_is_state() -> None:
    game = PathLength(path_every=1)
    schedule = Schedule(batch_size=4, tick=4, adam={"G": Adam(), "D": Adam()})
    state = State(nets(), game, schedule)
    before = state.nets["G"].mapping.layers[0].weight.clone()
    reports = list(train(state, game, lambda step: BATCH, schedule, 8))
    assert not torch.equal(before, state.nets["G"].mapping.layers[0].weight)
    assert reports[-1].scalars["path/length"] > 0
    assert state.tensors()["nets.path.length"] == state.nets["path"].length > 0


def test_a_generator_without_styles_is_refused_with_the_mend() -> None:
    recipe = RECIPES["dcgan-mnist"]()
    with pytest.raises(ValueError, match=r"'dcgan' has none; give --networks.G.kind stylegan2"):
        PathLength().check(recipe.networks, recipe.data)
    style = RECIPES["stylegan2-mnist"]()
    PathLength().check(style.networks, style.data)
