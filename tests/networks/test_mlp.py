"""Perceptrons: S7's listing and maxout."""

import torch
from torch import nn
from torch.testing import assert_close

from visavis.core import Shape
from visavis.networks import CriticConfig, MLPBranch, MLPGenerator, parameters
from visavis.networks.layers import BatchNorm1d
from visavis.networks.mlp import Maxout

SHAPE = Shape(1, 28)


def test_the_conditional_pair_is_s7s_listing() -> None:
    generator = MLPGenerator(norm="batch").build(SHAPE, 10)
    assert [(m.in_features, m.out_features) for m in generator.modules() if isinstance(m, nn.Linear)] == [
        (110, 128),
        (128, 256),
        (256, 512),
        (512, 784),
    ]
    assert generator.latent.classes.weight.shape == (10, 10)
    assert [m.num_features for m in generator.modules() if isinstance(m, BatchNorm1d)] == [256, 512]
    critic = CriticConfig(branch=MLPBranch(), head="single").build(SHAPE, 0)
    assert parameters(critic) == (784 * 512 + 512) + (512 * 256 + 256) + 257


def test_a_map_of_the_class_is_its_embedding_appended_to_the_pixels() -> None:
    critic = CriticConfig(branch=MLPBranch(widths=(5,)), head="single", conditioning="map").build(SHAPE, 3)
    x, y = torch.randn(2, 1, 28, 28), torch.tensor([2, 0])
    appended = torch.cat([x.flatten(1), critic.label_map.maps(y)], 1)
    assert_close(critic.features(x, y), critic.branch[1:](appended))


def test_maxout_is_the_largest_piece() -> None:
    layer = Maxout(3, 2, 4)
    x = torch.randn(5, 3)
    pieces = (x @ layer.linear.weight.T + layer.linear.bias).reshape(5, 2, 4)
    assert_close(layer(x), pieces.max(2).values)
    branch, width = MLPBranch(widths=(6, 4), pieces=5).build(SHAPE, 0)
    assert branch(torch.randn(2, 1, 28, 28)).shape == (2, width) == (2, 4)
