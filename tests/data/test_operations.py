"""The operations of an augmentation, by hand."""

import math

import pytest
import torch
from torch import Tensor
from torch.testing import assert_close

from visavis.data.operations import OPERATIONS, color, cutout, flip, jitter, rotate, translate


def index(*values: int) -> Tensor:
    return torch.tensor(values)


@pytest.fixture
def x() -> Tensor:
    return torch.rand(6, 3, 8, 8, generator=torch.Generator().manual_seed(0)) * 2 - 1


def test_flip_and_translation_by_hand() -> None:
    x = torch.arange(9.0).view(1, 1, 3, 3)
    assert_close(translate(x, index(1), index(0))[0, 0], torch.tensor([[0.0, 0, 0], [0, 1, 2], [3, 4, 5]]))
    assert_close(translate(x, index(0), index(-1))[0, 0], torch.tensor([[1.0, 2, 0], [4, 5, 0], [7, 8, 0]]))
    assert_close(flip(x, torch.tensor([True])), x.flip(-1))
    assert_close(flip(x, torch.tensor([False])), x)


def test_cutout_by_hand() -> None:
    holes = cutout(torch.ones(3, 2, 4, 4), index(1, -1, 4), index(2, 0, 4))
    assert holes[0, 0].tolist() == [[1, 1, 1, 1], [1, 1, 0, 0], [1, 1, 0, 0], [1, 1, 1, 1]]
    assert holes[1, 1].tolist() == [[0, 0, 1, 1]] + [[1, 1, 1, 1]] * 3
    assert (holes[2] == 1).all()


def test_color_by_hand(x: Tensor) -> None:
    one, zero = torch.ones(6), torch.zeros(6)
    assert_close(color(x, zero, one, one), x)
    assert_close(color(x, zero + 0.5, one, one), x + 0.5)
    assert_close(color(x, zero, zero, one), x.mean(1, keepdim=True).expand_as(x))
    assert_close(color(x, zero, one, zero), x.mean((1, 2, 3), keepdim=True).expand_as(x))
    assert_close(color(x, zero, one, 2 * one).mean((1, 2, 3)), x.mean((1, 2, 3)))


def test_jitter_by_hand(x: Tensor) -> None:
    one, zero = torch.ones(6), torch.zeros(6)
    assert_close(jitter(x, one, one, one, zero), x)
    assert_close(jitter(x, 0 * one, one, one, zero), -torch.ones_like(x))  # no light
    assert_close(jitter(x, one, 0 * one, one, zero), x.mean((1, 2, 3), keepdim=True).expand_as(x))
    assert_close(jitter(x, one, one, 0 * one, zero), x.mean(1, keepdim=True).expand_as(x))
    third = jitter(x, one, one, one, one * 2 * math.pi / 3)  # a third of a turn: red becomes green
    assert_close(third, x.roll(1, 1))
    grey = x[:, :1]
    assert_close(jitter(grey, one, one, 0 * one, one), grey)  # neither saturation nor hue


def test_a_rotated_blob_lies_where_the_rotation_takes_it() -> None:
    """A Gaussian 5 pixels to the right of the centre and 2 above it, turned by 15° anticlockwise."""
    side, angle = 33, math.radians(15)
    at = torch.arange(side) - (side - 1) / 2

    def blob(right: float, up: float) -> Tensor:
        return torch.exp(-((at[None] - right).square() + (at[:, None] + up).square()) / (2 * 3.0**2))

    turned = rotate(blob(5.0, 2.0)[None, None], torch.tensor([angle]))[0, 0]
    cos, sin = math.cos(angle), math.sin(angle)
    assert_close(turned, blob(5 * cos - 2 * sin, 5 * sin + 2 * cos), atol=0.05, rtol=0)
    assert (turned - blob(5.0, 2.0)).abs().max() > 0.25  # 1.4 pixels at the slope e^-½/3


@pytest.mark.parametrize("name", OPERATIONS)
@pytest.mark.parametrize("channels", [1, 3])
def test_each_is_the_identity_where_it_is_off_and_never_elsewhere_alone(name: str, channels: int) -> None:
    torch.manual_seed(0)
    x, operation = torch.rand(64, channels, 8, 8) * 2 - 1, OPERATIONS[name]
    on = torch.arange(64) < 32
    done = operation.apply(x, *operation.draw(torch.rand(64, operation.numbers), on, 8))
    assert_close(done[32:], x[32:])
    changed = (done[:32] - x[:32]).abs().amax((1, 2, 3)) > 1e-3
    assert changed.float().mean() > 0.3
    assert done.shape == x.shape
