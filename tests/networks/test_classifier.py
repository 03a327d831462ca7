"""The shipped digit classifier: its accuracy, its record, and weights that are not it."""

import json
from pathlib import Path

import pytest
import torch
from torch.testing import assert_close

from visavis.data.digits import digits
from visavis.data.pixels import to_float
from visavis.errors import UserError
from visavis.networks.classifier import (
    DIGITSR,
    DIGITSR_SHA256,
    DigitClassifier,
    DigitClassifierConfig,
    digit_classifier_record,
    load_digit_classifier,
)
from visavis.networks.shipped import save_weights


def test_shapes() -> None:
    classifier = DigitClassifier(DigitClassifierConfig(width=8, features=12)).eval()
    x = torch.zeros(3, 1, 8, 8)
    assert classifier.features(x).shape == (3, 12)
    assert_close(classifier.head(classifier.features(x)), classifier(x))
    assert classifier(x).shape == (3, 10)


@pytest.mark.parametrize("split", ["train", "test"])
def test_the_shipped_weights_are_as_accurate_as_their_record_says(split: str) -> None:
    classifier = load_digit_classifier()
    assert not classifier.training
    assert not any(parameter.requires_grad for parameter in classifier.parameters())
    images, labels = (torch.as_tensor(part) for part in digits(split))
    x = to_float(images.permute(0, 3, 1, 2))
    assert classifier.features(x).shape == (len(x), 64)
    accuracy = (classifier(x).argmax(1) == labels).double().mean().item()
    record = digit_classifier_record()
    assert_close(accuracy, float(record[f"accuracy_{split}"]), atol=1e-6, rtol=0)
    assert record[f"n_{split}"] == len(x)
    assert accuracy >= 0.985


def test_the_shipped_file_is_small_and_is_the_one_in_the_results() -> None:
    assert DIGITSR.stat().st_size < 500_000
    result = Path(__file__).parents[2] / "results" / "digitsr.json"
    told = json.loads(result.read_text())
    assert told["sha256"] == DIGITSR_SHA256
    assert {key: told[key] for key in digit_classifier_record()} == digit_classifier_record()


def test_saved_weights_load_and_are_the_same_bytes(tmp_path: Path) -> None:
    path = tmp_path / "other.safetensors"
    classifier = DigitClassifier(DigitClassifierConfig(width=4, features=6)).eval()
    sha256 = save_weights(classifier, classifier.config, {"name": "other", "seed": 3}, path)
    assert save_weights(classifier, classifier.config, {"seed": 3, "name": "other"}, path) == sha256
    x = torch.randn(5, 1, 8, 8)
    again = load_digit_classifier(path, sha256)
    assert torch.equal(again(x), classifier(x))
    assert again.config == classifier.config
    assert digit_classifier_record(path, sha256) == {"name": "other", "seed": 3, "sha256": sha256}
    assert [p.name for p in tmp_path.iterdir()] == ["other.safetensors"]


def test_other_corrupt_and_missing_weights_are_refused_in_one_line(tmp_path: Path) -> None:
    path = tmp_path / "digitsr.safetensors"
    content = bytearray(DIGITSR.read_bytes())
    content[-1] ^= 1
    for made in (bytes(content), bytes(content[:1000]), b""):
        path.write_bytes(made)
        with pytest.raises(UserError, match="SHA-256") as caught:
            load_digit_classifier(path)
        assert "\n" not in str(caught.value)
    with pytest.raises(UserError, match="no weights"):
        load_digit_classifier(tmp_path / "none.safetensors")
