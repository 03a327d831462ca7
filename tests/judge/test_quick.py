import numpy as np
import pytest
import torch
from flat_features import FlatExtractor

from visavis.data import DataConfig
from visavis.data.digits import digits
from visavis.errors import UserError
from visavis.judge.quick import authenticity_of_real, judge, judge_held_out
from visavis.judge.reference import Real, open_real

NAMES = ("fd", "kd", "precision", "recall", "density", "coverage", "duplicates")


@pytest.fixture(scope="module")
def real() -> Real:
    return open_real(DataConfig(source="digits"), FlatExtractor())


def test_held_out_images_beat_a_collapsed_generator_and_noise(real: Real) -> None:
    held_out = judge_held_out(300, real, NAMES)
    assert held_out is not None and list(held_out) == list(NAMES)
    one = torch.from_numpy(digits("train")[0][:1]).expand(300, -1, -1, -1)
    collapsed = judge(one, real, NAMES)
    noise = judge(torch.randint(0, 256, (300, 8, 8, 1), dtype=torch.uint8), real, NAMES)
    assert held_out["duplicates"] < 0.05 and collapsed["duplicates"] == 1
    for other in (collapsed, noise):
        assert other["fd"] > 5 * held_out["fd"] and other["kd"] > abs(held_out["kd"])
        assert other["coverage"] < 0.1 < held_out["coverage"]
    assert noise["precision"] < 0.1 and collapsed["recall"] < 0.1


def test_only_what_is_asked_is_given_in_that_order(real: Real) -> None:
    images = torch.from_numpy(digits("test")[0][:50])
    assert list(judge(images, real, ("coverage", "fd"))) == ["coverage", "fd"]
    with pytest.raises(UserError, match="unknown figure 'fdd'"):
        judge(images, real, ("fdd",))


def test_order_and_repetition_change_nothing(real: Real) -> None:
    images = torch.from_numpy(digits("test")[0][:100])
    one = judge(images, real, NAMES)
    other = judge(images[torch.from_numpy(np.random.default_rng(0).permutation(100))], real, NAMES)
    assert judge(images, real, NAMES) == one
    assert one == pytest.approx(other, rel=1e-6, abs=1e-9)


def test_too_few_held_out_images_give_no_null(real: Real) -> None:
    assert judge_held_out(360, real) is None


def test_authenticity_tells_copies_from_held_out_images(real: Real) -> None:
    assert real.held_out is not None
    unseen, seen = (part.read(np.arange(200)).copy() for part in (real.held_out, real.reference))
    noise = np.random.default_rng(0).integers(-6, 7, seen.shape)
    copied = np.clip(seen + noise, 0, 255).astype(np.uint8)
    by_real = authenticity_of_real(real, 200)
    of_unseen, of_copies = (
        judge(torch.from_numpy(images), real, ("authenticity",))["authenticity"]
        for images in (unseen, copied)
    )
    assert abs(of_unseen - by_real) < 0.12, "held-out images are as reference images beside the others"
    assert of_copies < 0.1 < by_real
