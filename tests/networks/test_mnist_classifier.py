"""The shipped classifier of 28x28 digits: shapes, its record, and what the record promises."""

import json
from pathlib import Path

import torch
from torch.testing import assert_close

from visavis.data.mnist import mnist
from visavis.data.pixels import to_float
from visavis.networks import parameters
from visavis.networks.mnist_classifier import (
    MNISTR,
    MNISTR_SHA256,
    MnistClassifier,
    MnistClassifierConfig,
    load_mnist_classifier,
    mnist_classifier_record,
)

RESULT = Path(__file__).parents[2] / "results" / "mnistr.json"


def test_shapes() -> None:
    classifier = MnistClassifier(MnistClassifierConfig(widths=(4, 6, 8))).eval()
    x = torch.randn(2, 1, 28, 28)
    assert classifier.features(x).shape == (2, 8) and (classifier.features(x) >= 0).all()
    assert_close(classifier.head(classifier.features(x)), classifier(x))
    assert classifier(x).shape == (2, 10)


def test_it_reads_the_embedded_part_of_the_test_split() -> None:
    """All 10,000 of the test split: 99.59 %; of the 2,000 that are embedded, as many within chance."""
    classifier = load_mnist_classifier()
    assert not classifier.training and not any(p.requires_grad for p in classifier.parameters())
    images, labels = (torch.as_tensor(part) for part in mnist("test"))
    x = to_float(images.permute(0, 3, 1, 2))
    right = torch.cat([classifier(part).argmax(1) for part in x.split(500)]) == labels
    assert right.double().mean() > 0.99


def test_the_shipped_file_is_small_and_is_the_one_in_the_results() -> None:
    record, told = mnist_classifier_record(), json.loads(RESULT.read_text())
    assert MNISTR.stat().st_size == told["bytes"] < 1_000_000
    assert record["sha256"] == MNISTR_SHA256
    assert {key: told[key] for key in record} == record
    assert float(record["accuracy_test"]) >= 0.993 and record["n_test"] == 10_000
    assert record["parameters"] == parameters(load_mnist_classifier())
