"""Oracles of mode counting: samplers whose answer is known."""

import math

import pytest
import torch
from torch import Tensor
from torch.testing import assert_close

from visavis.data.digits import digits
from visavis.data.mnist import mnist
from visavis.data.pixels import to_float, to_uint8
from visavis.errors import UserError
from visavis.metrics import METRICS
from visavis.metrics.modes import (
    SAMPLES,
    digit_labels,
    digit_modes,
    gaussian_modes,
    mode_statistics,
    stacked_modes,
    uniform_expectation,
)
from visavis.networks.classifier import DigitClassifier, load_digit_classifier


@pytest.fixture(scope="module")
def classifier() -> DigitClassifier:
    return load_digit_classifier()


def drawn_digits(n: int, split: str = "test") -> tuple[Tensor, Tensor]:
    """``n`` draws, uniform over classes and then over a class's images: uint8 [n, 8, 8, 1], labels [n]."""
    images, labels = (torch.as_tensor(part) for part in digits(split))
    generator = torch.Generator().manual_seed(0)
    wanted = torch.randint(10, (n,), generator=generator)
    index = torch.empty(n, dtype=torch.int64)
    for digit in range(10):
        of_class = (labels == digit).nonzero().flatten()
        chosen = wanted == digit
        index[chosen] = of_class[torch.randint(len(of_class), (int(chosen.sum()),), generator=generator)]
    return images[index], wanted


def stacked(n: int, split: str = "test") -> tuple[Tensor, Tensor]:
    """Stacked digits, uint8 [n, 8, 8, 3], and their labels of 1,000."""
    images, labels = drawn_digits(3 * n, split)
    return images.view(n, 3, 8, 8).permute(0, 2, 3, 1), labels.view(n, 3) @ torch.tensor([100, 10, 1])


def test_uniform_sampler_has_all_modes_and_the_expected_divergence() -> None:
    labels = torch.randint(1000, (SAMPLES,), generator=torch.Generator().manual_seed(0))
    modes, kl, missing = mode_statistics(labels, 1000)
    assert (modes, missing) == (1000, ())
    # 2 N kl is chi-square with 999 degrees of freedom: its deviation is sqrt(2 * 999) / 2N = 0.00086.
    assert_close(kl, 999 / 52_000, atol=0.003, rtol=0)


def test_collapsed_sampler_has_one_mode() -> None:
    modes, kl, missing = mode_statistics(torch.full((500,), 7), 1000)
    assert modes == 1
    assert_close(kl, math.log(1000))
    assert len(missing) == 999 and 7 not in missing


def test_mode_statistics_by_hand() -> None:
    modes, kl, missing = mode_statistics(torch.tensor([0, 0, 0, 2]), 4)
    assert (modes, missing) == (2, (1, 3))
    assert_close(kl, 0.75 * math.log(3) + 0.25 * math.log(1))
    assert mode_statistics(torch.arange(4), 4)[1] == 0


@pytest.mark.parametrize("labels", [[], [-1], [3]])
def test_mode_statistics_refuses(labels: list[int]) -> None:
    with pytest.raises(UserError):
        mode_statistics(torch.tensor(labels, dtype=torch.int64), 3)


def test_uniform_expectation_is_exact() -> None:
    # Two draws of two modes: equal with chance one half, then one mode and log 2.
    assert_close(uniform_expectation(2, 2), (1.5, math.log(2) / 2))
    modes, kl = uniform_expectation(SAMPLES, 1000)
    assert_close(modes, 1000.0)
    assert_close(kl, 999 / 52_000, atol=2e-4, rtol=0)
    assert_close(uniform_expectation(1, 10), (1.0, math.log(10)))


def test_real_stacked_digits(classifier: DigitClassifier) -> None:
    images, labels = stacked(7_000)
    count = stacked_modes(images, classifier)
    _, kl = uniform_expectation(7_000, 1000)
    assert count.samples == 7_000 and count.n_modes == 1000
    assert count.modes >= 996  # of 999.1 expected
    assert_close(count.kl, kl, atol=0.02, rtol=0)  # sampling and the classifier's errors
    truth = mode_statistics(labels, 1000)
    assert_close(count.kl, truth[1], atol=0.01, rtol=0)


def test_the_first_channel_is_the_hundreds(classifier: DigitClassifier) -> None:
    images, labels = stacked(5, "train")
    for image, label in zip(images, labels, strict=True):
        count = stacked_modes(image[None], classifier)
        assert set(range(1000)) - set(count.missing) == {int(label)}


def test_collapsed_stacked_digits(classifier: DigitClassifier) -> None:
    images, _ = stacked(1)
    count = stacked_modes(images.expand(50, -1, -1, -1), classifier)
    assert count.modes == 1
    assert_close(count.kl, math.log(1000))


