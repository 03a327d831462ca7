"""Every recipe, shrunk: it builds, takes two steps, resumes bit for bit, and its snapshot samples the
same."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from visavis.data import AnySet, ImageSet, PairsConfig, PairSet, batches_of, load
from visavis.errors import UserError
from visavis.models import snapshot
from visavis.models.autoencoder import reconstruct
from visavis.models.load import load as load_run
from visavis.models.load import model_of
from visavis.models.model import Model
from visavis.models.snapshot import Description
from visavis.models.translate import translate_pixels
from visavis.networks import parameters
from visavis.objectives import GAN, Pairwise
from visavis.recipes import RECIPES, get
from visavis.recipes.recipe import Recipe, override, validated
from visavis.recipes.table import EMBEDDED, describe, describe_all
from visavis.runs.build import build_state
from visavis.runs.settle import settled
from visavis.training.loop import State, train

BATCH = 4
LARGEST = 64
NARROW = 8
"""Larger images and wider networks would take the test a minute."""
CPU = torch.device("cpu")


def images_for(recipe: Recipe) -> AnySet:
    """The embedded digits, or noise in the shape of what the recipe asks for."""
    if recipe.data.source in EMBEDDED:
        return load(recipe.data)
    random, side = np.random.default_rng(0), recipe.data.resolution or 32
    if isinstance(recipe.data, PairsConfig):
        small, large = side // recipe.data.factor, side + recipe.data.jitter
        a, b = (random.integers(0, 256, (8, s, s, 3), dtype=np.uint8) for s in (small, large))
        a = np.resize(a, (8, large // recipe.data.factor, large // recipe.data.factor, 3))
        names = tuple("abcdefgh")
        return PairSet(a, b, names, names, True, "noise", "0" * 32, jitter=recipe.data.jitter)
    pixels = random.integers(0, 256, (40, side, side, 3), dtype=np.uint8)
    classes = recipe.data.classes or ("one", "other")
    return ImageSet(pixels, random.integers(0, len(classes), 40), classes, "noise", "0" * 32)


def shrunk(name: str) -> Recipe:
    """The recipe in the small: a U-Net and its critic fit themselves to 64 pixels; networks are narrow."""
    recipe = override(get(name), {"batch_size": str(BATCH), "tick": str(10 * BATCH)})
    if (recipe.data.resolution or 0) > LARGEST:
        recipe = override(recipe, {"data.resolution": str(LARGEST)})
    plain = recipe.model_dump(mode="json")
    narrow = {name: narrowed(fields) for name, fields in plain["networks"].items()}
    return settled(validated(plain | {"networks": narrow}), None, CPU)


def narrowed(fields: dict[str, Any]) -> dict[str, Any]:
    """A network's settings with an eighth of the width, where that is what makes it slow."""
    found = dict(fields)
    for name in ("width", "widest"):
        if name in fields:
            found[name] = max(NARROW, fields[name] // NARROW)
    if fields["kind"] == "siamese":
        found["widths"] = [width // NARROW for width in fields["widths"]]
    if "branch" in fields:
        found["branch"] = narrowed(fields["branch"])
    return found


def go_on(recipe: Recipe, data: AnySet, state: State, steps: int) -> None:
    batches = batches_of(
        data,
        recipe.data,
        BATCH,
        recipe.objective.real_batches,
        recipe.seed,
        channels_last=recipe.channels_last,
    )
    torch.manual_seed(steps)  # whatever was drawn before must not matter
    list(train(state, recipe.objective, batches, recipe.schedule(), steps * BATCH))


@pytest.mark.parametrize("name", RECIPES)
def test_it_builds_steps_resumes_bit_for_bit_and_samples_from_its_snapshot(name: str, tmp_path: Path) -> None:
    recipe = shrunk(name)
    data = images_for(recipe)

    straight = build_state(recipe, data, CPU)
    fresh = {key: value.clone() for key, value in straight.tensors().items()}
    go_on(recipe, data, straight, 2)
    assert all(value.isfinite().all() for value in straight.tensors().values())
    for net in recipe.networks:
        changed = [k for k, v in straight.tensors().items() if k.startswith(f"nets.{net}.")]
        assert any(not torch.equal(straight.tensors()[k], fresh[k]) for k in changed), f"{net} stood still"

    broken_off = build_state(recipe, data, CPU)
    go_on(recipe, data, broken_off, 1)
    snapshot.save_checkpoint(tmp_path, broken_off.tensors(), broken_off.numbers())
    loaded = snapshot.load_checkpoint(tmp_path)
    assert loaded is not None and not loaded.complaints
    resumed = build_state(recipe, data, CPU)
    resumed.load(loaded.tensors, loaded.numbers)
    go_on(recipe, data, resumed, 2)
    ours, theirs = resumed.tensors(), straight.tensors()
    assert ours.keys() == theirs.keys()
    assert [key for key in theirs if not torch.equal(ours[key], theirs[key])] == []
    assert resumed.counts == straight.counts and resumed.images == straight.images == 2 * BATCH

    plain = recipe.model_dump(mode="json")
    about = Description(
        networks=plain["networks"],
        shape=data.shape,
        classes=data.classes,
        conditional=recipe.conditional,
        images=straight.images,
        recipe=plain,
        version="test",
        task=recipe.task,
    )
    shown = {
        name: (straight.ema if name in straight.ema else straight.nets)[name] for name in recipe.networks
    }
    nets = {
        name: net.to(memory_format=torch.contiguous_format) for name, net in shown.items()
    }  # as in the file
    path = snapshot.snapshot_path(tmp_path, straight.images)
    snapshot.save_snapshot(path, nets, about)
    before, found = model_of(nets, about), load_run(tmp_path)
    if isinstance(data, PairSet):
        assert_it_translates_the_same(before, found, data)
        return
    expected = before.pixels(5, seed=3)
    assert np.array_equal(found.pixels(5, seed=3), expected)
    assert expected.shape == (5, data.resolution, data.resolution, data.channels)
    if "E" in nets:
        pixels = torch.from_numpy(data.images[:5].copy())
        assert torch.equal(reconstruct(found, pixels), reconstruct(before, pixels))
    if "compare" in found.abilities:
        one, other = found.sample(2)
        assert found.compare(one, other).kind in ("margin", "similarity")


def assert_it_translates_the_same(before: Model, found: Model, pairs: PairSet) -> None:
    inputs = pairs.a[:3, : pairs.shape_a.resolution, : pairs.shape_a.resolution]
    expected = translate_pixels(before, inputs)
    assert expected.shape == (3, pairs.resolution, pairs.resolution, pairs.channels)
    assert np.array_equal(translate_pixels(found, inputs), expected)
    with pytest.raises(UserError, match="cannot sample"):
        found.sample(1)


def test_s1_and_s2_as_written_have_the_settings_that_systems_md_gives() -> None:
    s1, s2 = get("siamese-catsdogs-as-written"), get("siamese-catsdogs-2-as-written")
    game = s1.objective
    assert isinstance(game, Pairwise) and not isinstance(game, GAN)
    assert (game.loss, game.kinds, game.smoothing, game.terms) == ("bce", ("like", "unlike"), 0.1, "mean")
    assert (game.d_steps, game.g_steps, game.like_partner, game.r1, game.r2) == (1, 2, "fresh", 0.0, 0.0)
    assert (s1.adam["G"].lr, s1.adam["D"].lr, s1.batch_size, s1.images) == (2e-4, 5e-5, 128, 1_000_000)
    assert {(a.beta1, a.beta2) for r in (s1, s2) for a in r.adam.values()} == {(0.5, 0.999)}
    assert s1.average.decay == 0.999 and not s1.data.flip and not s1.conditional
    assert (s1.data.classes, s1.data.split, s1.data.resolution) == (("cat", "dog"), "train", 32)
    assert {a.lr for a in s2.adam.values()} == {1e-4}
    assert (s2.batch_size, s2.images, s2.data.split) == (64, 200 * 12_000, "train+test")


def test_dcgan_at_64_has_its_papers_layers() -> None:
    """Of 100, 512, 256, 128 and 64 channels, 4×4 kernels, no biases; of D's last layer alone one."""
    kernels = 16 * (512 * 256 + 256 * 128 + 128 * 64)
    norms = 2 * (512 + 256 + 128)
    found = describe(get("dcgan-cifar10-64"), [])
    assert found["resolution"] == 64
    assert found["parameters"]["G"] == 16 * 100 * 512 + kernels + 16 * 64 * 3 + norms + 2 * 64
    assert found["parameters"]["D"] == 16 * 3 * 64 + kernels + norms + 16 * 512 + 1


def test_rows_of_the_textbook_catalogue_play_what_they_are_named_after() -> None:
    fields = {
        "minimax-mnist": {"loss": "minimax"},
        "r1-mnist": {"r1": 10.0, "r2": 0.0},
        "zero-centred-mnist": {"zero_centred": 10.0, "gradient_penalty": 0.0},
        "relativistic-average-mnist": {"loss": "relativistic", "pairing": "average"},
        "relativistic-all-mnist": {"loss": "relativistic", "pairing": "all"},
        "stylegan2-mnist": {"kind": "path-length", "path_every": 8, "penalty_every": 16},
    }
    for name, wanted in fields.items():
        game = get(name).objective.model_dump()
        assert {key: game[key] for key in wanted} == wanted, name
    critic = get("minibatch-stddev-mnist").networks["D"]
    assert critic.model_dump()["minibatch"] == "stddev"


def test_the_table_counts_the_parameters() -> None:
    rows = {row["name"]: row for row in describe_all()}
    assert rows.keys() == RECIPES.keys()
    as_written = {"G": 3_686_531, "D": 3_020_097}
    assert rows["siamese-catsdogs-as-written"]["parameters"] == as_written
    for name in ("digits", "stacked-digits"):
        recipe = settled(get(name), None, CPU)
        state = build_state(recipe, images_for(recipe), CPU)
        counted = {net: parameters(state.nets[net]) for net in recipe.networks}
        assert rows[name]["parameters"] == counted, name
        assert rows[name]["resolution"] == 8
