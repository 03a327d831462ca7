"""The pieces of the training of ``cifar10r``: whitening, rates, augmentation, and going on after a stop."""

import importlib.util
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.nn.functional import unfold
from torch.testing import assert_close

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "train_cifar_classifier.py"


@pytest.fixture(scope="module")
def training() -> Any:
    spec = importlib.util.spec_from_file_location("train_cifar_classifier", SCRIPT)
    assert spec is not None and spec.loader is not None
    sys.path.insert(0, str(SCRIPT.parent))  # as when it is run
    module = importlib.util.module_from_spec(spec)
    sys.modules["train_cifar_classifier"] = module
    spec.loader.exec_module(module)
    return module


def images(n: int, seed: int = 0) -> torch.Tensor:
    """Smooth noise, uint8 [n, 3, 32, 32]."""
    draws = torch.Generator().manual_seed(seed)
    coarse = torch.rand(n, 3, 8, 8, generator=draws)
    fine = torch.nn.functional.interpolate(coarse, (32, 32), mode="bilinear")
    return (fine * 255 + torch.rand(n, 3, 32, 32, generator=draws) * 20).clamp(0, 255).to(torch.uint8)


def test_whitened_patches_have_unit_covariance(training: Any) -> None:
    x = training.to_float(images(50))
    weight = training.whitening(x)
    assert weight.shape == (24, 3, 2, 2)
    patches = unfold(x, 2).transpose(1, 2).reshape(-1, 12)
    white = patches @ weight[:12].flatten(1).T
    found = (white.T @ white / len(white)).diagonal()
    variances = torch.linalg.eigvalsh((patches.T @ patches / len(patches)).double()).flip(0)
    assert_close(found.double(), variances / (variances + 5e-4), atol=1e-3, rtol=0)
    assert torch.equal(weight[12:], -weight[:12])


def test_the_rate_rises_and_falls_to_nothing(training: Any) -> None:
    told = training.Training(start=0.2, peak=0.25)
    assert_close(
        [training.triangle(step, 100, told) for step in (0, 25, 100)], [0.2, 1.0, 0.0], atol=1e-9, rtol=0
    )
    assert 0.2 < training.triangle(12, 100, told) < training.triangle(24, 100, told) < 1
    assert 1 > training.triangle(50, 100, told) > training.triangle(90, 100, told) > 0


def test_augmentation_is_a_reflected_crop_mirrored_where_told(training: Any) -> None:
    x = images(3)
    still = torch.full((3, 2), 2)
    flips = torch.tensor([False, True, False])
    found = training.augmented(x, flips, still, 2)
    expected = training.to_float(torch.stack([x[0], x[1].flip(2), x[2]]))
    assert torch.equal(found, expected)
    moved = training.augmented(x, torch.zeros(3, dtype=torch.bool), torch.tensor([[0, 2], [2, 4], [1, 1]]), 2)
    values = training.to_float(x)
    assert torch.equal(moved[0, :, 2:], values[0, :, :-2])  # down by two
    assert torch.equal(moved[0, :, 0], values[0, :, 2])  # reflected
    assert torch.equal(moved[1, :, :, :-2], values[1, :, :, 2:])  # left by two
    assert torch.equal(moved[2, :, 1:, 1:], values[2, :, :-1, :-1])


def test_every_image_is_mirrored_in_every_other_epoch(training: Any) -> None:
    told = training.Training(batch_size=10)
    x, y = images(40), torch.zeros(40, dtype=torch.long)
    flips = torch.zeros(2, 40, dtype=torch.bool)
    for epoch in range(2):
        batches = training.epoch_batches(x, y, epoch, told)
        assert sorted(torch.cat([index for index, _, _ in batches]).tolist()) == list(range(40))
        for index, flip, shifts in batches:
            flips[epoch, index] = flip
            assert set(shifts.unique().tolist()) <= set(range(5))
    assert torch.equal(flips[0], ~flips[1])
    assert 5 < flips[0].sum() < 35


def test_a_stopped_training_goes_on_to_the_same_weights(
    training: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = training.CifarClassifier
    monkeypatch.setattr(
        training,
        "CifarClassifier",
        lambda: small(sys.modules[small.__module__].CifarClassifierConfig(widths=(4, 4, 8))),
    )
    x, y = images(48), torch.arange(48) % 10
    told = training.Training(epochs=2, batch_size=16, whiten_bias_epochs=1)
    expected = training.train_cifar_classifier(x, y, told).state_dict()
    file = tmp_path / "checkpoint.pt"

    batches = training.epoch_batches

    def stops(*given: Any) -> Any:
        if given[2] == 1:
            raise KeyboardInterrupt
        return batches(*given)

    with monkeypatch.context() as patch:
        patch.setattr(training, "epoch_batches", stops)
        with pytest.raises(KeyboardInterrupt):
            training.train_cifar_classifier(x, y, told, file)
    found = training.train_cifar_classifier(x, y, told, file).state_dict()
    assert all(torch.equal(found[name], tensor) for name, tensor in expected.items())
