"""The named extractors: what they take, what they give, and that nothing but the images moves it."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from pyarrow.parquet import read_table
from torch import Tensor
from torch.testing import assert_close

from visavis.core import Shape
from visavis.data.decode import decode
from visavis.data.digits import digits
from visavis.data.mnist import mnist
from visavis.data.pixels import to_float
from visavis.errors import UserError
from visavis.metrics.features import Extractor, default_features, features_beside, load_extractor
from visavis.metrics.features.resize import RESIZE
from visavis.metrics.frechet import frechet_distance
from visavis.metrics.kernel import kernel_distance
from visavis.metrics.manifold import manifold
from visavis.networks.cifar_classifier import CIFAR10R, CIFAR10R_SHA256, CLASSES, load_cifar_classifier
from visavis.networks.classifier import DIGITSR, DIGITSR_SHA256, load_digit_classifier
from visavis.networks.mnist_classifier import MNISTR_SHA256, load_mnist_classifier
from visavis.networks.patch_mixer import CIFAR10S_SHA256, load_patch_mixer

CIFAR = Path(__file__).parents[4] / "shared" / "data" / "cifar10"


def noise(n: int, side: int = 32, channels: int = 3) -> Tensor:
    draws = torch.Generator().manual_seed(0)
    return torch.randint(0, 256, (n, side, side, channels), generator=draws, dtype=torch.uint8)


@pytest.fixture(scope="module")
def cifar10r() -> Extractor:
    """In small batches, for the tests' time."""
    return replace(load_extractor("cifar10r"), batch_size=8)


def test_the_default_goes_by_the_images() -> None:
    assert default_features(Shape(1, 8)) == default_features(Shape(3, 8)) == "digitsr"
    assert default_features(Shape(1, 28)) == default_features(Shape(3, 28)) == "mnistr"
    assert default_features(Shape(3, 32)) == default_features(Shape(1, 64)) == "cifar10r"


def test_digitsr_reads_digits_and_stacks_of_them() -> None:
    extractor = load_extractor("digitsr")
    assert (extractor.name, extractor.sha256, extractor.dims) == ("digitsr", DIGITSR_SHA256, 64)
    assert (extractor.resize, extractor.classes) == ("none", tuple("0123456789"))
    images, labels = (torch.as_tensor(part) for part in digits("test"))
    found = extractor(images)
    classifier = load_digit_classifier()
    assert_close(found.vectors, classifier.features(to_float(images.permute(0, 3, 1, 2))))
    assert found.logits is not None
    assert (found.logits.argmax(1) == labels).double().mean() > 0.98

    stacks = torch.cat([images[:5], images[5:10], images[10:15]], 3)
    stacked = extractor(stacks)
    assert stacked.logits is None
    each = [extractor(stacks[..., c : c + 1]).vectors for c in range(3)]
    assert_close(stacked.vectors, torch.cat(each, 1))


def test_mnistr_reads_digits_and_stacks_of_them() -> None:
    extractor = replace(load_extractor("mnistr"), batch_size=32)
    assert (extractor.sha256, extractor.dims, extractor.resize) == (MNISTR_SHA256, 64, "none")
    images, labels = (torch.as_tensor(part[:96]) for part in mnist("test"))
    found = extractor(images)
    assert_close(
        found.vectors,
        load_mnist_classifier().features(to_float(images.permute(0, 3, 1, 2))),
        rtol=1e-4,
        atol=1e-5,
    )
    assert found.logits is not None and (found.logits.argmax(1) == labels).double().mean() > 0.97
    stacked = extractor(torch.cat([images[:5], images[5:10], images[10:15]], 3))
    assert stacked.logits is None
    each = [found.vectors[5 * c : 5 * c + 5] for c in range(3)]
    assert_close(stacked.vectors, torch.cat(each, 1), rtol=1e-4, atol=1e-5)


