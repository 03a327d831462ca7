"""A class's own normalisation."""

import torch
from torch.testing import assert_close

from visavis.networks.conditional import ClassBatchNorm2d, VectorBatchNorm2d


def test_a_class_has_its_own_gain_and_shift() -> None:
    torch.manual_seed(0)
    norm = ClassBatchNorm2d(4, 3)
    x, y = torch.randn(6, 4, 5, 5) * 3 + 1, torch.tensor([0, 1, 2, 0, 1, 2])
    plain = torch.nn.functional.batch_norm(x, None, None, training=True)
    assert_close(norm(x, y), plain)
    with torch.no_grad():
        norm.gain.weight[2] = 5.0
        norm.shift.weight[1] = -2.0
    expected = plain.clone()
    expected[y == 2] *= 5
    expected[y == 1] -= 2
    assert_close(norm(x, y), expected)


def test_a_vector_sets_the_gain_around_one() -> None:
    torch.manual_seed(0)
    norm, vector = VectorBatchNorm2d(4, 3).eval(), torch.randn(2, 3)
    x = torch.randn(2, 4, 5, 5)
    plain = x / (1 + 1e-5) ** 0.5
    assert_close(norm(x, torch.zeros(2, 3)), plain)
    gain = 1 + vector @ norm.gain.normed().T
    shift = vector @ norm.shift.normed().T
    assert_close(norm(x, vector), plain * gain[..., None, None] + shift[..., None, None])
