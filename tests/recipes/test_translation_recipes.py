"""The recipes that translate: S6's settings, and what a misfit is told."""

from pathlib import Path

import pytest
import torch

from visavis.core import Shape
from visavis.data import PairsConfig, load
from visavis.errors import UserError
from visavis.networks import PatchGAN, UNet, build, parameters
from visavis.objectives import PairwisePix2Pix, Pix2Pix
from visavis.recipes import RECIPES, get
from visavis.recipes.recipe import Recipe, override

TRANSLATING = [name for name, make in RECIPES.items() if make().task == "translate"]


def test_s6_as_written_has_the_settings_that_systems_md_gives() -> None:
    s6 = get("pix2pix-sketch2face-as-written")
    assert isinstance(s6.data, PairsConfig)
    assert (s6.data.resolution, s6.data.split, s6.data.flip, s6.data.jitter) == (256, "train", False, 0)
    assert (s6.data.a, s6.data.b, s6.data.direction) == ("sketch", "photo", "a-to-b")
    game = s6.objective
    assert isinstance(game, Pix2Pix)
    assert (game.loss, game.distance.l1, game.adversarial, game.feature_matching) == (
        "nonsaturating",
        100.0,
        1.0,
        0.0,
    )
    assert (game.r1, game.r2, game.d_steps, game.g_steps) == (0.0, 0.0, 1, 1)
    assert (s6.batch_size, s6.images, s6.average.decay, s6.watch.every) == (16, 100 * 138, 0.0, 138)
    assert isinstance(s6.networks["D"], PatchGAN) and s6.networks["D"].spectral
    with torch.device("meta"):
        nets = build(s6.networks, Shape(3, 256), 0)
    generator = nets["G"]
    assert len(generator.down) == 8 == len(generator.up) + 1
    assert generator.down[-1][0].out_channels == 512
    counted = {name: parameters(net) for name, net in nets.items()}
    assert counted == {"G": 54_419_459, "D": 2_767_809}


def test_the_pairwise_form_differs_from_pix2pix_in_its_critic_alone() -> None:
    for data in ("sketch2face", "facades"):
        plain, pairwise = get(f"pix2pix-{data}"), get(f"pairwise-pix2pix-{data}")
        assert isinstance(plain.objective, Pix2Pix) and isinstance(pairwise.objective, PairwisePix2Pix)
        assert plain.networks["G"] == pairwise.networks["G"] and isinstance(plain.networks["G"], UNet)
        assert plain.objective.distance == pairwise.objective.distance
        assert (plain.data, plain.adam, plain.images) == (pairwise.data, pairwise.adam, pairwise.images)


@pytest.mark.parametrize("name", TRANSLATING)
def test_every_field_survives_json(name: str) -> None:
    recipe = get(name)
    assert override(recipe, {}) == recipe == Recipe.model_validate_json(recipe.model_dump_json())


@pytest.mark.parametrize("name", [name for name in TRANSLATING if "sketch2face" in name or "facades" in name])
def test_a_set_that_is_not_there_is_told_with_the_mend(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match=r"(sketch2face|facades).*--data"):
        load(get(name).data)


@pytest.mark.parametrize(
    ("name", "field", "value", "complaint"),
    [
        ("cyclegan-digits", "networks.D_a.sees", "pair", "--networks.D_a.sees image"),
        ("superres-cifar10", "networks.G.scale", "4", "--networks.G.scale 2"),
        ("pix2pix-facades", "objective.distance.perceptual", "1.0", "go together"),
        ("pix2pix-facades", "objective.loss", "relativistic", "objective.loss"),
        ("pairwise-pix2pix-facades", "objective.r3", "1", "objective.r3"),
    ],
)
def test_what_does_not_fit_is_refused(name: str, field: str, value: str, complaint: str) -> None:
    with pytest.raises(UserError, match=complaint):
        override(get(name), {field: value})


def test_facades_go_from_label_map_to_photo() -> None:
    data = get("pix2pix-facades").data
    assert isinstance(data, PairsConfig)
    assert (data.layout, data.direction) == ("side-by-side", "b-to-a")