def test_cifar10r_is_the_shipped_network_on_pixels_as_they_are(cifar10r: Extractor) -> None:
    assert (cifar10r.sha256, cifar10r.resize, cifar10r.classes) == (CIFAR10R_SHA256, "bicubic-pil", CLASSES)
    images = noise(11)
    found = cifar10r(images)
    network = load_cifar_classifier()
    x = to_float(images.permute(0, 3, 1, 2))
    assert_close(found.vectors, network.features(x), rtol=1e-5, atol=1e-5)
    assert found.logits is not None
    assert_close(found.logits, network(x), rtol=1e-5, atol=1e-5)
    assert found.vectors.shape == (11, cifar10r.dims)
    assert found.vectors.dtype == found.logits.dtype == torch.float32


def test_cifar10s_is_the_shipped_network_and_names_no_class() -> None:
    extractor = replace(load_extractor("cifar10s"), batch_size=8)
    assert (extractor.sha256, extractor.resize, extractor.classes) == (CIFAR10S_SHA256, "bicubic-pil", ())
    images = noise(11)
    found = extractor(images)
    assert found.logits is None and found.vectors.shape == (11, extractor.dims)
    assert_close(
        found.vectors, load_patch_mixer()(to_float(images.permute(0, 3, 1, 2))), rtol=1e-4, atol=1e-5
    )
    assert_equal_to_rounding(replace(extractor, batch_size=3)(images).vectors, found.vectors)


def test_where_a_generator_was_trained_in_features_others_judge_it() -> None:
    assert features_beside(Shape(3, 32), ()) == "cifar10r"
    assert features_beside(Shape(3, 32), ("cifar10r",)) == "cifar10s"
    assert features_beside(Shape(1, 28), ("mnistr",)) == "mnistr"  # and is told that it flatters


def test_other_sizes_are_resized_by_the_named_rule_and_grey_becomes_rgb(cifar10r: Extractor) -> None:
    large = noise(2, 48)
    for rule, resize in RESIZE.items():
        extractor = replace(load_extractor("cifar10r", resize=rule), batch_size=2)
        assert extractor.resize == rule
        x = resize(large.permute(0, 3, 1, 2).float(), 32) / 127.5 - 1
        assert_close(extractor(large).vectors, load_cifar_classifier().features(x), rtol=1e-5, atol=1e-5)
    grey = noise(2, 32, 1)
    assert torch.equal(cifar10r(grey).vectors, cifar10r(grey.expand(-1, -1, -1, 3)).vectors)


def assert_equal_to_rounding(found: Tensor, expected: Tensor, rounding: float = 1e-6) -> None:
    """Each vector to ``rounding`` of its length."""
    assert ((found - expected).norm(dim=1) / expected.norm(dim=1)).max() <= rounding


def test_values_depend_on_neither_batch_nor_order(cifar10r: Extractor) -> None:
    images = noise(11)
    expected = cifar10r(images).vectors
    for size in (2, 3, 16):
        assert_equal_to_rounding(replace(cifar10r, batch_size=size)(images).vectors, expected)
    one = replace(cifar10r, batch_size=1)(images).vectors
    assert_equal_to_rounding(one, expected, 3e-6)  # sums of one image are taken by another kernel
    order = torch.randperm(11, generator=torch.Generator().manual_seed(1))
    assert_equal_to_rounding(cifar10r(images[order]).vectors, expected[order])
    assert_equal_to_rounding(cifar10r(images[4:5]).vectors, expected[4:5])


