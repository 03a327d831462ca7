"""The shipped self-supervised network: shapes, its record, and that it sees what was not shown to it."""

import json
from pathlib import Path

import torch
from torch.testing import assert_close

from visavis.networks import parameters
from visavis.networks.patch_mixer import (
    CIFAR10S,
    CIFAR10S_SHA256,
    MixerBlock,
    PatchMixer,
    PatchMixerConfig,
    load_patch_mixer,
    patch_mixer_record,
)

RESULT = Path(__file__).parents[2] / "results" / "cifar10s.json"


def test_shapes() -> None:
    network = PatchMixer(PatchMixerConfig(width=6, depth=2, patch=4, kernel=3)).eval()
    assert network(torch.randn(3, 3, 32, 32)).shape == (3, 6)


def test_a_block_that_mixes_nothing_over_space_sees_each_patch_alone() -> None:
    block = MixerBlock(4, 3).eval()
    torch.nn.init.zeros_(block.space.weight)
    torch.nn.init.zeros_(block.space.bias)
    x = torch.randn(1, 4, 2, 2)
    assert_close(block(x)[..., :1, :1], block(x[..., :1, :1]))


def test_the_shipped_network_is_frozen_small_and_the_one_in_the_results() -> None:
    network = load_patch_mixer()
    assert not network.training and not any(p.requires_grad for p in network.parameters())
    assert CIFAR10S.stat().st_size <= 6_000_000
    told, result = patch_mixer_record(), json.loads(RESULT.read_text())
    assert told["sha256"] == CIFAR10S_SHA256 == result["sha256"]
    assert told["parameters"] == parameters(network) == result["parameters"]
    assert {key: result[key] for key in told} == told


def test_its_features_tell_classes_that_it_was_never_shown() -> None:
    told = patch_mixer_record()
    assert 0.45 < float(told["accuracy_test_linear"]) < 1  # chance is 0.1, raw pixels about 0.4
    assert float(told["accuracy_test_neighbours"]) > 0.35
