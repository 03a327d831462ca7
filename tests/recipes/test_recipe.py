"""The typed recipe: overrides, mistakes told in one line, JSON."""

import json

import pytest

from visavis.core import Ramp
from visavis.errors import UserError
from visavis.networks import CriticConfig, ResidualGenerator, SiameseGenerator
from visavis.objectives import GAN, Pairwise
from visavis.recipes import RECIPES, get
from visavis.recipes.recipe import Recipe, override, validated


@pytest.fixture
def recipe() -> Recipe:
    return get("stacked-digits")


@pytest.mark.parametrize("name", RECIPES)
def test_json_round_trip(name: str) -> None:
    made = RECIPES[name]()
    assert made.name == name
    assert validated(json.loads(json.dumps(made.model_dump(mode="json")))) == made
    assert override(made, {}) == made


def test_overrides_by_dotted_path(recipe: Recipe) -> None:
    changed = override(
        recipe,
        {
            "batch_size": "32",
            "networks.G.widths": "16,8",
            "networks.D.branch.widths": "[16, 8]",
            "adam.G.lr": "3e-4",
            "adam.D.lr.end": "1e-5",
            "data.classes": "cat,dog",
            "keep_snapshots": "null",
            "channels_last": "true",
            "conditional": "True",
            "objective.pairing": "roll-4",
            "objective.augment.policy": "flip",
            "average.decay": "0.5",
        },
    )
    generator, critic = changed.networks["G"], changed.networks["D"]
    assert isinstance(generator, ResidualGenerator) and generator.widths == (16, 8)
    assert isinstance(critic, CriticConfig) and critic.branch.widths == (16, 8)
    assert changed.batch_size == 32 and changed.adam["G"].lr == 3e-4
    assert isinstance(changed.adam["D"].lr, Ramp) and changed.adam["D"].lr.end == 1e-5
    assert changed.data.classes == ("cat", "dog")
    assert changed.keep_snapshots is None and changed.channels_last and changed.conditional
    assert isinstance(changed.objective, Pairwise) and changed.objective.pairing == "roll-4"
    assert changed.objective.augment.policy == ("flip",)
    assert changed.average.decay == 0.5
    assert recipe == get("stacked-digits"), "the recipe itself stays"


def test_one_width_and_a_number_as_a_class(recipe: Recipe) -> None:
    generator = override(recipe, {"networks.G.widths": "16"}).networks["G"]
    assert isinstance(generator, ResidualGenerator) and generator.widths == (16,)
    assert override(recipe, {"data.classes": "3"}).data.classes == ("3",)
    assert override(recipe, {"data.classes": "3,5"}).data.classes == ("3", "5")


SIMILARITY = {"networks.D.head": "distance", "objective.kinds": "like,unlike"}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"batchsize": "3"}, "unknown field 'batchsize'; did you mean 'batch_size'?"),
        ({"objective.losss": "bce"}, "unknown field 'objective.losss'; did you mean 'objective.loss'?"),
        ({"networks.D.branch.widht": "4"}, "did you mean 'networks.D.branch.width'?"),
        ({"seed.x": "4"}, "unknown field 'seed.x'"),
        ({"objective.loss": "hing"}, "objective.loss: "),
        ({"objective.pairing": "roll"}, "objective.pairing: unknown pairing 'roll' (allowed: "),
        ({"batch_size": "0"}, "batch_size: Input should be greater than 0 (given: 0)"),
        ({"batch_size": "many"}, "batch_size: "),
        ({"networks.D.branch": '{"kind": "residual", "widht": 3}'}, "networks.D.branch.widht: no such field"),
        ({"networks.G": '{"kind": "resdual"}'}, "networks.G: unknown kind 'resdual'; did you mean 'residual"),
        ({"networks.G": '{"z_dim": 3}'}, "networks.G: its 'kind' is missing"),
        (
            {"networks.G": "3"},
            "give them one by one, as in --networks.G.FIELD VALUE (given: 3)",
        ),
        ({"average": "3"}, "average: takes fields, not a value"),
        ({"adam": "3"}, "adam: takes fields, not a value"),
        ({"adam.G": "0.1"}, "adam.G: takes fields, not a value"),
        ({"average": '{"decya": 0.5}'}, "average.decya: no such field"),
        ({"adam.G.lr": "fast"}, "adam.G.lr"),
        ({"adam.G.lr": "nan"}, "adam.G.lr"),
        ({"precision": "fp16"}, "precision: Input should be 'fp32' or 'bf16' (given: 'fp16')"),
        ({"objective.smoothing": "0.1"}, "smoothing is for the loss 'bce', not for 'relativistic'"),
        (
            {"networks.D.head": "distance"},
            "distance head needs like pairs; give --objective.kinds like,unlike",
        ),
        ({"networks.D.head": "single"}, "single head ignores one member"),
        ({"objective.kinds": "like,unlike"}, "difference head gives meaning to unlike pairs only"),
        ({"networks.D.random_order": "true"}, "random_order is for the concat head"),
        ({"objective": '{"kind": "gan"}'}, "'gan' takes --networks.D.head single"),
        ({**SIMILARITY, "networks": "{}"}, "networks"),
        ({"adam": '{"G": {}}'}, "adam"),
    ],
    ids=str,
)
def test_mistakes_are_told_in_one_line(recipe: Recipe, changes: dict[str, str], message: str) -> None:
    with pytest.raises(UserError) as raised:
        override(recipe, changes)
    assert message in str(raised.value)
    assert "\n" not in str(raised.value)