def test_figures_do_not_depend_on_the_batch(cifar10r: Extractor) -> None:
    images = noise(80)
    others = torch.cat([images[:20] ^ 3, images[60:] // 2 + 60])  # some nearly the same, some paler
    found = []
    for size in (1, 3, 8, 16):
        extractor = replace(cifar10r, batch_size=size)
        made, real = extractor(images[:60]).vectors, extractor(others).vectors
        distances = [frechet_distance(made, real).value, kernel_distance(made, real).value]
        balls = manifold(made, real)
        found.append([*distances, balls.precision, balls.recall, balls.density, balls.coverage])
        assert_close(found[-1], found[0], rtol=1e-6, atol=0)
    assert all(value > 0 for value in found[0])


def test_values_do_not_depend_on_the_number_of_threads(cifar10r: Extractor) -> None:
    images, before = noise(8), torch.get_num_threads()
    expected = cifar10r(images).vectors
    torch.set_num_threads(3 - min(before, 2))
    try:
        found = cifar10r(images).vectors
    finally:
        torch.set_num_threads(before)
    assert_equal_to_rounding(found, expected)


def test_neither_autocast_nor_reduced_precision_takes_part(cifar10r: Extractor) -> None:
    images = noise(3)
    expected = cifar10r(images).vectors
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("medium")
    try:
        with torch.autocast("cpu", torch.bfloat16):
            assert torch.equal(cifar10r(images).vectors, expected)
        assert torch.get_float32_matmul_precision() == "medium"
    finally:
        torch.set_float32_matmul_precision(before)


@pytest.mark.parametrize(
    ("name", "images", "told"),
    [
        ("digitsr", noise(2, 32), "8x8x1, 8x8x3"),
        ("digitsr", noise(2, 8, 2), "8x8x1, 8x8x3"),
        ("digitsr", noise(2, 8, 1).float(), "uint8"),
        ("digitsr", noise(2, 8, 1)[0], "uint8"),
        ("digitsr", noise(2, 8, 1)[:0], "at least 1"),
        ("cifar10r", noise(2, 32, 4), "1 or 3 channels"),
        ("cifar10r", noise(2, 32)[:, :30], "N, H, H, C"),
    ],
)
def test_images_that_cannot_be_read_are_refused_in_one_line(name: str, images: Tensor, told: str) -> None:
    with pytest.raises(UserError, match=told) as caught:
        load_extractor(name)(images)
    assert "\n" not in str(caught.value)


def test_digits_of_another_size_are_read_where_a_rule_is_given() -> None:
    small = torch.as_tensor(digits("test")[0])[:64]
    larger = small.repeat_interleave(2, 1).repeat_interleave(2, 2)  # each pixel four times
    with pytest.raises(UserError, match="another size with a resize rule"):
        load_extractor("digitsr")(larger)
    read = load_extractor("digitsr", resize="bilinear")  # halving by it takes the mean of four
    assert read.resize == "bilinear"
    assert_close(read(larger).vectors, load_extractor("digitsr")(small).vectors, rtol=1e-4, atol=1e-4)
    assert torch.equal(read(small).vectors, load_extractor("digitsr")(small).vectors)


def test_names_and_rules_that_are_unknown_are_refused() -> None:
    with pytest.raises(UserError, match=r"did you mean 'cifar10[rs]'"):
        load_extractor("cifar10")
    with pytest.raises(UserError, match="did you mean 'bilinear'"):
        load_extractor("cifar10r", resize="bilinea")
    with pytest.raises(UserError, match="32x32"):
        load_extractor("cifar10r", resize="none")(noise(1, 48))


@pytest.mark.parametrize(("name", "shipped"), [("digitsr", DIGITSR), ("cifar10r", CIFAR10R)])
def test_corrupt_and_missing_weights_are_refused(name: str, shipped: Path, tmp_path: Path) -> None:
    path = tmp_path / "weights.safetensors"
    content = bytearray(shipped.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    with pytest.raises(UserError, match="corrupt or others") as caught:
        load_extractor(name, path)
    assert "\n" not in str(caught.value)
    with pytest.raises(UserError, match="no weights at"):
        load_extractor(name, tmp_path / "none")
    assert load_extractor(name, shipped).name == name


@pytest.mark.skipif(not CIFAR.is_dir(), reason="CIFAR-10 is not here")
def test_cifar10r_names_real_test_images() -> None:
    table = read_table(next(CIFAR.rglob("test-*.parquet")))[:500]
    images = np.stack([decode(each["bytes"], None) for each in table["img"].to_pylist()])
    found = load_extractor("cifar10r")(torch.from_numpy(images))
    assert found.logits is not None
    right = found.logits.argmax(1) == torch.tensor(table["label"].to_pylist())
    assert right.double().mean() >= 0.9
