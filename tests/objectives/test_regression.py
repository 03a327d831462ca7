"""Translation by distance alone, and its perceptual part."""

import pytest
import torch
from pydantic import ValidationError
from small_translation import assert_trains_only_its_own, make_nets, make_pairs, pairs_data
from torch.testing import assert_close

from visavis.core import Pairs, Shape
from visavis.networks import SuperResolver, UNet
from visavis.networks.perceptual import load_feature_maps
from visavis.objectives import Regression
from visavis.objectives.translation import Distance
from visavis.training.loop import Adam, Schedule, State, train


def test_the_loss_is_the_l1_distance() -> None:
    nets, batch = {"G": make_nets()["G"]}, make_pairs()
    (phase,) = Regression(distance=Distance(l1=2.0)).phases()
    loss, scalars = phase.loss(nets, batch, 0)
    expected = (nets["G"](batch.a) - batch.b).abs().mean()
    assert_close(scalars["distance/l1"], expected)
    assert_close(loss, 2 * expected)
    assert_trains_only_its_own(nets, phase, batch)


def test_the_perceptual_part_is_taken_on_the_classifiers_maps_and_trains_g_only() -> None:
    torch.manual_seed(0)
    game = Regression(distance=Distance(perceptual=3.0, features="digitsr"))
    nets = {"G": UNet(width=4, widest=8, dropout=0.0).build(Shape(1, 8), 0)} | game.state()
    batch = Pairs(*(torch.rand(2, 5, 1, 8, 8) * 2 - 1).unbind())
    (phase,) = game.phases()
    assert_trains_only_its_own(nets, phase, batch)
    loss, scalars = phase.loss(nets, batch, 0)
    maps = load_feature_maps("digitsr")
    fake = nets["G"](batch.a)
    expected = torch.stack(
        [(x - y).abs().mean() for x, y in zip(maps(fake), maps(batch.b), strict=True)]
    ).mean()
    assert_close(scalars["distance/perceptual"], expected)
    assert_close(loss, scalars["distance/l1"] + 3 * expected)


def test_a_weight_without_features_and_features_without_a_weight_are_refused() -> None:
    for fields in ({"perceptual": 1.0}, {"features": "digitsr"}):
        with pytest.raises(ValidationError, match="go together"):
            Distance(**fields)


def test_super_resolution_gets_better_than_the_interpolation_that_it_starts_from() -> None:
    torch.manual_seed(0)
    game = Regression()
    schedule = Schedule(batch_size=8, tick=80, adam={"G": Adam(lr=2e-3, beta1=0.9, beta2=0.999)})
    net = SuperResolver(width=16, blocks=1).build(Shape(1, 16), 0)

    def batches(step: int) -> Pairs:
        """A sharp edge somewhere, and its means over 2×2, which tell where."""
        generator = torch.Generator().manual_seed(step)
        edges = torch.randint(2, 15, (8, 1, 1, 1), generator=generator)
        b = torch.where(torch.arange(16)[:, None] < edges, 1.0, -1.0).expand(8, 1, 16, 16)
        return Pairs(torch.nn.functional.avg_pool2d(b, 2), b.contiguous())

    state = State({"G": net}, game, schedule)
    reports = list(train(state, game, batches, schedule, 960))
    assert reports[-1].scalars["distance/l1"] < 0.75 * reports[0].scalars["distance/l1"]


def test_networks_that_do_not_fit_are_refused() -> None:
    Regression().check({"G": SuperResolver(scale=4)}, pairs_data(4))
    with pytest.raises(ValueError, match="scale 4"):
        Regression().check({"G": SuperResolver(scale=2)}, pairs_data(4))