def test_labels_do_not_depend_on_the_batch_size(classifier: DigitClassifier) -> None:
    noise = torch.randint(256, (199, 8, 8, 1), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    images = torch.cat([noise, drawn_digits(101)[0]])
    expected = digit_labels(images, classifier, 300)
    for batch_size in (1, 7, 128, 4096):
        assert torch.equal(digit_labels(images, classifier, batch_size), expected)


def test_a_classifier_in_training_mode_is_used_in_evaluation_mode(classifier: DigitClassifier) -> None:
    images, _ = drawn_digits(50)
    training = load_digit_classifier().train()
    assert torch.equal(digit_labels(images, training, 5), digit_labels(images, classifier, 50))
    assert training.training


def test_near_ties_are_decided_in_double_precision() -> None:
    class Tied(torch.nn.Module):
        """Digits 0 and 1 tie in float32; in float64 it is 3."""

        def __init__(self) -> None:
            super().__init__()
            self.weight = torch.nn.Parameter(torch.zeros(1))

        def forward(self, x: Tensor) -> Tensor:
            logits = x.new_zeros(len(x), 10)
            logits[:, 3 if x.dtype == torch.float64 else 1] = 1e-9
            return logits

    assert digit_labels(torch.zeros(3, 8, 8, 1, dtype=torch.uint8), Tied()).tolist() == [3, 3, 3]


def test_floats_are_quantised_once(classifier: DigitClassifier) -> None:
    images, _ = stacked(300)
    x = to_float(images.permute(0, 3, 1, 2))
    off = (x + 0.4 / 127.5).clamp(-1, 1)  # less than half a grey level
    assert torch.equal(to_uint8(off).permute(0, 2, 3, 1), images)
    assert stacked_modes(off, classifier) == stacked_modes(images, classifier)


def test_single_digits(classifier: DigitClassifier) -> None:
    images, _ = drawn_digits(2_000)
    count = digit_modes(images, classifier)
    assert (count.modes, count.missing, count.samples) == (10, (), 2_000)
    assert_close(count.kl, 9 / 4_000, atol=0.01, rtol=0)
    none = digit_modes(images[:1].expand(20, -1, -1, -1), classifier)
    assert none.modes == 1
    assert_close(none.kl, math.log(10))


@pytest.mark.parametrize("shape", [(4, 8, 8, 1), (4, 3, 8, 8), (4, 16, 16, 3), (8, 8, 3), (0, 8, 8, 3)])
def test_other_shapes_are_refused(shape: tuple[int, ...], classifier: DigitClassifier) -> None:
    with pytest.raises(UserError):
        stacked_modes(torch.zeros(shape, dtype=torch.uint8), classifier)


def test_images_that_are_no_numbers_are_refused(classifier: DigitClassifier) -> None:
    with pytest.raises(UserError, match="finite"):
        stacked_modes(torch.full((4, 3, 8, 8), torch.nan), classifier)


def gaussians(n: int, mean: Tensor | None = None) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    grid = 2 * torch.cartesian_prod(torch.arange(-2.0, 3), torch.arange(-2.0, 3))
    means = grid[torch.randint(25, (n,), generator=generator)] if mean is None else mean
    return means + 0.05 * torch.randn(n, 2, generator=generator)


def test_true_gaussian_sampler() -> None:
    n = 100_000
    count = gaussian_modes(gaussians(n))
    expected = 1 - math.exp(-4.5)
    assert count.modes == 25
    assert_close(count.high_quality, expected, atol=4 * math.sqrt(expected * (1 - expected) / n), rtol=0)
    assert_close(count.reverse_kl, 24 / (2 * n), atol=4 * math.sqrt(48) / (2 * n), rtol=0)


def test_collapsed_and_far_gaussians() -> None:
    one = gaussian_modes(gaussians(1_000, torch.tensor([[2.0, -4.0]])))
    assert one.modes == 1
    assert_close(one.reverse_kl, math.log(25))
    between = gaussian_modes(torch.tensor([[1.1, 1.1], [40.0, 0.0], [0.0, 0.16]]))
    assert (between.modes, between.high_quality) == (0, 0.0)
    assert_close(gaussian_modes(torch.tensor([[4.14, 0.0], [4.16, 0.0]])).high_quality, 0.5)
    with pytest.raises(UserError):
        gaussian_modes(torch.zeros(3, 3))
    with pytest.raises(UserError, match="finite"):
        gaussian_modes(torch.full((3, 2), torch.nan))


@pytest.mark.parametrize("name", ["stacked-modes", "digit-modes"])
def test_the_table(name: str) -> None:
    images = {"stacked-modes": stacked(200)[0], "digit-modes": drawn_digits(200)[0]}[name]
    scores = METRICS[name](images)
    assert list(scores) == ["modes", "modes_uniform", "kl", "kl_uniform", "samples"]
    assert scores["samples"] == 200
    assert_close(float(scores["modes"]), float(scores["modes_uniform"]), rtol=0.1, atol=0)
    assert_close(float(scores["kl"]), float(scores["kl_uniform"]), rtol=0.1, atol=0.02)


def test_modes_of_mnist_digits_and_their_stacks() -> None:
    """Drawn uniformly all ten are there, as evenly as by chance; stacks of sevens and ones have eight."""
    images, labels = (torch.as_tensor(part) for part in mnist("test"))
    order = torch.arange(400).view(10, 40) * 5  # rows are in the set's order
    found = METRICS["mnist-modes"](images[order.flatten()])
    assert found["modes"] == 10 and found["kl"] < 0.05 and found["samples"] == 400
    some = torch.cat([images[labels == 7][:32], images[labels == 1][:32]])
    channels = torch.stack(
        [some[torch.randperm(64, generator=torch.Generator().manual_seed(c))] for c in range(3)]
    )
    stacks = METRICS["stacked-mnist-modes"](channels[..., 0].permute(1, 2, 3, 0).contiguous())
    assert 6 <= stacks["modes"] <= 10 and stacks["kl"] > 4
    with pytest.raises(UserError, match=r"uint8 \[N, 28, 28, 3\]"):
        METRICS["stacked-mnist-modes"](torch.zeros(2, 8, 8, 3, dtype=torch.uint8))
