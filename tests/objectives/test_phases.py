"""What is added to any game's phases."""

import pytest
import torch
from small_game import make_batch, make_nets
from torch import nn
from torch.testing import assert_close

from visavis.core import Every, Phase, Ramp
from visavis.networks.growth import Growing
from visavis.objectives import GAN, Pairwise
from visavis.objectives.phases import PastWeights, WhileMore, clipped, held_back, told_progress
from visavis.training.loop import Adam, Schedule, State, update

ADAM = {"G": Adam(lr=1e-2), "D": Adam(lr=1e-2)}


def play(game, steps: int = 2, head: str = "single") -> State:
    schedule = Schedule(batch_size=6, tick=6, adam=ADAM)
    state = State(make_nets(head), game, schedule)
    for step in range(steps):
        for phase in game.phases():
            if phase.due(step, state.images):
                update(state, phase, make_batch(game.real_batches), schedule)
        state.images += 6
    return state


def test_clipped_weights_stay_within_and_only_those_of_d() -> None:
    state = play(GAN(loss="wasserstein", clip=0.01))
    assert max(p.abs().max() for p in state.nets["D"].parameters()) <= 0.01
    assert max(p.abs().max() for p in state.nets["G"].parameters()) > 0.01


def test_clipping_comes_after_what_the_phase_does_itself() -> None:
    net = nn.Linear(1, 1)
    phase = Phase(("D",), lambda *_: None, after=lambda nets: nets["D"].weight.fill_(3.0))
    with torch.no_grad():
        clipped(phase, 0.5).after({"D": net})
    assert net.weight.item() == 0.5


def test_the_mean_of_past_weights_by_hand() -> None:
    net, past = nn.Linear(1, 1, bias=False), PastWeights()
    with torch.no_grad():
        net.weight.fill_(1.0)
    assert_close(past.distance(net).detach(), torch.tensor(0.0))
    for value in (1.0, 2.0, 6.0):
        with torch.no_grad():
            net.weight.fill_(value)
        past.add(net)
    assert_close(past.mean, torch.tensor([3.0]))
    distance = past.distance(net)
    assert_close(distance.detach(), torch.tensor(9.0))
    distance.backward()
    assert_close(net.weight.grad, torch.tensor([[6.0]]))
    copy = PastWeights()
    copy.load_state_dict(past.state_dict())
    assert_close(copy.mean, past.mean)
    assert copy.steps == 3


def test_historical_averaging_adds_to_both_players_and_its_means_are_state() -> None:
    game = GAN(historical=0.5)
    state = play(game)
    assert state.nets["past_D"].steps == state.nets["past_G"].steps == 2
    nets, batch = dict(state.nets.items()), make_batch()
    for phase, name in zip(game.phases(), "DG", strict=True):
        torch.manual_seed(3)
        held, scalars = phase.loss(nets, batch, 0)
        torch.manual_seed(3)
        plain, _ = GAN().phases()["DG".index(name)].loss(nets, batch, 0)
        expected = state.nets[f"past_{name}"].distance(nets[name])
        assert expected > 0
        assert_close(held - plain, 0.5 * expected, rtol=1e-3, atol=1e-6)
        assert_close(scalars[f"penalty/past_{name}"], expected)


def test_held_back_keeps_what_the_phase_is() -> None:
    phase = Phase(("G",), lambda *_: None, due=Every(3))
    assert held_back(phase, 1.0).due is phase.due and held_back(phase, 1.0).trains == ("G",)


def test_growing_networks_are_told_how_many_images_have_been_seen() -> None:
    net = nn.Sequential(Growing(), nn.Linear(1, 1))
    seen: list[int] = []

    def loss(nets, batch, images):
        seen.append(int(nets["G"][0].images))

    told_progress(Phase(("G",), loss)).loss({"G": net, "D": nn.Linear(1, 1)}, make_batch(), 70)
    assert seen == [70]


def test_five_steps_of_d_become_one() -> None:
    game = Pairwise(d_steps=Ramp(start=5, end=1, images=400, shape="linear"), r1=1.0, penalty_every=2)
    assert game.real_batches == 5
    for images, steps in [(0, 5), (100, 4), (200, 3), (390, 1), (5_000, 1)]:
        for step in (0, 1):
            due = [phase.trains for phase in game.phases() if phase.due(step, images)]
            assert due == [("D",)] * steps + [("G",)]
    assert WhileMore(3, 2, Every(1))(0) and not WhileMore(3, 3, Every(1))(0)


@pytest.mark.parametrize("game", [GAN(d_steps=Ramp(start=2, end=1, images=6, shape="linear"))], ids=str)
def test_a_schedule_of_steps_trains(game) -> None:
    state = play(game, steps=3)
    assert state.optimisers["D"].state_dict()["state"][0]["step"] == 2 + 1 + 1
