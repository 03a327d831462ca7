import pytest
import torch
from pydantic import ValidationError
from torch import Tensor
from torch.testing import assert_close

from visavis.core import Ramp
from visavis.data.augment import POLICIES, AdaptiveProbability, Augment, augment, draw
from visavis.training import parallel


@pytest.fixture
def x() -> Tensor:
    return torch.rand(6, 3, 8, 8, generator=torch.Generator().manual_seed(0)) * 2 - 1


def test_draws_stay_in_their_ranges() -> None:
    torch.manual_seed(0)
    d = draw(4000, Augment(policy=POLICIES), resolution=32)
    assert 0.45 < d["flip"][0].float().mean() < 0.55
    for shift in d["translation"]:
        assert shift.unique().tolist() == list(range(-4, 5))
    for corner in d["cutout"]:
        assert corner.unique().tolist() == list(range(-8, 24))
    turn, hue = torch.pi / 12, torch.pi / 5
    reals = [*d["color"], *d["rotation"], *d["jitter"]]
    ranges = [(-0.5, 0.5), (0.0, 2.0), (0.5, 1.5), (-turn, turn), *[(0.8, 1.2)] * 3, (-hue, hue)]
    for factor, (low, high) in zip(reals, ranges, strict=True):
        assert low <= factor.min() < low + 0.01 and high - 0.01 < factor.max() <= high


@pytest.mark.parametrize("channels", [1, 3])
def test_policy_and_probability(channels: int, x: Tensor) -> None:
    x = x[:, :channels]
    assert draw(6, Augment(), 8) == {}
    assert augment(x, {}) is x
    assert_close(augment(x, draw(6, Augment(policy=POLICIES, p=0.0), 8)), x)
    torch.manual_seed(0)
    some = draw(4000, Augment(policy=("color",), p=0.25), 8)["color"]
    assert 0.22 < (some[0] != 0).float().mean() < 0.28
    ramp = Augment(policy="color", p=Ramp(start=0.0, end=1.0, images=100))
    early, late = draw(50, ramp, 8, images=0)["color"], draw(50, ramp, 8, images=100)["color"]
    assert (early[0] == 0).all() and (late[0] != 0).all()


def test_each_augmentation_has_a_coin_of_its_own() -> None:
    torch.manual_seed(0)
    d = draw(4000, Augment(policy=("color", "rotation"), p=0.5), 8)
    both = ((d["color"][0] != 0) & (d["rotation"][0] != 0)).float().mean()
    assert 0.22 < both < 0.28


def test_draws_do_not_depend_on_the_policy_or_the_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(1)
    whole = draw(8, Augment(policy=POLICIES), 32)
    after = torch.rand(1)
    torch.manual_seed(1)
    (flip,) = draw(8, Augment(policy="flip"), 32)["flip"]
    assert torch.equal(torch.rand(1), after)
    assert torch.equal(flip, whole["flip"][0])
    monkeypatch.setattr(parallel, "world_size", lambda: 2)
    monkeypatch.setattr(parallel, "rank", lambda: 1)
    torch.manual_seed(1)
    half = draw(4, Augment(policy=POLICIES), 32)
    assert torch.equal(half["translation"][0], whole["translation"][0][4:])


def test_same_draws_same_augmentation_and_one_draw_for_all(x: Tensor) -> None:
    d = draw(6, Augment(policy=POLICIES), 8)
    assert torch.equal(augment(x, d), augment(x.clone(), d))
    assert augment(x, d).shape == x.shape
    torch.manual_seed(2)  # some draw that is not the identity
    same = augment(x[:1].expand(6, -1, -1, -1), draw(6, Augment(policy=POLICIES), 8, shared=True))
    assert torch.equal(same, same[:1].expand_as(same))
    assert not torch.equal(same, x[:1].expand_as(same))


@pytest.mark.parametrize("channels", [1, 3])
def test_differentiable_twice(channels: int) -> None:
    torch.manual_seed(0)
    x = torch.rand(2, channels, 4, 4, dtype=torch.float64, requires_grad=True)
    d = draw(2, Augment(policy=POLICIES), 4)
    assert torch.autograd.gradcheck(lambda x: augment(x, d), x)
    assert torch.autograd.gradgradcheck(lambda x: augment(x, d) ** 2, x)


def test_the_adaptive_probability_rises_while_d_is_too_sure_and_falls_else() -> None:
    ada = AdaptiveProbability()
    sure, unsure = torch.tensor([2.0, 0.1, 3.0, 1.0]), torch.tensor([2.0, -0.1, -3.0, 1.0])
    assert_close(ada.follow(sure, 0.6, 0.25), torch.tensor(1.0))
    ada.follow(sure, 0.6, 0.25)
    assert_close(ada.p, torch.tensor(0.5))
    assert_close(ada.follow(unsure, 0.6, 0.125), torch.tensor(0.0))
    assert_close(ada.p, torch.tensor(0.375))
    for _ in range(9):
        ada.follow(unsure, 0.6, 0.125)
    assert ada.p == 0
    for _ in range(9):
        ada.follow(sure, 0.6, 0.125)
    assert ada.p == 1
    torch.manual_seed(0)
    half = draw(4000, Augment(policy="color", target=0.6), 8, p=torch.tensor(0.5))["color"][0]
    assert 0.46 < (half != 0).float().mean() < 0.54


def test_mistakes() -> None:
    with pytest.raises(ValidationError, match=r"unknown augmentation 'colour'; did you mean 'color'\?"):
        Augment(policy="colour")
    with pytest.raises(ValidationError, match="allowed: 0 to 1"):
        Augment(p=1.5)
    with pytest.raises(ValidationError, match="of nothing"):
        Augment(target=0.6)
    with pytest.raises(ValidationError, match="less than 1"):
        Augment(policy="flip", target=1.0)
