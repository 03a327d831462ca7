"""Games that mean nothing are refused in one line before training, and what the line advises works."""

import logging

import pytest

from visavis.core import Ramp
from visavis.errors import UserError
from visavis.objectives import GAN, Pairwise
from visavis.recipes import RECIPES, get
from visavis.recipes.recipe import override

FREE = {"objective.loss": "wasserstein", "objective.r1": "0", "objective.r2": "0"}


@pytest.mark.parametrize(
    ("name", "changes", "message", "mend"),
    [
        (
            "pacgan-mnist",
            {"batch_size": "33"},
            "33 images is no number of whole packs of 2",
            {"batch_size": "32"},
        ),
        ("dcgan-mnist", {"networks.D.pack": "3"}, "give --batch-size 63", {"batch_size": "63"}),
        (
            "pacgan-mnist",
            {"batch_size": "6", "accumulate": "2"},
            "6 images in 2 parts is no number of whole packs of 2; give --batch-size 4",
            {"batch_size": "4"},
        ),
        (
            "minibatch-mnist",
            {"objective.joint": "true"},
            "batch as a whole (minibatch discrimination)",
            {"objective.joint": "false"},
        ),
        (
            "progan-mnist",
            {"objective.joint": "true"},
            "batch as a whole (the batch's deviation)",
            {"objective.joint": "false"},
        ),
        (
            "digits",
            {"networks.D.minibatch": "stddev"},
            "batch as a whole (the batch's deviation)",
            {"objective.joint": "false"},
        ),
        ("wgan-mnist", {"objective.clip": "0"}, "no bound on D's slope", {"objective.clip": "0.01"}),
        ("digits", FREE, "no bound on D's slope", {"objective.gradient_penalty": "10"}),
        (
            "dcgan-mnist",
            {"objective.gradient_penalty": "10"},
            "D's score of one depends on the others (batch normalisation)",
            {"networks.D.branch.norm": "none"},
        ),
        (
            "minibatch-mnist",
            {"objective.zero_centred": "1"},
            "D's score of one depends on the others (minibatch discrimination)",
            {"networks.D.minibatch": "stddev"},
        ),
        ("unrolled-mnist", {"objective.r1": "1"}, "know nothing of r1 1", {"objective.kind": "gan"}),
        ("unrolled-mnist", {"objective.clip": "0.1"}, "know nothing of clip", {"objective.clip": "0"}),
        ("dcgan-mnist", {"objective.r1": "-1"}, "r1 is -1.0 (allowed: 0 and more)", {"objective.r1": "0"}),
        (
            "mnist",
            {"objective.r2": '{"start": 1, "end": -1, "images": 9}'},
            "(allowed: 0 and more)",
            {"objective.r2": "0"},
        ),
        (
            "dcgan-mnist",
            {"objective.real_target": "2"},
            "real_target is 2.0 (allowed: 0 to 1)",
            {"objective.real_target": "0.9"},
        ),
        (
            "dcgan-mnist",
            {"objective.real_target": "0.4", "objective.fake_target": "0.6"},
            "not above fake_target",
            {"objective.real_target": "0.9"},
        ),
        ("dcgan-mnist", {"objective.noise": "-0.1"}, "noise is -0.1", {"objective.noise": "0"}),
        (
            "progan-mnist",
            {"networks.G.stage_images": "100"},
            "stage_images is 100 in G and 8000 in D",
            {"networks.D.branch.stage_images": "100"},
        ),
        (
            "progan-mnist",
            {"networks.D.branch.fade_images": "7"},
            "fade_images is 8000 in G and 7 in D",
            {"networks.G.fade_images": "7"},
        ),
    ],
    ids=str,
)
def test_what_means_nothing_is_refused_in_one_line_whose_advice_works(
    name: str, changes: dict[str, str], message: str, mend: dict[str, str]
) -> None:
    with pytest.raises(UserError) as raised:
        override(get(name), changes)
    line = str(raised.value)
    assert message in line and "\n" not in line
    for path in mend:
        assert f"--{path.replace('_', '-') if path == 'batch_size' else path}" in line, "it names the mend"
    override(get(name), changes | mend)


@pytest.mark.parametrize(
    ("name", "changes", "message"),
    [
        ("dcgan-mnist", {"objective.joint": "true"}, "real and generated images as one batch"),
        ("dcgan-mnist", {"objective.r1": "1"}, "depends on the others (batch normalisation)"),
        ("minibatch-mnist", {"objective.r2": "1"}, "depends on the others (minibatch discrimination)"),
    ],
)
def test_what_is_seldom_wanted_is_warned_of_once(
    name: str, changes: dict[str, str], message: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, "visavis"):
        changed = override(get(name), changes)
        assert [message in line for line in caplog.messages] == [True]
        override(changed, {"images": "10"})
        assert len(caplog.messages) == 1


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("pacgan-mnist", {"objective.r1": "1", "batch_size": "32", "accumulate": "2"}),  # a pack is one input
        ("stylegan2-mnist", {"objective.gradient_penalty": "10"}),  # as ProGAN has it
        ("hinge-mnist", {"objective.loss": "wasserstein"}),  # spectral normalisation is a bound
        ("lsgan-mnist", {"objective.fake_target": "-1"}),
        ("progan-mnist", {"networks.D.branch.kind": "sn-resnet"}),  # G alone grows
    ],
)
def test_what_only_looks_like_a_mistake_is_taken(
    name: str, changes: dict[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    override(get(name), changes)
    assert caplog.messages == []


def test_no_recipe_needs_a_warning() -> None:
    assert {name: list(make().cautions) for name, make in RECIPES.items() if make().cautions} == {}


def test_what_moves_stays_in_its_range_at_both_ends() -> None:
    falling = Ramp(start=1.0, end=0.9, images=10)
    assert GAN(real_target=falling).real_target == falling
    with pytest.raises(ValueError, match="fake_target"):
        GAN(fake_target=Ramp(start=0.1, end=-0.1, images=10))
    with pytest.raises(ValueError, match="gradient_penalty"):
        Pairwise(gradient_penalty=Ramp(start=10, end=-1, images=10))
