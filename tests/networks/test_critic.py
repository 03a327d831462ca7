"""What a conditional critic knows of the class, and what it tells."""

import re
from copy import deepcopy
from typing import get_args

import pytest
import torch
from torch import nn
from torch.testing import assert_close

from visavis.core import Shape
from visavis.errors import UserError
from visavis.networks import BranchConfig, CriticConfig, ResidualBranch, build
from visavis.networks.norms import Spectral
from visavis.recipes import get
from visavis.recipes.recipe import override

SHAPE = Shape(1, 8)


def critic(**settings: object):
    torch.manual_seed(0)
    config = CriticConfig(branch=ResidualBranch(widths=(8, 8), features=6), head="single", **settings)
    return config.build(SHAPE, 3)


@pytest.mark.parametrize("conditioning", ["projection", "embedding", "map"])
def test_it_knows_the_class_and_needs_it(conditioning: str) -> None:
    net, x = critic(conditioning=conditioning), torch.randn(1, 1, 8, 8).expand(3, -1, -1, -1)
    scores = net.embed(x, torch.arange(3))
    assert (scores[:, None] - scores).abs().add(torch.eye(3)).min() > 1e-4
    with pytest.raises(UserError, match="labels"):
        net.embed(x)


@pytest.mark.parametrize("conditioning", ["classifier", "none"])
def test_it_does_not_know_the_class(conditioning: str) -> None:
    net, x = critic(conditioning=conditioning), torch.randn(1, 1, 8, 8).expand(3, -1, -1, -1)
    assert_close(net.embed(x, torch.arange(3)), net.embed(x))


def test_an_auxiliary_classifier_tells_the_class_of_features() -> None:
    net, x = critic(conditioning="classifier"), torch.randn(4, 1, 8, 8)
    features = net.features(x)
    assert_close(net.class_logits(features), net.classifier(features))
    assert net.class_logits(features).shape == (4, 3)
    with pytest.raises(UserError, match="conditioning classifier"):
        critic().class_logits(features)


def test_any_head_goes_with_a_map_of_the_class() -> None:
    for head in ("concat", "distance", "cosine", "difference"):
        config = CriticConfig(branch=ResidualBranch(widths=(8, 8)), head=head, conditioning="map")
        net, (a, b), y = config.build(SHAPE, 3), torch.randn(2, 2, 1, 8, 8), torch.tensor([0, 2])
        assert net(a, b, y).shape == (2,)
        if head in ("concat", "distance", "cosine"):
            with pytest.raises(UserError, match="cannot be conditional"):
                CriticConfig(branch=config.branch, head=head).build(SHAPE, 3)


def test_embedding_is_the_projection_without_the_weight_of_all_classes() -> None:
    net, x, y = critic(conditioning="embedding"), torch.randn(3, 1, 8, 8), torch.tensor([2, 0, 1])
    assert net.head.weight is None
    expected = (net.features(x) * net.head.classes.weight[y]).sum(1) + net.head.bias
    assert_close(net.embed(x, y), expected)


def test_a_spectral_head_is_divided_by_its_singular_values() -> None:
    net, x, y = critic(spectral=True), torch.randn(3, 1, 8, 8), torch.tensor([2, 0, 1])
    with torch.no_grad():
        net.head.weight *= 7
        for _ in range(100):
            net.embed(x, y)
        sigma = torch.linalg.svdvals(net.head.classes.weight)[0]
        weight = net.head.weight / net.head.weight.norm() + net.head.classes.weight[y] / sigma
        assert_close(net.embed(x, y), (net.features(x) * weight).sum(1) + net.head.bias, rtol=1e-4, atol=1e-5)


def test_a_slope_on_the_logit_and_the_starts_of_a_head() -> None:
    plain, leaky = critic(head_init="torch"), critic(head_init="torch", logit_slope=0.01)
    x, y = 9 * torch.randn(50, 1, 8, 8), torch.zeros(50, dtype=torch.long)
    logits = plain.embed(x, y)
    assert logits.min() < 0 < logits.max()
    assert_close(leaky.embed(x, y), torch.where(logits > 0, logits, 0.01 * logits))
    assert plain.head.weight.abs().max() <= 6**-0.5
    for settings in ({"logit_slope": 0.1}, {"spectral": True}):
        with pytest.raises(ValueError, match="head"):
            CriticConfig(branch=ResidualBranch(), head="distance", **settings)


