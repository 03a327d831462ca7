import pytest
import torch
from pydantic import ValidationError
from torch import Tensor
from torch.testing import assert_close

from visavis.core import Ramp
from visavis.data.augment import POLICIES, Augment, Draws, augment, color, cutout, draw, move
from visavis.training import parallel

NOTHING = Draws(None, None, None, None)


def index(*values: int) -> Tensor:
    return torch.tensor(values)


@pytest.fixture
def x() -> Tensor:
    return torch.rand(6, 3, 8, 8, generator=torch.Generator().manual_seed(0)) * 2 - 1


def test_move_by_hand() -> None:
    x = torch.arange(9.0).view(1, 1, 3, 3)
    no, yes = torch.tensor([False]), torch.tensor([True])
    assert_close(move(x, no, index(1), index(0))[0, 0], torch.tensor([[0.0, 0, 0], [0, 1, 2], [3, 4, 5]]))
    assert_close(move(x, no, index(0), index(-1))[0, 0], torch.tensor([[1.0, 2, 0], [4, 5, 0], [7, 8, 0]]))
    assert_close(move(x, yes, index(0), index(0)), x.flip(-1))
    assert_close(move(x, yes, index(0), index(1))[0, 0], torch.tensor([[0.0, 2, 1], [0, 5, 4], [0, 8, 7]]))


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


def test_draws_stay_in_the_paper_s_ranges() -> None:
    torch.manual_seed(0)
    d = draw(4000, Augment(policy=POLICIES), resolution=32)
    assert d.flip is not None and d.shift is not None and d.hole is not None and d.color is not None
    assert 0.45 < d.flip.float().mean() < 0.55
    for shift in d.shift:
        assert shift.unique().tolist() == list(range(-4, 5))
    for corner in d.hole:
        assert corner.unique().tolist() == list(range(-8, 24))
    for factor, (low, high) in zip(d.color, [(-0.5, 0.5), (0.0, 2.0), (0.5, 1.5)], strict=True):
        assert low <= factor.min() < low + 0.01 and high - 0.01 < factor.max() <= high


def test_policy_and_probability(x: Tensor) -> None:
    assert draw(6, Augment(), 8) == NOTHING
    assert augment(x, NOTHING) is x
    assert_close(augment(x, draw(6, Augment(policy=POLICIES, p=0.0), 8)), x)
    torch.manual_seed(0)
    some = draw(4000, Augment(policy=("color",), p=0.25), 8).color
    assert some is not None and 0.22 < (some[0] != 0).float().mean() < 0.28
    ramp = Augment(policy="color", p=Ramp(start=0.0, end=1.0, images=100))
    early, late = draw(50, ramp, 8, images=0).color, draw(50, ramp, 8, images=100).color
    assert early is not None and late is not None
    assert (early[0] == 0).all() and (late[0] != 0).all()


def test_draws_do_not_depend_on_the_policy_or_the_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(1)
    whole = draw(8, Augment(policy=POLICIES), 32)
    after = torch.rand(1)
    torch.manual_seed(1)
    flip = draw(8, Augment(policy="flip"), 32).flip
    assert torch.equal(torch.rand(1), after)
    assert flip is not None and whole.flip is not None and torch.equal(flip, whole.flip)
    monkeypatch.setattr(parallel, "world_size", lambda: 2)
    monkeypatch.setattr(parallel, "rank", lambda: 1)
    torch.manual_seed(1)
    half = draw(4, Augment(policy=POLICIES), 32)
    assert (
        half.shift is not None and whole.shift is not None and torch.equal(half.shift[0], whole.shift[0][4:])
    )


def test_same_draws_same_augmentation(x: Tensor) -> None:
    d = draw(6, Augment(policy=POLICIES), 8)
    assert torch.equal(augment(x, d), augment(x.clone(), d))
    assert augment(x, d).shape == x.shape


def test_differentiable_twice() -> None:
    torch.manual_seed(0)
    x = torch.rand(2, 3, 4, 4, dtype=torch.float64, requires_grad=True)
    d = draw(2, Augment(policy=POLICIES), 4)
    assert torch.autograd.gradcheck(lambda x: augment(x, d), x)
    assert torch.autograd.gradgradcheck(lambda x: augment(x, d) ** 2, x)


def test_mistakes() -> None:
    with pytest.raises(ValidationError, match=r"unknown augmentation 'colour'; did you mean 'color'\?"):
        Augment(policy="colour")
    with pytest.raises(ValidationError, match="allowed: 0 to 1"):
        Augment(p=1.5)
