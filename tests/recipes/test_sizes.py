"""The dial: what follows from a size and from what pictures are like."""

from itertools import pairwise

import pytest

from visavis.data.facts import Facts
from visavis.errors import UserError
from visavis.objectives import Pairwise
from visavis.recipes import get
from visavis.recipes.recipe import override
from visavis.recipes.sizes import FEW, GAMMA, SIZES, Plan, sides
from visavis.recipes.watch import Watch


def seen(**fields: object) -> Facts:
    plain = {"images": 280, "resolution": 64, "channels": 3, "spread": 2000.0, "handedness": 0.0}
    return Facts.model_validate({**plain, **fields})


def game(found: Facts) -> Pairwise:
    objective = Plan().fields(found)["objective"]
    assert isinstance(objective, Pairwise)
    return objective


def test_sides_are_doublings_from_16_to_256() -> None:
    assert sides()[:8] == [16, 20, 24, 28, 32, 40, 48, 56] and sides()[-1] == 256


def test_the_side_is_the_largest_that_pictures_and_size_allow() -> None:
    assert [Plan().side_for(short) for short in (16, 30, 32, 63, 4000)] == [16, 28, 32, 56, 64]
    assert Plan(size="large").side_for(4000) == 256 and Plan(size="tiny").side_for(100) == 32
    assert Plan().side_for(15, asked=256) == 256
    with pytest.raises(UserError, match=r"resolution 257 \(allowed: 16 to 256\)"):
        Plan().side_for(4000, asked=257)
    with pytest.raises(UserError, match=r"pictures of 15 pixels \(allowed: 16 and more\)"):
        Plan().side_for(15)


def test_gamma_follows_the_spread() -> None:
    assert game(seen()).r1 == game(seen()).r2 == pytest.approx(2000 * GAMMA)
    assert game(seen(spread=200.0)).r1 == pytest.approx(200 * GAMMA)


def test_few_pictures_are_augmented_as_far_as_they_are_learned_by_heart() -> None:
    few, many = game(seen()).augment, game(seen(images=FEW)).augment
    assert few.target == 0.6 and few.ramp == 50 * 280
    assert many.policy == () and many.target is None


def test_a_stage_costs_what_any_other_costs() -> None:
    for size in SIZES.values():
        g64, g32 = size.networks(64)["G"], size.networks(32)["G"]
        assert g32.width == size.width and g64.width == max(size.width // 2, 8)  # type: ignore[union-attr]


def test_sizes_grow_in_all_that_costs() -> None:
    rows = list(SIZES.values())
    for one, next_one in pairwise(rows):
        assert one.width < next_one.width and one.images < next_one.images and one.lr > next_one.lr


def test_short_trainings_are_looked_at_less_often() -> None:
    def every(images: int) -> int | None:
        watch = Plan().fields(seen(), images)["watch"]
        assert isinstance(watch, Watch) and watch.samples == 280
        return watch.every

    assert (every(2_000), every(6_000), every(80_000)) == (2_000, 3_000, 10_000)


def test_classes_make_it_conditional_from_two_on() -> None:
    assert not Plan().fields(seen(classes={"a": 280}))["conditional"]
    assert Plan().fields(seen(classes={"a": 140, "b": 140}))["conditional"]


def test_what_is_given_is_kept_for_when_the_rest_is_settled() -> None:
    recipe = override(get("images"), {"plan.size": "tiny", "objective.r1": "0.5"})
    assert recipe.plan is not None and recipe.plan.size == "tiny"
    assert recipe.plan.given == {"plan.size": "tiny", "objective.r1": "0.5"}
    with pytest.raises(UserError, match="recipe 'mnist' has one size"):
        override(get("mnist"), {"plan.size": "tiny"})
    with pytest.raises(UserError, match=r"plan\.size"):
        override(get("images"), {"plan.size": "huge"})