BRANCHES = [
    {"kind": "siamese", "widths": [8, 8], "features": 6},
    {"kind": "siamese", "widths": [8, 8], "order": "act-norm"},
    {"kind": "siamese", "widths": [8, 8], "order": "act"},
    {"kind": "residual", "widths": [8, 8, 8]},
    {"kind": "mlp", "widths": [8]},
    {"kind": "dcgan", "width": 8},
    {"kind": "dcgan", "width": 8, "norm": "none"},
    {"kind": "dcgan", "width": 8, "norm": "spectral"},
    {"kind": "strided", "widths": [8, 8]},
    {"kind": "sn-resnet", "width": 8},
    {"kind": "r3gan", "width": 16, "blocks": 1},
    {"kind": "progan", "width": 8},
    {"kind": "stylegan2", "width": 8},
    {"kind": "projected", "width": 8},
]


@pytest.mark.parametrize("minibatch", ["none", "stddev", "discrimination"])
@pytest.mark.parametrize("branch", BRANCHES, ids=str)
def test_it_says_whether_a_score_depends_on_the_batchs_other_images(branch, minibatch: str) -> None:
    torch.manual_seed(0)
    side = 32 if branch["kind"] == "projected" else 16
    config = CriticConfig.model_validate({"branch": branch, "head": "single", "minibatch": minibatch})
    net = config.build(Shape(3, side), 0)
    x = torch.randn(1, 3, side, side) + 0.05 * torch.randn(4, 3, side, side)  # near: what is far is not seen
    with torch.no_grad():
        for parameter in net.parameters():  # some start at zero
            parameter.add_(0.05 * torch.randn_like(parameter))
        other = torch.cat([x[:3], x[3:] + 0.05 * torch.randn_like(x[3:])])
        first, changed = deepcopy(net).embed(x), deepcopy(net).embed(other)
    depends = bool(((first - changed)[:3].abs() > 1e-5 * first[:3].abs()).any())
    assert depends == bool(config.across)
    normed = any(isinstance(m, nn.modules.batchnorm._BatchNorm) and m.training for m in net.modules())
    assert ("norm" in config.across) == normed
    learned = [m for m in net.branch.modules() if isinstance(m, nn.Conv2d) and [*m.parameters()]]
    assert config.bounded == (bool(learned) and all(isinstance(m, Spectral) for m in learned))


def test_every_kind_of_branch_was_asked() -> None:
    kinds = {each.model_fields["kind"].default for each in get_args(get_args(BranchConfig)[0])}
    assert {branch["kind"] for branch in BRANCHES} == kinds


@pytest.mark.parametrize(
    ("recipe", "side", "part"),
    [
        ("stabilised-cifar10", 48, "base"),
        ("sagan-cifar10", 32, "attention"),
        ("sagan-mnist", 28, "attention"),
    ],
)
def test_advice_names_the_true_path_and_works(recipe: str, side: int, part: str) -> None:
    made, channels = get(recipe), 1 if side == 28 else 3
    paths = {f"networks.G.{part}", f"networks.D.branch.{part}"}
    if part == "attention":
        made = override(made, dict.fromkeys(paths, "5"))
    advised = set()
    for _ in paths:
        with pytest.raises(UserError) as raised:
            build(made.networks, Shape(channels, side), 0)
        line = str(raised.value)
        path = re.search(r"--(networks\.[A-Za-z.]+)", line)
        assert path and " none" in line and "…" not in line
        advised.add(path[1])
        made = override(made, {path[1]: "none"})
    assert advised == paths
    build(made.networks, Shape(channels, side), 0)


def test_a_resolution_that_no_base_reaches_is_not_sent_there() -> None:
    made = get("stabilised-cifar10")
    with pytest.raises(UserError) as raised:
        build(made.networks, Shape(3, 36), 0)
    assert "none" not in str(raised.value) and "give --data.resolution 64" in str(raised.value)
    build(made.networks, Shape(3, 64), 0)
