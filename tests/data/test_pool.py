"""The pool of generated images: what it shows, what it keeps, and that a checkpoint holds it."""

import pytest
import torch

from visavis.data.pool import ImagePool


def numbered(first: int, n: int) -> torch.Tensor:
    """``n`` images, each filled with its own number."""
    return torch.arange(first, first + n).float()[:, None, None, None].expand(-1, 3, 2, 2).clone()


def numbers(images: torch.Tensor) -> list[int]:
    assert (images == images[:, :1, :1, :1]).all()
    return [int(image[0, 0, 0]) for image in images]


def test_while_it_fills_it_shows_what_it_is_given() -> None:
    pool = ImagePool(5)
    assert numbers(pool(numbered(0, 3)).x) == [0, 1, 2]
    assert numbers(pool.images) == [0, 1, 2]
    shown = numbers(pool(numbered(3, 3)).x)
    assert shown[:2] == [3, 4] and len(pool.images) == 5


def test_a_full_pool_shows_a_new_image_or_exchanges_it_for_an_old_one() -> None:
    torch.manual_seed(0)
    pool = ImagePool(5)
    pool(numbered(0, 5))
    own = old = 0
    for first in range(5, 1005, 4):
        before = numbers(pool.images)
        shown, fresh = numbers(pool(numbered(first, 4)).x), range(first, first + 4)
        after = numbers(pool.images)
        assert len(set(after)) == 5
        assert sorted(before + list(fresh)) == sorted(after + shown), "no image is lost or doubled"
        own += sum(a == b for a, b in zip(shown, fresh, strict=True))
        old += sum(a != b for a, b in zip(shown, fresh, strict=True))
    assert own + old == 1000
    assert 440 <= own <= 560  # 4 standard deviations


def test_every_place_is_exchanged_as_often() -> None:
    torch.manual_seed(0)
    pool, counts = ImagePool(4), torch.zeros(4)
    pool(numbered(0, 4))
    for first in range(4, 1204):
        before = pool.images.clone()
        pool(numbered(first, 1))
        counts += (pool.images != before)[:, 0, 0, 0]
    assert (counts / counts.sum() - 0.25).abs().max() < 0.07


def test_the_same_seed_shows_the_same_however_full_it_is() -> None:
    for size in (3, 50):
        pool = ImagePool(size)
        pool(numbered(0, 3))
        torch.manual_seed(7)
        pool(numbered(3, 4))
        assert torch.rand(1).item() == pytest.approx(_after_a_full_pool())


def _after_a_full_pool() -> float:
    pool = ImagePool(1)
    pool(numbered(0, 1))
    torch.manual_seed(7)
    pool(numbered(3, 4))
    return torch.rand(1).item()


@pytest.mark.parametrize("held", [0, 3, 6])
def test_a_copy_made_from_its_state_goes_on_in_the_same_way(held: int) -> None:
    pool, copy = ImagePool(6), ImagePool(6)
    if held:
        pool(numbered(0, held))
    state = {name: value.clone() for name, value in pool.state_dict().items()}
    assert state["images"].shape[0] == held
    copy.load_state_dict(state)
    for each in (pool, copy):
        torch.manual_seed(1)
        each.shown = [each(numbered(10 * step, 4)).x for step in range(1, 6)]
    assert all(torch.equal(a, b) for a, b in zip(pool.shown, copy.shown, strict=True))
    assert torch.equal(pool.images, copy.images)


def test_it_gives_no_gradients_does_not_touch_what_it_is_given_and_keeps_its_layout() -> None:
    pool = ImagePool(2)
    for first in (0, 4):
        fresh = numbered(first, 4).contiguous(memory_format=torch.channels_last).requires_grad_()
        kept = fresh.detach().clone()
        shown = pool(fresh).x
        assert not shown.requires_grad and torch.equal(fresh, kept)
        assert shown.is_contiguous(memory_format=torch.channels_last)


def test_an_old_image_is_shown_with_its_own_label() -> None:
    torch.manual_seed(0)
    pool, old = ImagePool(4), 0
    for first in range(0, 200, 4):
        fresh = numbered(first, 4)
        shown = pool(fresh, torch.arange(first, first + 4) % 7)
        assert shown.y is not None
        assert [n % 7 for n in numbers(shown.x)] == shown.y.tolist()
        old += sum(n < first for n in numbers(shown.x))
    assert old > 50
    copy = ImagePool(4)
    copy.load_state_dict(pool.state_dict())
    assert torch.equal(copy.labels, pool.labels) and len(copy.labels) == 4


def test_a_pool_kept_by_0_1_0_has_no_labels() -> None:
    pool = ImagePool(4)
    pool.load_state_dict({"images": numbered(0, 3)})
    assert numbers(pool.images) == [0, 1, 2] and len(pool.labels) == 0
