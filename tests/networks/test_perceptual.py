"""Feature maps of the project's own classifiers."""

import pytest
import torch
from torch.testing import assert_close

from visavis.errors import UserError
from visavis.networks.cifar_classifier import load_cifar_classifier
from visavis.networks.classifier import load_digit_classifier
from visavis.networks.perceptual import FEATURE_NETS, load_feature_maps


def test_maps_of_digits_end_in_the_classifiers_own_features() -> None:
    x = torch.rand(3, 1, 8, 8) * 2 - 1
    maps = load_feature_maps("digitsr")(x)
    assert [m.shape[-1] for m in maps] == [8, 8, 4]
    assert_close(maps[-1].mean((2, 3)), load_digit_classifier().features(x))


def test_maps_of_colour_images_end_in_the_classifiers_own_features() -> None:
    x = torch.rand(2, 3, 32, 32) * 2 - 1
    maps = load_feature_maps("cifar10r")(x)
    assert [m.shape[-1] for m in maps] == [31, 15, 7, 3]
    assert_close(maps[-1].amax((2, 3)), load_cifar_classifier().features(x))
    assert [m.shape[-1] for m in load_feature_maps("cifar10r")(torch.zeros(1, 3, 64, 64))] == [63, 31, 15, 7]


@pytest.mark.parametrize("name", FEATURE_NETS)
def test_they_are_frozen_and_refuse_other_channels(name) -> None:
    maps = load_feature_maps(name)
    assert not maps.training and not any(p.requires_grad for p in maps.parameters())
    with pytest.raises(UserError, match="2 channels"):
        maps(torch.zeros(1, 2, 8, 8))