def test_head_and_kinds_that_fit_are_taken(recipe: Recipe) -> None:
    for head in ("distance", "cosine", "concat"):
        override(recipe, {**SIMILARITY, "networks.D.head": head})
    gan = override(recipe, {"objective": '{"kind": "gan", "r1": 1}', "networks.D.head": "single"})
    assert gan.objective.kind == "gan"


def test_identity_is_what_decides_the_numbers(recipe: Recipe) -> None:
    same = {
        "images": "5",
        "snapshot_every": "7",
        "keep_snapshots": "1",
        "metrics": "",
        "data.source": "elsewhere",
    }
    assert override(recipe, same).identity() == recipe.identity()
    for path, value in {"seed": "1", "precision": "bf16", "batch_size": "8", "data.flip": "true"}.items():
        assert override(recipe, {path: value}).identity() != recipe.identity(), path


def test_an_unknown_recipe_names_the_nearest() -> None:
    with pytest.raises(UserError, match="did you mean 'siamese-catsdogs-64'"):
        get("siamese-catdogs-64")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"networks.E.z_dim": "9"}, "E makes latents of 9 numbers and G takes 16.*--networks.G.z_dim"),
        ({"networks.E": '{"kind": "residual-decoder"}'}, "'residual-decoder', no encoder .*conv-encoder"),
        ({"networks.E.norm": "layer"}, "networks.E.norm: .*'batch' or 'none'"),
        ({"objective.likelihood": "l1"}, "objective.likelihood: .*'gaussian', 'mse' or 'bce'"),
        ({"objective.free_bits": "-1"}, "objective.free_bits: "),
    ],
)
def test_an_autoencoder_of_parts_that_do_not_fit_is_refused(changes: dict[str, str], message: str) -> None:
    with pytest.raises(UserError, match=message):
        override(get("vae-digits"), changes)


def test_another_kind_of_objective_keeps_what_both_have() -> None:
    base = get("stacked-digits")
    changed = override(base, {"networks.D.head": "single", "objective.kind": "gan"})
    assert changed.objective == GAN(r1=0.5, r2=0.5, penalty_every=4)
    changed = override(
        base, {"objective.loss": "hinge", "objective.kind": "gan", "networks.D.head": "single"}
    )
    assert changed.objective.loss == "hinge"
    assert override(base, {"objective.kind": "pairwise"}) == base
    with pytest.raises(UserError, match="unknown kind 'ganz'; did you mean 'gan'"):
        override(base, {"objective.kind": "ganz"})
    with pytest.raises(UserError, match=r"--objective\.kind gan"):
        override(base, {"networks.D.head": "single"})


def test_another_kind_of_network_and_branch() -> None:
    base = get("siamese-catsdogs")
    changed = override(base, {"networks.G.kind": "siamese", "conditional": "false"})
    assert changed.networks["G"] == SiameseGenerator(z_dim=64, widths=(128, 64, 32, 16))
    changed = override(base, {"networks.D.branch.kind": "siamese", "networks.D.branch.order": "act"})
    assert changed.networks["D"].branch.kind == "siamese"


def test_texts_are_no_numbers() -> None:
    """Class folders may be called null or 1e5."""
    changed = override(get("digits"), {"data.classes": "null,1e5", "data.source": "1e5", "name": "7"})
    assert changed.data.classes == ("null", "1e5") and changed.data.source == "1e5" and changed.name == "7"
    assert override(get("digits"), {"metrics": '["digit-modes"]'}).metrics == ("digit-modes",)
    assert override(get("digits"), {"metrics": "[]"}).metrics == ()
    composed, decomposed = "caf\N{LATIN SMALL LETTER E WITH ACUTE}", "cafe\N{COMBINING ACUTE ACCENT}"
    assert override(get("digits"), {"data.classes": decomposed}).data.classes == (composed,)
