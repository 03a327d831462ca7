"""What a model can do follows from its task and its networks; what it can't is told in one line."""

from pathlib import Path

import pytest
from small_models import made

from visavis import recipes
from visavis.core import Shape
from visavis.errors import UserError
from visavis.models.critic import Compares
from visavis.models.load import TASKS, load, model_of
from visavis.models.model import ABILITIES, Model
from visavis.models.snapshot import Description

TASK_OF = {"sample": {"generate", "reconstruct"}, "compare": {"generate"}, "reconstruct": {"reconstruct"}}


def described(task: str) -> Description:
    return Description({}, Shape(1, 8), (), False, 0, {}, "test", task)


def test_a_generator_with_a_pair_critic_samples_and_compares(digits_run: Path) -> None:
    model = load(digits_run)
    assert model.abilities == ("sample", "compare")
    with pytest.raises(UserError, match=r"translate \(it can: sample, compare\); recipes that can: pix2pix"):
        model.translate(None)
    with pytest.raises(UserError, match="cannot reconstruct"):
        model.reconstruct(None)
    with pytest.raises(AttributeError, match="no attribute 'smaple'"):
        model.smaple(1)


def test_an_ability_needs_its_networks() -> None:
    assert model_of({}, described("generate")).abilities == ("sample",)
    assert model_of({}, described("reconstruct")).abilities == ("sample",)
    assert model_of({}, described("translate")).abilities == ("translate",)
    with pytest.raises(UserError, match="cannot sample"):
        model_of({}, described("translate")).sample(1)
    with pytest.raises(UserError, match=r"task 'dance' \(allowed: generate, reconstruct, translate\)"):
        model_of({}, described("dance"))


def test_every_method_of_the_table_exists_once() -> None:
    for ability, (methods, _) in ABILITIES.items():
        for method in methods:
            assert any(hasattr(kind, method) for kind in TASKS.values()), (ability, method)
            assert not hasattr(Model, method)


@pytest.mark.parametrize(("ability", "tasks"), TASK_OF.items())
def test_the_recipes_that_are_named_have_it(ability: str, tasks: set[str]) -> None:
    for name in ABILITIES[ability][1].split(", "):
        assert recipes.get(name).task in tasks


@pytest.mark.parametrize(
    ("critic", "words"), [({"head": "single"}, "one image at a time"), ({"pack": 2}, "2 images as one")]
)
def test_a_critic_that_does_not_see_two_images_does_not_compare(
    critic: dict[str, object], words: str
) -> None:
    residual = {"kind": "residual", "widths": [8, 8]}
    d = {"kind": "pair", "head": "difference", "branch": residual | {"features": 8}, **critic}
    model = made({"G": residual | {"z_dim": 8}, "D": d}, Shape(1, 8), "generate")
    assert model.abilities == ("sample",)
    picture = model.sample(1, seed=0)[0]
    with pytest.raises(UserError, match=words):
        Compares.compare(model, picture, picture)
