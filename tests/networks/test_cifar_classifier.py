"""The shipped CIFAR-10 classifier: shapes, its record, and what the record promises."""

import json
from pathlib import Path

import torch
from torch.nn.functional import gelu
from torch.testing import assert_close

from visavis.networks import parameters
from visavis.networks.cifar_classifier import (
    CIFAR10R,
    CIFAR10R_SHA256,
    CLASSES,
    CifarClassifier,
    CifarClassifierConfig,
    PooledBlock,
    cifar_classifier_record,
    load_cifar_classifier,
)

RESULT = Path(__file__).parents[2] / "results" / "cifar10r.json"


def test_shapes() -> None:
    classifier = CifarClassifier(CifarClassifierConfig(widths=(4, 6, 8), classes=3)).eval()
    x = torch.randn(2, 3, 32, 32)
    features = classifier.features(x)
    assert features.shape == (2, 8)
    assert_close(classifier.logits(features), classifier(x))
    assert_close(classifier(x), features @ classifier.head.weight.T / 9)
    assert classifier(x).shape == (2, 3)


def test_standardised_images_are_cifars_mean_and_deviation() -> None:
    classifier = CifarClassifier()
    mean = torch.tensor([0.4914, 0.4822, 0.4465]).view(1, 3, 1, 1).expand(1, 3, 4, 4)
    assert_close(classifier.standardised(mean * 2 - 1), torch.zeros(1, 3, 4, 4), atol=1e-6, rtol=0)
    above = (mean + 0.2435) * 2 - 1
    assert_close(classifier.standardised(above)[0, 1], torch.ones(4, 4))


def test_a_block_without_its_second_convolution_is_its_shortcut() -> None:
    block = PooledBlock(3, 5).eval()
    torch.nn.init.zeros_(block.conv2.weight)
    x = torch.randn(2, 3, 9, 9)
    pooled = torch.nn.functional.max_pool2d(block.conv1(x), 2)
    assert pooled.shape == (2, 5, 4, 4)
    assert_close(block(x), gelu(gelu(block.norm1(pooled))))


def test_the_shipped_network_is_frozen_and_float32() -> None:
    classifier = load_cifar_classifier()
    assert not classifier.training
    assert not any(p.requires_grad for p in classifier.parameters())
    assert {p.dtype for p in classifier.parameters()} == {torch.float32}
    assert len(CLASSES) == classifier.config.classes == 10
    assert classifier.config.widths[-1] == 256


def test_its_first_layer_is_whitening_with_signs() -> None:
    weight = load_cifar_classifier().whiten.weight
    assert weight.shape == (24, 3, 2, 2)
    assert_close(weight[:12], -weight[12:])
    rows = torch.nn.functional.normalize(weight[:12].flatten(1), dim=1)
    assert_close(rows @ rows.T, torch.eye(12), atol=2e-3, rtol=0)


def test_the_shipped_file_is_small_accurate_and_the_one_in_the_results() -> None:
    assert CIFAR10R.stat().st_size <= 6_000_000
    record, told = cifar_classifier_record(), json.loads(RESULT.read_text())
    assert told["sha256"] == CIFAR10R_SHA256
    assert told["bytes"] == CIFAR10R.stat().st_size
    assert {key: told[key] for key in record} == record
    assert float(record["accuracy_test"]) >= 0.93
    assert (record["n_train"], record["n_test"]) == (50_000, 10_000)
    assert record["parameters"] == parameters(load_cifar_classifier())
